import Synchronization

/// What became of lookups whose users are another instance's.
public enum ForwardOutcome: String, CaseIterable, Sendable {
  /// Its owner's answer was passed on; `refused`: one of 500 and above.
  case answered, refused
  case redirected
  case unreachable
  case timedOut = "timed_out"
  /// Too many were under way.
  case busy
  /// What the owner sent could not be read, or was too long.
  case malformed
  /// The client has gone meanwhile.
  case canceled
}

/// Forwarded lookups by what became of them, of all loops.
public final class ForwardCounters: @unchecked Sendable {  // the pointer never changes, and what it leads to is atomic
  private let counters = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: ForwardOutcome.allCases.count)

  init() { for index in ForwardOutcome.allCases.indices { (counters + index).initialize(to: Atomic(0)) } }

  deinit { counters.deallocate() }

  private func index(of outcome: ForwardOutcome) -> Int { ForwardOutcome.allCases.firstIndex(of: outcome) ?? 0 }

  public func count(_ outcome: ForwardOutcome) { counters[index(of: outcome)].add(1, ordering: .relaxed) }

  public func count(of outcome: ForwardOutcome) -> UInt64 { counters[index(of: outcome)].load(ordering: .relaxed) }
}
