import Bytes
import Foundation
import InterestCodec
import InterestStore
import Lookup
import Synchronization
import Telemetry
import Threads

/// Lookups at a steady rate on a thread of their own while something else goes on. Each is timed from when it was due, so that a wait
/// counts for all that it held up (coordinated omission).
public final class LookupLoad: @unchecked Sendable {  // `thread` is the caller's
  private let stopRequested = Atomic<Bool>(false)
  private let done = Atomic<UInt64>(0)
  private let failed = Atomic<UInt64>(0)
  private let histogram = LatencyHistogram()
  private var thread: Threads.Thread?

  private static var userLimit: Int { 5000 }

  /// - Parameters:
  ///   - rate: Lookups a second.
  ///   - synthetic: How many users the synthetic workload has, of which some are asked for; nil: those first found in the state, which
  ///     is looked at until there are some.
  public init(_ store: InterestStore, rate: Int, synthetic: Int?) {
    thread = Threads.Thread(name: "lookups", scheduling: .prompt) { [self] in
      let users = synthetic.map(Self.synthetic) ?? stored(store)
      if users.isEmpty { return }
      var lookup = UserLookup(store)
      var output = ByteBuffer(capacity: 1 << 16)
      let interval_ns = 1_000_000_000 / UInt64(rate)
      var due_ns = MonotonicClock.now_ns
      var next = 0
      while !isStopped {
        let now_ns = MonotonicClock.now_ns
        if now_ns < due_ns { pause(due_ns - now_ns) }
        output.clear()
        do {
          try users[next].withUnsafeBytes { try lookup.writeJSON(user: $0, SequenceQuery(), into: &output) }
          done.add(1, ordering: .relaxed)
        } catch { failed.add(1, ordering: .relaxed) }
        histogram.record(MonotonicClock.now_ns - due_ns)
        due_ns += interval_ns
        next = (next + 7919) % users.count
      }
    }
  }

  public struct Result: Sendable {
    public let lookups: UInt64
    public let failures: UInt64
    public let latency: LatencySnapshot
  }

  public func stop() -> Result {
    stopRequested.store(true, ordering: .relaxed)
    if let thread = thread.take() { thread.join() }  // another call tells the same again
    return Result(
      lookups: done.load(ordering: .relaxed), failures: failed.load(ordering: .relaxed), latency: histogram.snapshot)
  }

  private var isStopped: Bool { stopRequested.load(ordering: .relaxed) }

  /// Until the next lookup is due: the rate is what is asked for.
  private func pause(_ time_ns: UInt64) {
    var time = timespec(tv_sec: Int(time_ns / 1_000_000_000), tv_nsec: Int(time_ns % 1_000_000_000))
    nanosleep(&time, nil)  // the load's own pace: it waits for nobody
  }

  /// As many as the limit allows, spread over all.
  private static func synthetic(_ count: Int) -> [[UInt8]] {
    (0..<min(count, userLimit)).map { index in
      let number = String(index * count / min(count, userLimit))
      return Array((String(repeating: "0", count: 12 - number.count) + number).utf8)
    }
  }

  private func stored(_ store: InterestStore) -> [[UInt8]] {
    var users: [[UInt8]] = []
    while users.isEmpty && !isStopped {
      pause(20_000_000)
      struct Enough: Error {}
      try? store.generation.forEachUser { user, _ in
        users.append(Array(user))
        if users.count >= Self.userLimit { throw Enough() }
      }
    }
    return users
  }
}
