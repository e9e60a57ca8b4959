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
