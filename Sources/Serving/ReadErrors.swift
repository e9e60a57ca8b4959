import Threads

/// Lookups that failed because stored bytes could not be read.
public final class ReadErrors: @unchecked Sendable {  // guarded by `mutex`
  private let mutex = Mutex()
  private var total: UInt64 = 0
  private var last: (message: String, at_ns: UInt64)?
  /// One is told for so long.
  private static var recent_ns: UInt64 { 300_000_000_000 }

  init() {}

  func add(_ message: String) {
    mutex.withLock {
      total += 1
      last = (message, MonotonicClock.now_ns)
    }
  }

  public var count: UInt64 { mutex.withLock { total } }

  /// The last one, while it is recent.
  public var recent: String? {
    mutex.withLock {
      guard let last, MonotonicClock.now_ns - last.at_ns < Self.recent_ns else { return nil }
      return last.message
    }
  }
}
