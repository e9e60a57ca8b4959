import Bytes
import Network
import Threads

/// One connection's HTTP/1.1 (RFC 9112): requests one after the other, each answered before the next is read.
///
/// What cannot be trusted ends the connection with its reply: after it, nobody knows where the next request would begin.
final class HTTPConnection<Handler: HTTPHandler>: ConnectionHandler, DeferralOwner {
  private let server: HTTPServer<Handler>
  private var parser = RequestParser()
  private var scanner = HeaderScanner()
  private var isInBody = false
  /// The request asks for its reply's header alone.
  private var isHead = false
  /// Of the body that is not complete, as the server's count has it.
  private var held_bytes = 0
  private var credentials: Credentials?
  private var hasBeenLetIn = false
  private var isAwaitingLast = false
  /// The reply that is owed.
  private var deferral: HTTPDeferral?

  init(server: HTTPServer<Handler>) { self.server = server }

  override func receive(_ input: UnsafeRawBufferPointer, _ output: inout ByteBuffer) -> Reception {
    if isInBody { return receiveBody(input, offset: 0, &output) }
    if input.isEmpty { return Reception(consumed: 0, .complete) }
    // Clients that end a body with an empty line too much are forgiven (RFC 9112 section 2.2).
    if input.count >= 2, input[0] == UInt8(ascii: "\r"), input[1] == UInt8(ascii: "\n") {
      scanner = HeaderScanner()
      return Reception(consumed: 2, .complete)
    }
    isHead = UnsafeRawBufferPointer(rebasing: input.prefix(5)).equals("HEAD ")
    switch scanner.scan(input, limit: server.limits.header_bytes) {
    case .more: return Reception(consumed: 0, .partial)
    case .bad(let problem): return refuse(.badRequest, "the request has \(problem)", &output)
    case .tooLong(let inRequestLine):
      let status = inRequestLine ? HTTPStatus.uriTooLong : .headerFieldsTooLarge
      return refuse(status, "the header is longer than \(server.limits.header_bytes) bytes", &output)
    case .header(let size): return receiveHeader(input, size, &output)
    }
  }

  override func requestExpired(_ output: inout ByteBuffer) {
    if let deferral = deferral.take() {
      deferral.cancel()
      _ = refuse(.serviceUnavailable, "there was no answer in time", &output)
      return
    }
    _ = refuse(.requestTimeout, "the request was not complete in time", &output)
  }

  override var isStranger: Bool { !hasBeenLetIn && !server.authorizer.isOpen }

  override func ended() {
    hold(0)
    deferral.take()?.cancel()
  }

  override var awaitsLast: Bool { isAwaitingLast }

  override func drain() {
    isAwaitingLast = true
    wake(at_ns: MonotonicClock.now_ns + UInt64(server.limits.lastRequest_ms) * 1_000_000)
  }

  override func woken() { isAwaitingLast = false }

  override func refusePlaintext(_ output: inout ByteBuffer) {
    _ = refuse(.badRequest, "this port speaks TLS: use https", &output)
  }

  private func receiveHeader(
    _ input: UnsafeRawBufferPointer, _ size: Int, _ output: inout ByteBuffer
  ) -> Reception {
    scanner = HeaderScanner()
    let outcome = parser.begin(UnsafeRawBufferPointer(rebasing: input[..<size]), server.limits)
    if case .refused(let status, let reason) = outcome { return refuse(status, reason, &output) }
    if let (status, reason) = framingProblem() { return refuse(status, reason, &output) }
    if case .done = outcome { return respond(input, size, &output) }
    // Who may not ask is not waited for.
    if prepare() == nil, let access = access() {
      server.response.reset()
      server.response.refuse(access.denied, right: access.right)
      return close(&output)
    }
    if parser.isVersion11 && parser.field("Expect").count > 0 { output.append("HTTP/1.1 100 Continue\r\n\r\n") }
    isInBody = true
    return receiveBody(input, offset: size, &output)
  }

  /// What the parser lets pass, but two servers in a row might read differently.
  private func framingProblem() -> (HTTPStatus, String)? {
    let codings = parser.field("Transfer-Encoding")
    if codings.count > 0 {
      guard parser.isVersion11 else { return (.badRequest, "http 1.0 has no transfer codings") }
      guard codings.count == 1, codings.first.equalsIgnoringCase("chunked") else {
        return (.notImplemented, "chunked is the only transfer coding known here")
      }
    }
    let lengths = parser.field("Content-Length")
    if lengths.count > 1 || !lengths.first.allSatisfy({ $0 >= 48 && $0 <= 57 }) {
      return (.badRequest, "the content length is not one decimal number")
    }
    let hosts = parser.field("Host").count
    if hosts > 1 || hosts == 0 && parser.isVersion11 { return (.badRequest, "there must be one host field") }
    let expectations = parser.field("Expect")
    if expectations.count > 0, !expectations.first.equalsIgnoringCase("100-continue") {
      return (.expectationFailed, "100-continue is the only expectation known here")
    }
    return nil
  }

