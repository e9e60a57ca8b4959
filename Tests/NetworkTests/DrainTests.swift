import Glibc
import HTTP
import Network
import Testing

@Suite("Drain")
struct DrainTests {
  /// Drains on a thread of its own, so that the test can act meanwhile.
  private func draining(_ server: NetworkServer, grace_ms: Int) -> Joined {
    Joined { server.drain(grace_ms: grace_ms) }
  }

  @Test("without connections it ends at once")
  func empty() throws {
    let server = try NetworkServer.lines(loops: 2)
    let clock = ContinuousClock()
    let start = clock.now
    server.drain(grace_ms: 60_000)
    #expect(clock.now - start < .seconds(20))
    #expect(throws: Client.Failure.self) { try server.client() }
  }

  @Test("what has arrived is answered, and then the connection ends")
  func answered() throws {
    let server = try NetworkServer.lines()
    let clients = try (0..<20).map { _ in try server.client() }
    let text = (0..<100).map { "line \($0)\n" }.joined()
    for client in clients { try client.send(text) }
    let drain = draining(server, grace_ms: 60_000)
    for client in clients {
      #expect(try client.readToEnd() == text)
      client.finish()
    }
    drain.join()
    #expect(server.counters.values.open == 0)
    #expect(server.counters.values.accepted == 20)
  }

  @Test("a half sent request may be completed")
  func half() throws {
    let server = try NetworkServer.lines()
    let client = try server.client()
    let idle = try server.client()
    try client.send("hel")
    #expect(server.wait { $0.received_bytes == 3 })
    let drain = draining(server, grace_ms: 60_000)
    #expect(try idle.readToEnd() == "")  // the drain has begun
    try client.send("lo\n")
    #expect(try client.readToEnd() == "hello\n")
    client.finish()
    idle.finish()
    drain.join()
  }

  @Test("a peer that reads late within the grace gets all its replies")
  func blockedButReading() throws {
    let server = try NetworkServer.lines()
    let client = try server.client(receiveBuffer_bytes: 4096)
    let idle = try server.client()
    try client.send("big 10000000\nhello\n")
    #expect(server.wait { $0.received_bytes > 0 })
    let drain = draining(server, grace_ms: 60_000)
    #expect(try idle.readToEnd() == "")
    idle.finish()
    let text = try client.readToEnd()
    #expect(text.utf8.count == 10_000_006 && text.hasSuffix("xhello\n"))
    client.finish()
    drain.join()
  }

  @Test("peers that do not read, do not end or do not finish are cut off after the grace")
  func cutOff() throws {
    let server = try NetworkServer.lines()
    let blocked = try server.client(receiveBuffer_bytes: 4096)
    let half = try server.client()
    let open = try server.client()
    try blocked.send("big 20000000\n")
    try half.send("hel")
    try open.send("hello\n")
    #expect(try open.read(asLongAs: "hello\n") == "hello\n")
    #expect(server.wait { $0.received_bytes == 13 + 3 + 6 })
    let clock = ContinuousClock()
    let start = clock.now
    server.drain(grace_ms: 100)
    #expect(clock.now - start >= .milliseconds(100))
    #expect(server.counters.values.open == 0)
    #expect(blocked.readToBreak())
    #expect(half.readToBreak())
  }

  @Test("a peer that takes nothing, and one that sends nothing of what it has begun, do not hold it up")
  func stalled() throws {
    let server = try NetworkServer.lines { $0.drainStall_ms = 200 }
    let blocked = try server.client(receiveBuffer_bytes: 4096)
    let half = try server.client()
    try blocked.send("big 20000000\n")
    try half.send("hel")
    #expect(server.wait { $0.received_bytes == 13 + 3 })
    let clock = ContinuousClock()
    let start = clock.now
    server.drain(grace_ms: 60_000)
    #expect(clock.now - start >= .milliseconds(200) && clock.now - start < .seconds(30))
    #expect(blocked.readToBreak())
    #expect(half.readToBreak())
  }

