import Glibc
import Threads

/// Holds a loop to so many steps a second, on average since it began.
struct Pace {
  private let rate: Double
  private let started_ns = MonotonicClock.now_ns

  /// Shorter sleeps than this cost more than they even out.
  private static var least_ns: Int64 { 2_000_000 }

  /// - Parameter rate: Steps a second, positive.
  init(_ rate: Int) { self.rate = Double(rate) }

  /// Waits until so many steps are due.
  func wait(for steps: UInt64) {
    let due_ns = started_ns + UInt64(Double(steps) / rate * 1e9)
    let early_ns = Int64(due_ns) - Int64(MonotonicClock.now_ns)
    if early_ns < Self.least_ns { return }
    // Cut short by a signal, it is made up for by the next wait.
    var time = timespec(tv_sec: Int(early_ns / 1_000_000_000), tv_nsec: Int(early_ns % 1_000_000_000))
    nanosleep(&time, nil)
  }
}
