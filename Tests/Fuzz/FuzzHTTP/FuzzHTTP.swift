import Bytes
import FuzzKit
import HTTP
import Network

/// The first byte chooses the limits, up to 7 the sizes of the pieces, the rest is what a client sends: what it is answered does
/// not depend on how it was cut.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var feed = InputFeed(start, count)
  let choice = feed.byte()
  var limits = HTTPLimits()
  if choice & 1 == 1 { (limits.header_bytes, limits.body_bytes) = (256, 32) }
  let pieces = (0..<Int(choice >> 1 & 7)).map { _ in 1 + Int(feed.byte()) }
  let bytes = feed.takeRest()
  let whole = Exchange(limits).send(bytes, inPiecesOf: [])
  let torn = Exchange(limits).send(bytes, inPiecesOf: pieces)
  require(torn == whole, "pieces of \(pieces) are answered \(text(torn)), and all at once \(text(whole))")
  let single = Exchange(limits).send(bytes, inPiecesOf: [1])
  require(single == whole, "single bytes are answered \(text(single)), and all at once \(text(whole))")
  return 0
}

/// A connection without a socket, fed as a network loop does.
private final class Exchange {
  private let connection: ConnectionHandler
  private var pending: [UInt8] = []
  private var output = ByteBuffer()
  private var end = ""

  init(_ limits: HTTPLimits) { connection = HTTPServer(handler: Echo(), limits: limits).makeConnection() }

  /// All replies, and how the connection stands after them.
  func send(_ bytes: [UInt8], inPiecesOf sizes: [Int]) -> [UInt8] {
    var at = 0
    var turn = 0
    while at < bytes.count && end != "closed" {
      let size = sizes.isEmpty ? bytes.count : sizes[turn % sizes.count]
      feed(bytes[at..<min(at + size, bytes.count)])
      at += size
      turn += 1
    }
    return Array(output.bytes) + Array(end.utf8)
  }

  private func feed(_ bytes: ArraySlice<UInt8>) {
    pending += bytes
    while true {
      let reception = withCopy(pending) { connection.receive($0, &output) }
      require(reception.consumed <= pending.count, "more was consumed than was there")
      let isIdle = reception.consumed == 0
      pending.removeFirst(reception.consumed)
      switch reception.verdict {
      case .close: end = "closed"
      case .partial: end = "partial"
      case .deferred, .more: fail("an answer is put off that was given at once")
      case .complete:
        end = ""
        if pending.isEmpty { return }
        require(!isIdle, "complete, and nothing was consumed")
        continue
      }
      return
    }
  }
}

/// Answers with all that it is told, so that a difference in any of it shows.
private final class Echo: HTTPHandler {
  func respond(to request: borrowing HTTPRequest, into response: inout HTTPResponse) {
    response.body.append("\(request.method)")
    for index in 0..<request.segmentCount { append(request.segment(index), &response) }
    for index in 0..<request.parameterCount {
      append(request.parameterName(index), &response)
      append(request.parameterValue(index), &response)
    }
    append(request.contentType, &response)
    append(request.body, &response)
    do throws(ParameterError) {
      if request.matches("/v1/users/*/sequence") { try request.checkParameters(["groups", "order"]) }
      if let groups = try request.integer("groups", in: -5...100) { response.body.append(decimal: groups) }
    } catch {
      response.fail(error)
    }
  }

  private func append(_ bytes: UnsafeRawBufferPointer, _ response: inout HTTPResponse) {
    response.body.append(UInt8(ascii: "|"))
    response.body.append(bytes)
  }
}

/// On one line.
private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self).debugDescription }
