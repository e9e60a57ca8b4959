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
  private let there: FakeServer

  init() throws { there = try FakeServer() }

  private func server(
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

  private func get(_ path: String, method: String = "GET") -> String {
    "\(method) \(path) HTTP/1.1\r\nHost: a\r\n\r\n"
  }

  private func failure(_ text: String) -> String { reply("{\"error\":{\"message\":\"\(text)\"}}\n", "502 Bad Gateway") }

  /// What a client gets for one request, as far as `expected` is long.
  private func ask(_ server: NetworkServer, _ path: String, as expected: String) throws -> String {
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

  @Test("a client that goes away ends its request, and makes room for another's")
  func canceled() throws {
    var limits = HTTPClientLimits()
    limits.exchanges = 1
    let server = try server(limits: limits)
    var client: Client? = try server.client()
    try client?.send(get("/there/1"))
    let peer = try there.accept()
    _ = try peer.request()
    #expect(try ask(server, "/there/2", as: failure("busy")) == failure("busy"))
    client = nil
    #expect(try peer.request() == "")  // the end
    let next = try server.client()
    try next.send(get("/there/3"))
    let other = try there.accept()
    #expect(try other.request().hasPrefix("GET /there/3 "))
    try other.send(reply("<3>"))
    #expect(try next.read(asLongAs: reply("<3>")) == reply("<3>"))
  }

  @Test("connections to one server, and bytes of replies, are bounded")
  func bounds() throws {
    var limits = HTTPClientLimits()
    limits.connectionsPerServer = 2
    limits.total_bytes = 8
    let server = try server(limits: limits)
    let clients = try (0..<2).map { _ in try server.client() }
    var peers: [FakeServer.Peer] = []
    for client in clients {
      try client.send(get("/there/1"))
      peers.append(try there.accept())
      _ = try peers.last?.request()
    }
    let third = try server.client()
    try third.send(get("/there/2"))
    try peers[0].send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 6\r\n\r\n123")
    // When the second of these is answered, what was sent before the first has been read.
    for _ in 0..<2 { #expect(try ask(server, "/here", as: reply("/here")) == reply("/here")) }
    // Both replies together would be too many bytes.
    try peers[0].send("45")
    try peers[1].send(reply("123456789"))
    #expect(try clients[1].read(asLongAs: failure("busy")) == failure("busy"))
    try peers[0].send("6")
    let whole = reply("123456")
    #expect(try clients[0].read(asLongAs: whole) == whole)
    // That one has waited for a connection: of the two, one was ended.
    let other = try there.accept()
    #expect(try other.request().hasPrefix("GET /there/2 "))
    try other.send(reply("<2>"))
    #expect(try third.read(asLongAs: reply("<2>")) == reply("<2>"))
  }

  @Test("requests beyond the connections get those that come free, in order, until their time is over")
  func waiting() throws {
    var limits = HTTPClientLimits()
    limits.connectionsPerServer = 1
    limits.exchanges = 4
    let server = try server(answer_ms: 3000, limits: limits)
    let clients = try (1...4).map { _ in try server.client() }
    var peer: FakeServer.Peer?
    for (index, client) in clients.enumerated() {
      try client.send(get("/there/\(index + 1)"))
      if index == 0 { peer = try there.accept() }
      // When this is answered, the request before it is on its way or waits.
      #expect(try ask(server, "/here", as: reply("/here")) == reply("/here"))
    }
    #expect(try ask(server, "/there/5", as: failure("busy")) == failure("busy"))
    for number in 1...2 {
      #expect(try peer?.request().hasPrefix("GET /there/\(number) ") == true)
      try peer?.send(reply("<\(number)>"))
      #expect(try clients[number - 1].read(asLongAs: reply("<\(number)>")) == reply("<\(number)>"))
    }
    #expect(try peer?.request().hasPrefix("GET /there/3 ") == true)
    for client in clients[2...] { #expect(try client.read(asLongAs: failure("timedOut")) == failure("timedOut")) }
    let next = try server.client()
    try next.send(get("/there/6"))
    let other = try there.accept()
    #expect(try other.request().hasPrefix("GET /there/6 "))
    try other.send(reply("<6>"))
    #expect(try next.read(asLongAs: reply("<6>")) == reply("<6>"))
  }

  @Test("a request's own deadline ends the wait, and the connection")
  func requestDeadline() throws {
    let server = try server { $0.request_ms = 100 }
    let client = try server.client()
    try client.send(get("/there/1") + get("/2"))
    let peer = try there.accept()
    _ = try peer.request()
    #expect(
      try client.readToEnd() + "<end>" == refusal("503 Service Unavailable", "there was no answer in time"))
    #expect(try peer.request() == "")  // the end
    #expect(server.counters.values.requestsExpired == 1)
  }

  @Test("what a client sends on while it waits is bounded, and answered in order afterwards")
  func flood() throws {
    let server = try server { $0.input_bytes = 20_000 }
    let client = try server.client()
    try client.send(get("/there/1"))
    let peer = try there.accept()
    _ = try peer.request()
    let first = server.counters.values.received_bytes
    let requests = Array((0..<2_000).map { get("/n\($0)") }.joined().utf8)
    let sent = client.sendWhatFits(requests)
    #expect(sent > 20_000)
    #expect(server.wait { $0.received_bytes >= first + 20_000 })
    #expect(server.counters.values.received_bytes == first + 20_000)
    try peer.send(reply("<1>"))
    try client.send(String(decoding: requests[sent...], as: UTF8.self))
    let expected = reply("<1>") + (0..<2_000).map { reply("/n\($0)") }.joined()
    #expect(try client.read(asLongAs: expected) == expected)
  }

  @Test("a drain waits for the answers that are owed")
  func drain() throws {
    let server = try server()
    let client = try server.client()
    let idle = try server.client()
    try client.send(get("/there/1") + get("/2"))
    let peer = try there.accept()
    _ = try peer.request()
    let drain = Joined { server.drain(grace_ms: 60_000) }
    #expect(try idle.readToEnd() == "")  // the drain has begun
    try peer.send(reply("<1>"))
    #expect(try client.readToEnd() == reply("<1>") + reply("/2"))
    client.finish()
    idle.finish()
    drain.join()
    #expect(try peer.request() == "")  // the end
  }

  @Test("a stop ends what waits")
  func stop() throws {
    let server = try server()
    let client = try server.client()
    try client.send(get("/there/1"))
    let peer = try there.accept()
    _ = try peer.request()
    server.stop()
    #expect(try peer.request() == "")  // the end
    #expect(client.readToBreak())
  }

  @Test("idle connections to other servers are closed")
  func idle() throws {
    var limits = HTTPClientLimits()
    limits.idle_ms = 50
    let server = try server(limits: limits)
    let client = try server.client()
    try client.send(get("/there/1"))
    let peer = try there.accept()
    _ = try peer.request()
    try peer.send(reply("<1>"))
    #expect(try client.read(asLongAs: reply("<1>")) == reply("<1>"))
    #expect(try peer.request() == "")  // the end
  }
}
