import Glibc
import HTTP
import Network
import TestKit
import Testing

/// Passes `/there/...` on to another server; everything else is answered here.
final class PassingHandler: HTTPHandler {
  private let there: SocketAddress
  private let limits: HTTPClientLimits
  private let answer_ms: Int
  private let host: String
  private let security: HTTPClientSecurity
  private var client: HTTPClient?

  init(
    _ there: SocketAddress, _ limits: HTTPClientLimits, answer_ms: Int, host: String? = nil,
    security: HTTPClientSecurity = HTTPClientSecurity()
  ) {
    self.host = host ?? there.description
    self.security = security
    self.there = there
    self.limits = limits
    self.answer_ms = answer_ms
  }

  func started(_ dialer: Dialer) { client = HTTPClient(dialer, limits: limits, security: security) }

  func respond(to request: borrowing HTTPRequest, into response: inout HTTPResponse) {
    guard request.segmentCount > 0, request.segment(0).elementsEqual("there".utf8), let client else {
      response.body.append(request.rawTarget)
      return
    }
    let deferral = response.deferReply()
    do throws(HTTPClientFailure) {
      let exchange = try client.send(
        to: there, host: host, target: request.rawTarget, fields: [("X-Interestd-Forwarded", "here:1")],
        within_ms: answer_ms
      ) { outcome in
        deferral.answer { response in
          switch outcome {
          case .success(let reply): response.pass(on: reply)
          case .failure(let failure): response.fail(.badGateway, "\(failure)")
          }
        }
      }
      deferral.onCancel = { client.cancel(exchange) }
    } catch {
      response.withdrawDeferral()
      response.fail(.badGateway, "\(error)")
    }
  }
}

@Suite("Forwarding")
struct ForwardingTests {
  let there: FakeServer

  init() throws { there = try FakeServer() }

  func server(
    to address: SocketAddress? = nil, answer_ms: Int = 20_000, limits: HTTPClientLimits = HTTPClientLimits(),
    _ adjust: (inout NetworkLimits) -> Void = { _ in }
  ) throws -> NetworkServer {
    var network = NetworkLimits()
    adjust(&network)
    let address = address ?? there.address
    let listener = try Listener(address: "127.0.0.1:0", allowRemote: false, option: "http.allow_remote") {
      HTTPServer(handler: PassingHandler(address, limits, answer_ms: answer_ms))
    }
    return try NetworkServer(limits: network, listeners: [listener])
  }

  func get(_ path: String, method: String = "GET") -> String {
    "\(method) \(path) HTTP/1.1\r\nHost: a\r\n\r\n"
  }

  func failure(_ text: String) -> String {
    reply("{\"error\":{\"code\":\"bad_gateway\",\"message\":\"\(text)\"}}\n", "502 Bad Gateway")
  }

  /// What a client gets for one request, as far as `expected` is long.
  func ask(_ server: NetworkServer, _ path: String, as expected: String) throws -> String {
    let client = try server.client()
    try client.send(get(path))
    return try client.read(asLongAs: expected)
  }

