/// A reply of HTTP/1.1 that was read until its connection ended: of any server, since proxies may stand before interestd.
public struct WholeReply {
  public enum Failure: Error, Equatable {
    /// The first bytes are another protocol's, or none came.
    case notHTTP
    /// It breaks off, or its chunks are none.
    case incomplete
  }

  public private(set) var status = 0
  public private(set) var body: [UInt8] = []
  private var fields: [(name: String, value: String)] = []

  public init(_ bytes: [UInt8]) throws(Failure) {
    var rest = bytes[...]
    repeat { rest = try readHeader(rest) } while (100..<200).contains(status)
    if field("Transfer-Encoding")?.lowercased().contains("chunked") == true {
      body = try Self.unchunked(rest)
    } else if let length = field("Content-Length") {
      guard let count = Int(length), count >= 0, count <= rest.count else { throw .incomplete }
      body = Array(rest.prefix(count))
    } else {
      body = Array(rest)
    }
  }

  /// The first of that name, in any case of letters.
  public func field(_ name: String) -> String? {
    fields.first { $0.name.lowercased() == name.lowercased() }?.value
  }

  /// What follows the header.
  private mutating func readHeader(_ bytes: ArraySlice<UInt8>) throws(Failure) -> ArraySlice<UInt8> {
    guard bytes.starts(with: Array("HTTP/1.".utf8)) else { throw .notHTTP }
    var rest = bytes
    let words = try Self.line(&rest).split(separator: " ")
    guard words.count >= 2, let status = Int(words[1]), (100..<600).contains(status) else { throw .notHTTP }
    self.status = status
    fields = []
    while true {
      let line = try Self.line(&rest)
      if line.isEmpty { return rest }
      guard let colon = line.firstIndex(of: ":") else { throw .notHTTP }
      let value = line[line.index(after: colon)...]
      fields.append((String(line[..<colon]), value.split(separator: " ").joined(separator: " ")))
    }
  }

  /// RFC 9112 section 7.1; extensions and trailers are passed over.
  private static func unchunked(_ bytes: ArraySlice<UInt8>) throws(Failure) -> [UInt8] {
    var (rest, body) = (bytes, [UInt8]())
    while true {
      let digits = try line(&rest).prefix { $0 != ";" && $0 != " " }
      guard let size = Int(digits, radix: 16), size >= 0, size <= rest.count else { throw .incomplete }
      if size == 0 { return body }
      body += rest.prefix(size)
      rest = rest.dropFirst(size)
      guard try line(&rest).isEmpty else { throw .incomplete }
    }
  }

  /// Takes a line, without its end.
  private static func line(_ rest: inout ArraySlice<UInt8>) throws(Failure) -> String {
    guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else { throw .incomplete }
    var line = rest[..<end]
    if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
    rest = rest[(end + 1)...]
    return String(decoding: line, as: UTF8.self)
  }
}