  @Test(
    "a peer that goes on to take its reply gets all of it, however often it is looked after, and a reply that is owed has its time"
  )
  func slowReader() throws {
    var limits = NetworkLimits()
    limits.drainStall_ms = 1000
    limits.request_ms = 2500
    try steadily(pausing: .milliseconds(500)) { steadiness in
      let listener = try Listener(address: "127.0.0.1:0", allowRemote: false, option: "x") { LateFactory() }
      let server = try NetworkServer(limits: limits, listeners: [listener])
      let client = try server.client(receiveBuffer_bytes: 4096)
      let late = try server.client()
      try client.send(String(repeating: "big\n", count: 100))
      try late.send("late\n")
      #expect(server.wait { $0.received_bytes == 405 })
      let drain = draining(server, grace_ms: 60_000)
      // The peer takes something in each interval, and is done after many.
      let clock = ContinuousClock()
      let start = clock.now
      var got = 0
      while got < 100 * 200_000, let bytes = try? client.read(100_000), !bytes.isEmpty {
        steadiness.note()
        got += bytes.count
        while clock.now - start < .milliseconds(got / 7_000) { usleep(1000) }
      }
      #expect(clock.now - start > .seconds(2) || got < 100 * 200_000)
      #expect(try late.readToEnd() == "")
      #expect(server.counters.values.requestsExpired == 1)
      for each in [client, late] { each.finish() }
      drain.join()
      return got == 100 * 200_000
    }
  }

  /// HTTP, and behind it lines, whose idle connections end when the drain begins.
  private func http(lastRequest_ms: Int) throws -> NetworkServer {
    var limits = NetworkLimits()
    limits.drainStall_ms = 60_000
    var perRequest = HTTPLimits()
    perRequest.lastRequest_ms = lastRequest_ms
    let listeners = [
      try Listener(address: "127.0.0.1:0", allowRemote: false, option: "x") { [perRequest] in
        HTTPServer(handler: EchoHandler(), limits: perRequest)
      }, try Listener(address: "127.0.0.1:0", allowRemote: false, option: "x") { LineFactory() },
    ]
    return try NetworkServer(limits: limits, listeners: listeners)
  }

  @Test("an http request that is on its way when the drain begins is answered, and told that it is the last")
  func lastRequest() throws {
    let server = try http(lastRequest_ms: 30_000)
    let (used, half, new) = (try server.client(), try server.client(), try server.client())
    let idle = try Client(server.addresses[1])
    try used.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try used.read(asLongAs: ok("get /a []")) == ok("get /a []"))
    try half.send("GET /b HTTP/1.1\r\nHo")
    #expect(server.wait { $0.accepted == 4 && $0.received_bytes == 28 + 19 })
    let drain = draining(server, grace_ms: 60_000)
    #expect(try idle.readToEnd() == "")  // the drain has begun
    try used.send("GET /c HTTP/1.1\r\nHost: a\r\n\r\n")
    try half.send("st: a\r\n\r\n")
    // All that has come is answered; the last reply ends the connection.
    try new.send("GET /d HTTP/1.1\r\nHost: a\r\n\r\nGET /e HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try used.readToEnd() == ok("get /c []", closing: true))
    #expect(try half.readToEnd() == ok("get /b []", closing: true))
    #expect(try new.readToEnd() == ok("get /d []") + ok("get /e []", closing: true))
    for client in [used, half, new, idle] { client.finish() }
    drain.join()
  }

  @Test("http connections that send nothing more do not hold a drain up for longer than a request may be on its way")
  func noRequest() throws {
    let server = try http(lastRequest_ms: 200)
    let (used, new) = (try server.client(), try server.client())
    try used.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try used.read(asLongAs: ok("get /a []")) == ok("get /a []"))
    let clock = ContinuousClock()
    let start = clock.now
    let drain = draining(server, grace_ms: 60_000)
    for client in [used, new] {
      #expect(try client.readToEnd() == "")
      client.finish()
    }
    drain.join()
    #expect(clock.now - start >= .milliseconds(200) && clock.now - start < .seconds(30))
  }

  @Test("a stop cuts a drain short")
  func stopped() throws {
    let server = try NetworkServer.lines()
    let client = try server.client()
    try client.send("hel")
    #expect(server.wait { $0.received_bytes == 3 })
    let drain = draining(server, grace_ms: 600_000)
    server.stop()
    drain.join()
    #expect(server.counters.values.open == 0)
  }
}
