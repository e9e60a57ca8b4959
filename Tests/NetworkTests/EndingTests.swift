import Bytes
import Network
import Testing
import Threads

@Suite("Connections that end in the middle")
struct EndingTests {
  @Test("a client that ends its side while a reply is owed still gets it, and those to what it sent behind")
  func halfClosedDeferred() throws {
    let listener = try Listener(address: "127.0.0.1:0", allowRemote: false, option: "x") { LateFactory() }
    let server = try NetworkServer(listeners: [listener])
    let client = try server.client()
    let other = try server.client()
    try client.send("late\nbig\nhal")
    #expect(server.wait { $0.received_bytes == 12 })
    client.finish()
    // Answered behind the client's end.
    try other.send("now\n")
    #expect(try other.read(asLongAs: "ok\n") == "ok\n")
    let text = try client.readToEnd()
    #expect(text.utf8.count == 200_005 && text.hasPrefix("late\nxxx"))
    #expect(server.wait { $0.open == 1 })
  }

  @Test("what a broken connection did not take is not sent to another that is answered because of its end")
  func brokenWhileSending() throws {
    let gate = Gate()
    let listener = try Listener(address: "127.0.0.1:0", allowRemote: false, option: "x") { HeirFactory(gate) }
    let server = try NetworkServer(listeners: [listener])
    let heir = try server.client()
    try heir.send("wait\n")
    #expect(server.wait { $0.received_bytes == 5 })
    let client = try server.client()
    try client.send("secret\n")
    gate.awaitArrival()
    client.reset()
    gate.open()
    #expect(try heir.read(asLongAs: "it has ended\n") == "it has ended\n")
    #expect(server.wait { $0.open == 1 })
  }

  @Test("a long reply that comes in parts has as long as its reader goes on to take them")
  func steadyReader() throws {
    let listener = try Listener(address: "127.0.0.1:0", allowRemote: false, option: "x") { EndlessFactory() }
    var limits = NetworkLimits()
    limits.write_ms = 1000
    let server = try NetworkServer(limits: limits, listeners: [listener])
    try steadily(pausing: .milliseconds(500)) { steadiness in
      let expired = server.counters.values.writesExpired
      let client = try server.client(receiveBuffer_bytes: 4096)
      defer { client.reset() }
      try client.send("go")
      let clock = ContinuousClock()
      let end = clock.now + .milliseconds(2500)
      while clock.now < end, server.counters.values.writesExpired == expired {
        guard let bytes = try? client.read(1 << 20), !bytes.isEmpty else { break }
        steadiness.note()
      }
      return server.counters.values.writesExpired == expired && clock.now >= end
    }
  }
}

/// Where a loop's thread waits for a test.
private final class Gate: @unchecked Sendable {  // only touched under `mutex`
  private let mutex = Mutex()
  private var hasArrived = false
  private var isOpen = false

  func pass() {
    mutex.withLock {
      hasArrived = true
      mutex.notifyAll()
      while !isOpen { mutex.wait() }
    }
  }

  func awaitArrival() { mutex.withLock { while !hasArrived { mutex.wait() } } }

  func open() {
    mutex.withLock {
      isOpen = true
      mutex.notifyAll()
    }
  }
}

/// `wait` is answered when another connection has ended; `secret` when the gate is open.
private final class HeirFactory: ConnectionFactory {
  private let gate: Gate
  private var heir: HeirConnection?

  init(_ gate: Gate) { self.gate = gate }

  override func makeConnection() -> ConnectionHandler { HeirConnection(self) }

  private final class HeirConnection: ConnectionHandler {
    private unowned let factory: HeirFactory  // the loop holds it longer than connections

    init(_ factory: HeirFactory) { self.factory = factory }

    override func receive(_ input: UnsafeRawBufferPointer, _ output: inout ByteBuffer) -> Reception {
      if input.isEmpty { return Reception(consumed: 0, .complete) }
      guard input.starts(with: "secret".utf8) else {
        factory.heir = self
        return Reception(consumed: input.count, .deferred)
      }
      factory.gate.pass()
      output.append("nobody else's\n")
      return Reception(consumed: input.count, .complete)
    }

    override func ended() {
      guard let heir = factory.heir.take(), heir !== self else { return }
      heir.reply { output in
        output.append("it has ended\n")
        return true
      }
    }
  }
}

/// Answers without end, 300,000 bytes at a time.
private final class EndlessFactory: ConnectionFactory {
  override func makeConnection() -> ConnectionHandler { EndlessConnection() }

  private final class EndlessConnection: ConnectionHandler {
    override func receive(_ input: UnsafeRawBufferPointer, _ output: inout ByteBuffer) -> Reception {
      output.append(String(repeating: "x", count: 300_000))
      return Reception(consumed: input.count, .more)
    }
  }
}
