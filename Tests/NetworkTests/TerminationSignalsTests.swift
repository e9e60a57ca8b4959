import Glibc
import Network
import Synchronization
import Testing
import Threads

@Suite("Termination signals")
struct TerminationSignalsTests {
  @Test("a signal is waited for", arguments: [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT")])
  func signal(number: Int32, name: String) throws {
    let found = Found()
    // Sent to one thread, which blocks it, and not to the process, whose other threads run other tests.
    let thread = Joined {
      guard let signals = try? TerminationSignals() else { return }
      pthread_kill(pthread_self(), number)
      found.set(signals.wait())
    }
    thread.join()
    #expect(found.cause == .signal(name: name))
  }

  @Test("another thread ends the wait")
  func canceled() throws {
    let found = Found()
    let thread = Joined {
      guard let signals = try? TerminationSignals() else { return }
      let canceling = Joined { signals.cancel() }
      found.set(signals.wait())
      found.set(signals.wait())
      canceling.join()
    }
    thread.join()
    #expect(found.cause == .canceled)
  }

  private final class Found: @unchecked Sendable {  // only touched under `mutex`
    private let mutex = Mutex()
    private var value: TerminationSignals.Cause?
    func set(_ cause: TerminationSignals.Cause) { mutex.withLock { value = cause } }
    var cause: TerminationSignals.Cause? { mutex.withLock { value } }
  }
}