  @Test("an answer is passed on whole, the request with its target as it was", arguments: [1, 3, .max])
  func passedOn(pieces: Int) throws {
    let server = try server()
    let client = try server.client()
    try client.send(get("/there/u%201/a?x=%2B&y"))
    let peer = try there.accept()
    #expect(
      try peer.request()
        == "GET /there/u%201/a?x=%2B&y HTTP/1.1\r\nHost: \(there.address)\r\nX-Interestd-Forwarded: here:1\r\n\r\n")
    let answer = reply("{\"a\":1}\n", "503 Service Unavailable", "Retry-After: 7\r\n")
    try peer.send(answer, pieces: pieces)
    #expect(try client.read(asLongAs: answer) == answer)
  }

  @Test("replies keep the order of their requests, and a connection is used again")
  func pipelined() throws {
    let server = try server()
    let client = try server.client()
    try client.send(["/there/1", "/2", "/there/3", "/there/4", "/5"].map { get($0) }.joined())
    let peer = try there.accept()
    for number in [1, 3, 4] {
      #expect(try peer.request().hasPrefix("GET /there/\(number) "))
      try peer.send(reply("<\(number)>"))
    }
    let expected = [reply("<1>"), reply("/2"), reply("<3>"), reply("<4>"), reply("/5")].joined()
    #expect(try client.read(asLongAs: expected) == expected)
  }

  @Test("other clients are answered while one waits")
  func others() throws {
    let server = try server()
    let waiting = try server.client()
    try waiting.send(get("/there/1"))
    let peer = try there.accept()
    #expect(try peer.request().hasPrefix("GET /there/1 "))
    #expect(try ask(server, "/here", as: reply("/here")) == reply("/here"))
    try peer.send(reply("<1>"))
    #expect(try waiting.read(asLongAs: reply("<1>")) == reply("<1>"))
  }

  @Test("the reply to a HEAD has no body")
  func head() throws {
    let server = try server()
    let client = try server.client()
    try client.send(get("/there/1", method: "HEAD") + get("/2"))
    let peer = try there.accept()
    #expect(try peer.request().hasPrefix("GET /there/1 "))
    try peer.send(reply("<1>"))
    let expected = String(reply("<1>").dropLast(3)) + reply("/2")
    #expect(try client.read(asLongAs: expected) == expected)
  }

  @Test("a kept connection that ends before the reply begins is replaced, once")
  func staleConnection() throws {
    let server = try server()
    let client = try server.client()
    try client.send(get("/there/1"))
    var peer: FakeServer.Peer? = try there.accept()
    _ = try peer?.request()
    try peer?.send(reply("<1>"))
    #expect(try client.read(asLongAs: reply("<1>")) == reply("<1>"))
    try client.send(get("/there/2"))
    #expect(try peer?.request().hasPrefix("GET /there/2 ") == true)
    peer = nil
    peer = try there.accept()
    #expect(try peer?.request().hasPrefix("GET /there/2 ") == true)
    try peer?.send(reply("<2>"))
    #expect(try client.read(asLongAs: reply("<2>")) == reply("<2>"))
    try client.send(get("/there/3"))
    _ = try peer?.request()
    peer = nil
    peer = try there.accept()
    _ = try peer?.request()
    peer = nil
    let gone = failure("unreachable(\\\"it ended the connection\\\")")
    #expect(try client.read(asLongAs: gone) == gone)
  }

  @Test("a connection that its server closes after the reply is not used again")
  func closedAfterReply() throws {
    let server = try server()
    let client = try server.client()
    for number in 1...3 {
      try client.send(get("/there/\(number)"))
      let peer = try there.accept()
      _ = try peer.request()
      try peer.send(reply("<\(number)>", "200 OK", "Connection: close\r\n"))
      #expect(try client.read(asLongAs: reply("<\(number)>")) == reply("<\(number)>"))
    }
  }

  @Test("a server that ends the connection inside its reply is not asked again")
  func brokenReply() throws {
    let server = try server()
    let client = try server.client()
    try client.send(get("/there/1"))
    var peer: FakeServer.Peer? = try there.accept()
    _ = try peer?.request()
    try peer?.send(String(reply("<1>").dropLast()))
    peer = nil
    let gone = failure("unreachable(\\\"it ended the connection\\\")")
    #expect(try client.read(asLongAs: gone) == gone)
    try client.send(get("/2"))
    #expect(try client.read(asLongAs: reply("/2")) == reply("/2"))
  }

  @Test("nobody listening is told at once")
  func refused() throws {
    let address = try SocketAddress(parsing: "127.0.0.1:\(FreePorts.take(1)[0])")
    let server = try server(to: address)
    let client = try server.client()
    try client.send(get("/there/1"))
    let answer = try client.read(asLongAs: failure(""))
    #expect(answer.hasPrefix("HTTP/1.1 502 "))
  }

  @Test("a server that does not answer in time is given up, and its late answer goes nowhere")
  func timeout() throws {
    let server = try server(answer_ms: 100)
    let client = try server.client()
    try client.send(get("/there/1"))
    let peer = try there.accept()
    _ = try peer.request()
    #expect(try client.read(asLongAs: failure("timedOut")) == failure("timedOut"))
    #expect(try peer.request() == "")  // the end
    try client.send(get("/2"))
    #expect(try client.read(asLongAs: reply("/2")) == reply("/2"))
  }

  @Test("a reply that drips is given up too")
  func drip() throws {
    let server = try server(answer_ms: 300)
    let client = try server.client()
    try client.send(get("/there/1"))
    let peer = try there.accept()
    _ = try peer.request()
    try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n1")
    #expect(try client.read(asLongAs: failure("timedOut")) == failure("timedOut"))
  }

  @Test("what is no reply of interestd's is refused, and so is one that is too long")
  func refusedReplies() throws {
    var limits = HTTPClientLimits()
    limits.reply_bytes = 10
    let server = try server(limits: limits)
    let client = try server.client()
    for (answer, told) in [
      ("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", "tooLong(11)"),
      ("SSH-2.0\r\n\r\n", "malformed(\\\"its first line is no known status of http 1.1\\\")"),
      ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", "malformed(\\\"more follows than its length says\\\")"),
    ] {
      try client.send(get("/there/1"))
      let peer = try there.accept()
      _ = try peer.request()
      try peer.send(answer)
      #expect(try client.read(asLongAs: failure(told)) == failure(told))
    }
  }
}
