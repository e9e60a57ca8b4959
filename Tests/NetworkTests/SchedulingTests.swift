import Glibc
import Synchronization
import Testing
import Threads

@Suite("How threads share the processors")
struct SchedulingTests {
  /// For the calling thread, with 0 for its number.
  private static let process = Int32(bitPattern: PRIO_PROCESS.rawValue)

  private final class Found: Sendable {
    let niceness = Atomic<Int32>(.max)
  }

  /// Of a new thread, after `first` has been done there.
  private func niceness(under scheduling: Scheduling, after first: @escaping @Sendable () -> Void = {}) -> Int32 {
    let found = Found()
    Thread(name: "told", scheduling: scheduling) {
      first()
      found.niceness.store(getpriority(Self.process, 0), ordering: .releasing)
    }.join()
    return found.niceness.load(ordering: .acquiring)
  }

  @Test("a prompt thread has a greater share where the system allows it, and is like any other where it does not")
  func promptThread() {
    let usual = niceness(under: .normal)
    #expect(usual == getpriority(Self.process, 0))
    let raised = max(usual - 10, -20)
    let possible = niceness(under: .normal) { _ = setpriority(Self.process, 0, raised) }
    #expect(niceness(under: .prompt) == possible)
    // Nothing of it stays with the others.
    #expect(niceness(under: .normal) == usual)
  }
}
