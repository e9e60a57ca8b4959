import InterestStore
import Telemetry
import Threads

/// The thread that takes erased users' bytes off the disk, in a stated time after their erasures became durable. Many erasures of
/// that time are one compaction.
final class ErasureCompactor: @unchecked Sendable {  // guarded by `mutex`; the thread is joined once, by `stop`
  private let generation: Generation
  private let mutex = Mutex()
  private var isStopping = false
  private var thread: Thread?

  /// - Parameter limit_ms: An erasure is compacted when half of this has passed: the rest is for the compaction.
  init(_ generation: Generation, limit_ms: Int, log: Log) {
    self.generation = generation
    let pause_ns = UInt64(min(max(limit_ms / 8, 1), 60_000)) * 1_000_000
    thread = Thread(name: "erasures") { [self] in
      while wait(pause_ns) {
        guard let oldest_ms = generation.oldestErasure_ms, WallClock.now_ms - oldest_ms >= Int64(limit_ms / 2) else {
          continue
        }
        do throws(StoreError) {
          let count = try generation.compactErasures()
          log.info("erased users' bytes are off the disk", ["users": count])
        } catch {
          if hasToStop { break }
          log.error("erased users' bytes are still on the disk; it is tried again", ["error": error.message])
        }
      }
    }
  }

  /// False where it is time to stop.
  private func wait(_ pause_ns: UInt64) -> Bool {
    let deadline_ns = MonotonicClock.now_ns + pause_ns
    return mutex.withLock {
      while !isStopping && mutex.wait(until: deadline_ns) {}
      return !isStopping
    }
  }

  private var hasToStop: Bool { mutex.withLock { isStopping } }

  /// A compaction that is under way is given up: what is not off the disk is noted in the state, and due at the next start.
  func stop() {
    mutex.withLock {
      isStopping = true
      mutex.notifyAll()
    }
    guard let thread = thread.take() else { return }
    generation.forbidCompactions()
    thread.join()
    generation.allowCompactions()
  }
}
