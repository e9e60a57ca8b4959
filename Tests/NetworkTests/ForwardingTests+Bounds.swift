import Glibc
import HTTP
import Network
import TestKit
import Testing

/// What forwarding may hold, and how it ends.
extension ForwardingTests {
  @Test("a client that breaks off ends its request, and makes room for another's")
  func canceled() throws {
    var limits = HTTPClientLimits()
    limits.exchanges = 1
    let server = try server(limits: limits)
    let client = try server.client()
    try client.send(get("/there/1"))
    let peer = try there.accept()
    _ = try peer.request()
    #expect(try ask(server, "/there/2", as: failure("busy")) == failure("busy"))
    client.reset()
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
    // Where the third was over before the time of the fourth, that one got a connection for a moment.
    var other = try there.accept()
    var request = try other.request()
    if request.hasPrefix("GET /there/4 ") {
      other = try there.accept()
      request = try other.request()
    }
    #expect(request.hasPrefix("GET /there/6 "))
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
    #expect(try client.readToEnd() == reply("<1>") + reply("/2", "200 OK", "Connection: close\r\n"))
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
