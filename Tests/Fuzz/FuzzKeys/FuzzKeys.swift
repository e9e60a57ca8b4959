import FuzzKit
import InterestModel

@testable import InterestStore

/// The first byte chooses: a key of the store, or positions as stored, each with its size before it.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var feed = InputFeed(start, count)
  let choice = feed.byte()
  if choice & 1 == 0 {
    checkKey(feed.takeRest())
  } else {
    let numbers = [2, 3, 4][Int(choice >> 1) % 3]
    var operands: [[UInt8]] = []
    while !feed.isEmpty && operands.count < 6 { operands.append(feed.take(Int(feed.byte()) % 64)) }
    for operand in operands { checkPosition(operand, numbers) }
    if !operands.isEmpty { checkFarthest(operands, numbers, rank: Int(choice >> 3) % numbers) }
  }
  return 0
}

/// Every key is of one kind, and a user's lies among its partition's.
private func checkKey(_ key: [UInt8]) {
  let (kind, partition) = withCopy(key) { (StoreKey.kind(of: $0), StoreKey.partition(of: $0)) }
  guard key.count > 2 else { return require(kind == .offsets, "a short key is no partition's") }
  require(partition == UInt16(key[0]) << 8 | UInt16(key[1]), "a key of another partition")
  let isState = Int(partition) < StoreKey.partitionLimit
  require((kind == .state) == isState, "partition \(partition) has \(kind)")
  guard isState else { return }
  let (first, end) = (StoreKey.bytes(partition), StoreKey.bytes(partition + 1))
  require(first.lexicographicallyPrecedes(key), "a user before the partition")
  require(key.lexicographicallyPrecedes(end), "a user behind the partition")
  guard let name = String(validating: key[2...], as: UTF8.self) else { return }
  require(StoreKey.bytes(partition, name) == key, "a key written otherwise")
}

/// What can be read is what would be written.
private func checkPosition(_ bytes: [UInt8], _ count: Int) {
  let numbers = withCopy(bytes) { PositionCodec.decode($0, count) }
  require((numbers != nil) == (bytes.count == 1 + 8 * count && bytes.first == 1), "read against the layout: \(bytes)")
  guard let numbers else { return }
  let written =
    switch count {
    case 2: PositionCodec.encode(numbers[0], numbers[1])
    case 3: PositionCodec.encode(numbers[0], numbers[1], numbers[2])
    default: PositionCodec.encode(numbers[0], numbers[1], numbers[2], numbers[3])
    }
  require(written == bytes, "a position written otherwise")
}

/// The farthest of all is the farthest of the farthest ones, as merges come.
private func checkFarthest(_ operands: [[UInt8]], _ count: Int, rank: Int) {
  func farthest(_ operands: [[UInt8]]) -> [UInt8] {
    withCopies(operands) { copies in
      operands[PositionCodec.farthest(copies, rankedBy: rank, of: count) ?? operands.count - 1]
    }
  }
  let whole = farthest(operands)
  for cut in 1..<max(operands.count, 1) {
    let halves = [farthest(Array(operands[..<cut])), farthest(Array(operands[cut...]))]
    require(farthest(halves) == whole, "merging positions in steps gives another one")
  }
}
