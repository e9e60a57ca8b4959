import FuzzKit

/// What a client does next, or what happens beside it.
enum Step {
  case bytes([UInt8])
  /// The connection's timer fires.
  case time
  /// An answer that was put off comes.
  case answer
  case drain

  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, 0, 0, [])

  private static let methods = ["Echo", "Later", "Watch", "Chat", "Large", "Fail", "None"]

  static func next(_ feed: inout InputFeed) -> Step {
    let kind = feed.byte()
    let stream = UInt32(feed.byte() & 31)
    switch kind & 15 {
    case 0, 1, 2: return .bytes(call(stream, &feed))
    case 3: return .bytes(frame(0, feed.byte() & 1, stream, framed(feed.take(Int(feed.byte())))))
    case 4: return .bytes(frame(0, feed.byte() & 9, stream, feed.take(Int(feed.byte()))))
    case 5: return .bytes(frame(3, 0, stream, [0, 0, 0, 8]))
    case 6: return .bytes(frame(6, feed.byte() & 1, 0, [UInt8](repeating: 1, count: 8)))
    case 7: return .bytes(frame(4, 0, 0, [0, 4] + feed.take(4)))
    case 8: return .bytes(frame(8, 0, stream, [0, 0] + feed.take(2)))
    case 9: return .bytes(frame(9, feed.byte() & 4, stream, feed.take(Int(feed.byte()))))
    case 10: return .bytes(frame(feed.byte(), feed.byte(), stream, feed.take(Int(feed.byte()))))
    case 11: return .time
    case 12: return .answer
    case 13: return kind & 0x30 == 0 ? .drain : .time
    case 14: return .bytes(frame(1, feed.byte() & 5, stream, feed.take(Int(feed.byte()))))
    default: return .bytes(feed.take(Int(stream)))
    }
  }

  /// A header that is mostly good, and mostly a message with it.
  private static func call(_ stream: UInt32, _ feed: inout InputFeed) -> [UInt8] {
    let choice = feed.byte()
    var fields = [
      (":method", choice & 0x80 == 0 ? "POST" : "GET"), (":scheme", "http"), (":authority", "a"),
      (":path", "/a/\(methods[Int(choice & 7) % methods.count])"), ("content-type", "application/grpc"),
    ]
    if choice & 8 != 0 { fields.append(("grpc-timeout", String(decoding: feed.take(3), as: UTF8.self))) }
    if choice & 16 != 0 { fields.append(("grpc-encoding", "gzip")) }
    let header = frame(1, choice & 32 == 0 ? 4 : 0, stream, fields.flatMap { [0] + text($0.0) + text($0.1) })
    guard choice & 64 == 0 else { return header }
    return header + frame(0, 1, stream, framed(feed.take(Int(feed.byte() & 63)), isCompressed: choice & 16 != 0))
  }

  private static func text(_ text: String) -> [UInt8] { [UInt8(text.utf8.count & 63)] + Array(text.utf8.prefix(63)) }

  private static func framed(_ message: [UInt8], isCompressed: Bool = false) -> [UInt8] {
    [isCompressed ? 1 : 0, 0, 0, UInt8(message.count >> 8), UInt8(truncatingIfNeeded: message.count)] + message
  }

  private static func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
    [0, UInt8(payload.count >> 8), UInt8(truncatingIfNeeded: payload.count), type, flags]
      + [UInt8(stream >> 24), 0, 0, UInt8(truncatingIfNeeded: stream)] + payload
  }
}
