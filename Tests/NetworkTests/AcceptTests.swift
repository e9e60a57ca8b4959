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

  private final class Box: Sendable { let count = Atomic<Int>(0) }
}
