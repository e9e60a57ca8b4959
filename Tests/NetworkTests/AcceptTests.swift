import Bytes
import Glibc
import Synchronization
import Testing

@testable import Network

@Suite("Accepting")
struct AcceptTests {
  @Test("out of descriptors, it rests and then goes on", arguments: [EMFILE, ENFILE, ENOMEM])
  func exhausted(error: Int32) throws {
    let attempts = Box()
    let listener = try Listener(address: "127.0.0.1:0", allowRemote: false, option: "http.allow_remote") {
      LineFactory()
    }
    let server = try NetworkServer(
      name: "net", loops: 1, limits: NetworkLimits(), listeners: [listener],
      accept: { descriptor in
        attempts.count.add(1, ordering: .relaxed).newValue <= 2 ? -error : NetworkLoop.systemAccept(descriptor)
      })
    let clock = ContinuousClock()
    let start = clock.now
    let client = try server.client()
    try client.send("hello\n")
    #expect(try client.read(asLongAs: "hello\n") == "hello\n")
    // Two refusals, each followed by a rest: the third attempt is the client's, and the fourth finds nobody.
    #expect(clock.now - start >= .milliseconds(190))
    #expect(server.counters.values.acceptPauses == 2)
    #expect(attempts.count.load(ordering: .relaxed) <= 4)
  }

  @Test("connections are spread over all loops, whichever of them accepts, and new ones go where some have ended")
  func spread() throws {
    let made = Box()
    let listener = try Listener(address: "127.0.0.1:0", allowRemote: false, option: "x") {
      NumberFactory(made.count.add(1, ordering: .relaxed).newValue)
    }
    let server = try NetworkServer(loops: 3, listeners: [listener])
    // All that wait are accepted at once, by whoever comes first.
    var clients = try (0..<30).map { _ in try server.client() }
    func loops() throws -> [String] {
      for client in clients { try client.send("?") }
      return try clients.map { String(decoding: try $0.read(1), as: UTF8.self) }
    }
    let first = try loops()
    #expect(["1", "2", "3"].map { loop in first.count { $0 == loop } } == [10, 10, 10])
    // One loop's clients go, and as many others come.
    let staying = zip(clients, first).filter { $0.1 != "2" }.map(\.0)
    clients = staying
    #expect(server.wait { $0.open == 20 })
    clients += try (0..<10).map { _ in try server.client() }
    #expect(try loops().suffix(10).allSatisfy { $0 == "2" })
    for client in clients { client.reset() }
  }

  /// Answers with its number.
  private final class NumberFactory: ConnectionFactory {
    private let number: Int
    init(_ number: Int) { self.number = number }
    override func makeConnection() -> ConnectionHandler { NumberConnection(number) }
  }

  private final class NumberConnection: ConnectionHandler {
    private let number: Int
    init(_ number: Int) { self.number = number }
    override func receive(_ input: UnsafeRawBufferPointer, _ output: inout ByteBuffer) -> Reception {
      if !input.isEmpty { output.append(decimal: UInt64(number)) }
      return Reception(consumed: input.count, .complete)
    }
  }

  private final class Box: Sendable { let count = Atomic<Int>(0) }
}
