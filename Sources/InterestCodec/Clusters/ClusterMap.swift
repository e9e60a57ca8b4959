import Bytes
import InterestModel

/// A cluster map: which shop is in which group, and the content hash that is its version (DESIGN.md section 4).
public struct ClusterMap: Sendable {
  public let shops: ShopMap
  /// XXH3-128 over the pairs, sorted by the shop's bytes, in hexadecimal: the order of rows does not matter.
  public let hash: String
  /// How many groups it names.
  public let groupCount: Int

  /// Reads a CSV file's bytes: header `shop_id,group_id`, RFC 4180 quoting, LF or CRLF.
  public init(csv bytes: UnsafeRawBufferPointer, name: String) throws(ClusterMapError) {
    var rows = CSVRows(bytes, name: name)
    guard let header = try rows.next(), header.map({ String(decoding: $0, as: UTF8.self) }) == ["shop_id", "group_id"]
    else {
      throw ClusterMapError(name, 1, "the first line must be 'shop_id,group_id'")
    }
    let shops = ShopMap(capacity: bytes.count / 16)
    var pairs: [(shop: [UInt8], group: UInt32)] = []
    while let row = try rows.next() {
      let pair = try Self.pair(row, name, rows.line)
      let feature = pair.shop.withUnsafeBytes { FeatureID.of($0) }
      let known = shops.insert(feature, pair.group)
      if known == 0 {
        pairs.append(pair)
      } else if known != pair.group {
        let shop = String(decoding: pair.shop, as: UTF8.self)
        throw ClusterMapError(
          name, rows.line, "shop '\(shop)' is in group \(known) and in group \(pair.group): name one")
      }
    }
    if pairs.isEmpty { throw ClusterMapError(name, rows.line, "the file names no shop") }
    self.shops = shops
    hash = Self.hash(pairs)
    groupCount = Set(pairs.lazy.map(\.group)).count
  }

  private static func pair(_ row: [[UInt8]], _ name: String, _ line: Int) throws(ClusterMapError) -> (
    shop: [UInt8], group: UInt32
  ) {
    guard row.count == 2 else { throw ClusterMapError(name, line, "\(row.count) columns, and 2 are wanted") }
    guard (1...Behavior.maximumIDLength).contains(row[0].count) else {
      throw ClusterMapError(name, line, "a shop id has 1 to \(Behavior.maximumIDLength) bytes")
    }
    guard String(validating: row[0], as: UTF8.self) != nil else {
      throw ClusterMapError(name, line, "the shop id is not UTF-8")
    }
    let text = String(decoding: row[1], as: UTF8.self)
    guard let group = UInt32(text), group > 0, text.first != "+" else {
      throw ClusterMapError(name, line, "group '\(text)' is not in 1...4294967295 (shops of no group are left out)")
    }
    return (row[0], group)
  }

  private static func hash(_ pairs: [(shop: [UInt8], group: UInt32)]) -> String {
    var hash = ContentHash()
    for pair in pairs.sorted(by: { $0.shop.lexicographicallyPrecedes($1.shop) }) {
      withUnsafeBytes(of: UInt32(pair.shop.count).littleEndian) { hash.update($0) }
      pair.shop.withUnsafeBytes { hash.update($0) }
      withUnsafeBytes(of: pair.group.littleEndian) { hash.update($0) }
    }
    return hash.hexadecimal
  }
}

/// What is wrong with a cluster map, and where.
public struct ClusterMapError: Error, Equatable, CustomStringConvertible, Sendable {
  public let file: String
  public let line: Int
  public let message: String

  init(_ file: String, _ line: Int, _ message: String) {
    self.file = file
    self.line = line
    self.message = message
  }

  public var description: String { "cluster map \(file):\(line): \(message)" }
}
