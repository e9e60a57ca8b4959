import Bytes
import HTTP
import Network
import TestKit

/// Feeds an HTTP connection without a socket, in the way that a network loop does.
struct HTTPDriver: ~Copyable {
  private let connection: ConnectionHandler
  private var pending: [UInt8] = []
  private(set) var output = ByteBuffer()
  private(set) var isClosed = false
  private(set) var isPartial = false

  init(
    handler: some HTTPHandler = EchoHandler(), limits: HTTPLimits = HTTPLimits(), authorizer: Authorizer = .open
  ) {
    connection = HTTPServer(handler: handler, limits: limits, authorizer: authorizer).makeConnection()
  }

  var replies: String { String(decoding: output.bytes, as: UTF8.self) }

  mutating func feed(_ bytes: some Collection<UInt8>) {
    pending += bytes
    while !isClosed {
      let reception = pending.withUnsafeBytes { connection.receive($0, &output) }
      pending.removeFirst(reception.consumed)
      isPartial = false
      switch reception.verdict {
      case .close: isClosed = true
      case .partial:
        isPartial = true
        return
      case .deferred: return
      case .complete, .more: if pending.isEmpty { return }
      }
    }
  }

  mutating func expire() { connection.requestExpired(&output) }

  /// All replies to `text`, cut before each of `cuts`, and whether the connection was closed: `<end>`.
  static func replies(to text: String, cutting cuts: [Int] = [], limits: HTTPLimits = HTTPLimits()) -> String {
    var driver = HTTPDriver(limits: limits)
    let bytes = Array(text.utf8)
    var start = 0
    for cut in cuts + [bytes.count] where cut > start {
      driver.feed(bytes[start..<cut])
      start = cut
    }
    return driver.replies + (driver.isClosed ? "<end>" : driver.isPartial ? "<partial>" : "")
  }
}

/// Answers with what it was asked, so that a test sees what the request became.
final class EchoHandler: HTTPHandler {
  func respond(to request: borrowing HTTPRequest, into response: inout HTTPResponse) {
    if request.matches("/missing") { return response.failNotFound() }
    if request.matches("/big/*") {
      let size = Int(String(decoding: request.segment(1), as: UTF8.self)) ?? 0
      response.body.reserve(size).initializeMemory(as: UInt8.self, repeating: UInt8(ascii: "x"), count: size)
      response.body.commit(size)
      return
    }
    if request.matches("/only-get") {
      guard request.method == .get else { return response.failMethodNotAllowed(allow: "GET, HEAD") }
    }
    response.contentType = HTTPResponse.text
    response.body.append("\(request.method)")
    for index in 0..<request.segmentCount {
      response.body.append(" /")
      response.body.append(request.segment(index))
    }
    for index in 0..<request.parameterCount {
      response.body.append(" ")
      response.body.append(request.parameterName(index))
      response.body.append("=")
      response.body.append(request.parameterValue(index))
    }
    response.body.append(" [")
    response.body.append(request.body)
    response.body.append("]")
  }
}

/// The reply that `EchoHandler` gives with `body`.
func ok(_ body: String, closing: Bool = false) -> String {
  "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: \(body.utf8.count)\r\n"
    + (closing ? "Connection: close\r\n" : "") + "\r\n" + body
}

/// An error's body.
func failure(_ status: String, _ message: String) -> String {
  let words = status.dropFirst(4).lowercased().split(separator: " ").joined(separator: "_")
  let code = status.hasPrefix("503") ? "unavailable" : words
  return "{\"error\":{\"code\":\"\(code)\",\"message\":\"\(message)\"}}\n"
}

/// An error's reply, after which the connection closes.
func refusal(_ status: String, _ message: String) -> String {
  let body = failure(status, message)
  return "HTTP/1.1 \(status)\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
    + "Connection: close\r\n\r\n\(body)<end>"
}
