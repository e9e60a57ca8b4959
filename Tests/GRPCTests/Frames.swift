/// HTTP/2 frames as a client may send them that keeps no rules (RFC 9113 section 4.1).
enum Frames {
  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, stream: 0)

  static func frame(_ type: UInt8, _ flags: UInt8 = 0, stream: UInt32, _ payload: [UInt8] = []) -> [UInt8] {
    let size = payload.count
    return [
      UInt8(truncatingIfNeeded: size >> 16), UInt8(truncatingIfNeeded: size >> 8), UInt8(truncatingIfNeeded: size),
    ]
      + [type, flags] + (0..<4).map { UInt8(truncatingIfNeeded: stream >> (24 - 8 * UInt32($0))) } + payload
  }

  /// HEADERS; END_HEADERS is 4, END_STREAM 1.
  static func headers(_ stream: UInt32, _ fields: [(String, String)] = fields("Say"), flags: UInt8 = 4) -> [UInt8] {
    frame(1, flags, stream: stream, fields.flatMap { block($0.0, $0.1) })
  }

  static func data(_ stream: UInt32, _ payload: [UInt8], ends: Bool = false) -> [UInt8] {
    frame(0, ends ? 1 : 0, stream: stream, payload)
  }

  static func continuation(_ stream: UInt32, _ payload: [UInt8] = [], flags: UInt8 = 0) -> [UInt8] {
    frame(9, flags, stream: stream, payload)
  }

  static func reset(_ stream: UInt32) -> [UInt8] { frame(3, stream: stream, [0, 0, 0, 8]) }

  static func ping() -> [UInt8] { frame(6, stream: 0, [UInt8](repeating: 7, count: 8)) }

  static let settings = frame(4, stream: 0)

  static func fields(_ method: String) -> [(String, String)] {
    [
      (":method", "POST"), (":scheme", "http"), (":path", "/test.Echo/\(method)"), (":authority", "test"),
      ("content-type", "application/grpc"), ("te", "trailers"),
    ]
  }

  /// A literal field that is not indexed, without Huffman's code (RFC 7541 section 6.2.2).
  static func block(_ name: String, _ value: String) -> [UInt8] { [0] + text(name) + text(value) }

  private static func text(_ text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    if bytes.count < 127 { return [UInt8(bytes.count)] + bytes }
    var length: [UInt8] = [127]
    var rest = bytes.count - 127
    while rest >= 128 {
      length.append(UInt8(rest & 127) | 128)
      rest >>= 7
    }
    return length + [UInt8(rest)] + bytes
  }

  /// The types and payloads of whole frames.
  static func parse(_ bytes: [UInt8]) -> [(type: UInt8, flags: UInt8, stream: UInt32, payload: [UInt8])] {
    var all: [(type: UInt8, flags: UInt8, stream: UInt32, payload: [UInt8])] = []
    var rest = bytes[...]
    while rest.count >= 9 {
      let head = Array(rest.prefix(9))
      let size = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
      let stream = head[5...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      all.append((head[3], head[4], stream, Array(rest.dropFirst(9).prefix(size))))
      rest = rest.dropFirst(9 + size)
    }
    return all
  }

  /// The error code of the last GOAWAY, if there is one.
  static func goAway(_ bytes: [UInt8]) -> UInt32? {
    parse(bytes).last { $0.type == 7 }.map { $0.payload[4..<8].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } }
  }
}