  private func receiveBody(
    _ input: UnsafeRawBufferPointer, offset: Int, _ output: inout ByteBuffer
  ) -> Reception {
    var consumed = 0
    let outcome = parser.put(UnsafeRawBufferPointer(rebasing: input[offset...]), consumed: &consumed)
    switch outcome {
    case .more:
      hold(parser.body.count)
      guard server.bodies_bytes <= server.limits.bodies_bytes else {
        hold(0)
        server.response.reset()
        server.response.failUnavailable(retryAfter_s: 1, "too many request bodies are being sent at the moment")
        return close(&output)
      }
      return Reception(consumed: offset + consumed, .partial)
    case .refused(let status, let reason):
      hold(0)
      return refuse(status, reason, &output)
    case .done:
      isInBody = false
      hold(0)
      return respond(input, offset + consumed, &output)
    }
  }

  private func hold(_ bytes: Int) {
    server.bodies_bytes += bytes - held_bytes
    held_bytes = bytes
  }

  /// Makes the request what the parser has, its body apart. Returns what is wrong with its target.
  private func prepare() -> String? {
    var target = parser.target
    if let problem = server.request.target.parse(&target) { return problem }
    let method = HTTPMethod(parser.method)
    server.request.method = method == .head ? .get : method
    server.request.rawTarget = target
    server.request.fields = parser.fields
    server.request.body = UnsafeRawBufferPointer(start: nil, count: 0)
    server.request.contentType = parser.field("Content-Type").first
    return nil
  }

  /// Why the client may not have what it asks for; nil where it may.
  private func access() -> (denied: Access, right: Rights)? {
    let right = server.handler.right(for: server.request)
    if right.isEmpty || server.authorizer.isOpen { return nil }
    var credentials = credentials ?? Credentials(server.authorizer, identity: identity)
    let access = credentials.access(right, token: parser.bearerToken)
    self.credentials = credentials
    if access != .allowed { return (access, right) }
    hasBeenLetIn = true
    return nil
  }

  /// Answers the request that the parser has, or leaves that for later.
  ///
  /// - Parameter size: Of `input`, what the request took.
  private func respond(_ input: UnsafeRawBufferPointer, _ size: Int, _ output: inout ByteBuffer) -> Reception {
    server.response.reset()
    if let problem = prepare() {
      server.response.fail(.badRequest, problem)
    } else if let access = access() {
      server.response.refuse(access.denied, right: access.right)
    } else {
      server.request.body = parser.body
      server.handler.respond(to: server.request, into: &server.response)
      if let deferral = server.response.takeDeferral() {
        self.deferral = deferral
        deferral.owner = self
        return Reception(consumed: size, .deferred)
      }
    }
    return Reception(consumed: size, write(&output, isFollowed: size < input.count) ? .complete : .close)
  }

  /// Writes the reply to the request that the parser has. False where the connection ends with it.
  private func write(_ output: inout ByteBuffer, isFollowed: Bool) -> Bool {
    // Who is told so sends its next request elsewhere, instead of losing it to the drain's end.
    let keepsAlive = parser.keepsAlive && (isFollowed || !isDraining)
    server.response.encode(asAccepted: parser.field("Accept-Encoding"), server.compressor)
    if !hasRoom(for: server.response.body.count) {
      server.response.reset()
      server.response.failUnavailable(retryAfter_s: 1, code: "busy", "too many replies wait for slow clients")
    }
    server.response.write(to: &output, withBody: !isHead, closing: !keepsAlive)
    server.handler.answered(server.response.status)
    parser.release()
    return keepsAlive
  }

  func answer(_ deferral: HTTPDeferral, _ fill: (inout HTTPResponse) -> Void) {
    guard self.deferral === deferral else { return }
    self.deferral = nil
    reply { output in
      server.response.reset()
      fill(&server.response)
      return write(&output, isFollowed: isFollowed)
    }
  }

  private func refuse(_ status: HTTPStatus, _ reason: String, _ output: inout ByteBuffer) -> Reception {
    server.response.reset()
    server.response.fail(status, reason)
    return close(&output)
  }

  /// The response as it is, and no more requests.
  private func close(_ output: inout ByteBuffer) -> Reception {
    server.response.write(to: &output, withBody: !isHead, closing: true)
    server.handler.answered(server.response.status)
    return Reception(consumed: 0, .close)
  }
}
