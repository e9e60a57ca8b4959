import Synchronization
import Threads

/// How many lookups were of users who are known, and how many of others. Each `Lookups` counts for itself: no loop waits for another's
/// count.
public final class UserCounters: @unchecked Sendable {  // `counts` and `ended` are guarded by `mutex`
  /// Of one thread, which alone adds to it.
  final class Count: Sendable {
    private let known = Atomic<UInt64>(0)
    private let unknown = Atomic<UInt64>(0)

    @inline(__always)
    func add(isKnown: Bool) {
      // Nobody else writes, so that this need not be one step.
      if isKnown {
        known.store(known.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
      } else {
        unknown.store(unknown.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
      }
    }

    fileprivate var values: Values {
      Values(known: known.load(ordering: .relaxed), unknown: unknown.load(ordering: .relaxed))
    }
  }

  public struct Values: Sendable, Equatable {
    public var known: UInt64 = 0
    public var unknown: UInt64 = 0

    fileprivate static func += (sum: inout Values, more: Values) {
      sum.known &+= more.known
      sum.unknown &+= more.unknown
    }
  }

  private let mutex = Mutex()
  private var counts: [Count] = []
  /// Of those that count no more.
  private var ended = Values()

  init() {}

  func begin() -> Count {
    let count = Count()
    mutex.withLock { counts.append(count) }
    return count
  }

  func end(_ count: Count) {
    mutex.withLock {
      counts.removeAll { $0 === count }
      ended += count.values
    }
  }

  public var values: Values {
    mutex.withLock {
      var sum = ended
      for count in counts { sum += count.values }
      return sum
    }
  }
}
