import FuzzKit

@testable import HTTP

/// The first byte chooses who sends and the limit, up to 7 the sizes of the pieces, the rest is what a server sends before it ends the
/// connection: what is made of it does not depend on how it was cut, nor on what the parser has read before.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var feed = InputFeed(start, count)
  let choice = feed.byte()
  let limit_bytes = choice & 1 == 1 ? 32 : 1 << 20
  let pieces = (0..<Int(choice >> 1 & 7)).map { _ in 1 + Int(feed.byte()) }
  let bytes = feed.takeRest()
  var parser = ReplyParser(of: choice & 16 == 0 ? .anyServer : .instance)
  let whole = parser.read(bytes, inPiecesOf: [], limit_bytes)
  parser.reset()
  let torn = parser.read(bytes, inPiecesOf: pieces, limit_bytes)
  require(torn == whole, "pieces of \(pieces) are read as \(torn), and all at once as \(whole)")
  parser.reset()
  let single = parser.read(bytes, inPiecesOf: [1], limit_bytes)
  require(single == whole, "single bytes are read as \(single), and all at once as \(whole)")
  return 0
}

private struct Reading: Equatable {
  var outcome = ReplyParser.Outcome.more
  var status = 0
  var location: String?
  var keepsAlive = false
  var body: [UInt8] = []
  /// Of an instance.
  var own: [String] = []
}

extension ReplyParser {
  fileprivate mutating func read(_ bytes: [UInt8], inPiecesOf sizes: [Int], _ limit_bytes: Int) -> Reading {
    var reading = Reading()
    var (at, turn) = (0, 0)
    while at < bytes.count && reading.outcome == .more {
      let end = min(at + (sizes.isEmpty ? bytes.count : sizes[turn % sizes.count]), bytes.count)
      reading.outcome = withCopy(bytes[at..<end]) { take($0, limit_bytes: limit_bytes) }
      require(reply.bodyBytes.count <= limit_bytes, "a body longer than its limit")
      (at, turn) = (end, turn + 1)
    }
    switch reading.outcome {
    case .more: reading.outcome = end()
    // Bytes of an instance behind a reply are nothing that was asked for.
    case .done where sender == .instance && at < bytes.count:
      reading.outcome = .bad("more follows than its length says")
    default: break
    }
    guard reading.outcome == .done else { return reading }
    (reading.status, reading.location, reading.keepsAlive) = (status, field("Location"), keepsAlive)
    reading.body = Array(reply.bodyBytes)
    reading.own = ["\(reply.status) \(reply.contentType) \(reply.retryAfter_s ?? -1) \(reply.isUnknown)"]
    require(sender == .anyServer || length == reading.body.count, "a body of another length than was told")
    return reading
  }
}
