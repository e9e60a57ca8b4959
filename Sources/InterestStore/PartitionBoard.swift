import Threads

/// What is known of one owned partition.
public struct PartitionStatus: Equatable, Sendable {
  public var partition: UInt16
  public var state: PartitionState
  /// Everything before this offset is applied, and seen by lookups.
  public var applied: Int64
  /// Everything before this offset is durable.
  public var durable: Int64
  /// The log's end as last heard.
  public var end: Int64
  /// When an event was last applied, Unix milliseconds; 0: not yet.
  public var lastApplied_ms: Int64 = 0
  /// The event time of the last behavior applied, Unix milliseconds; 0: none yet.
  public var lastEvent_ms: Int64 = 0
  /// Whether everything up to the end seen at assignment is applied: before that, it has less than its last owner has answered with.
  public var isWhole = true
  /// What to do, in a state that needs it.
  public var message: String = ""

  public init(partition: UInt16, state: PartitionState, applied: Int64 = 0, durable: Int64 = 0, end: Int64 = 0) {
    self.partition = partition
    self.state = state
    self.applied = applied
    self.durable = durable
    self.end = end
  }

  public var lag: Int64 { max(end - applied, 0) }

  /// Whether lookups are answered from it. What was stopped is not going to be whole: it answers with what it has.
  public var isAnswered: Bool { state.isServed && (isWhole || state == .stopped) }
}

/// The owned partitions as the lane last told them: what readiness, metrics and lookups go by.
public final class PartitionBoard: @unchecked Sendable {  // all fields are guarded by `mutex`
  private let mutex = Mutex()
  private var statuses: [PartitionStatus] = []
  private var hasJoined = false
  private var problems: [Problem: String] = [:]

  /// What keeps all partitions from going on, until its cause goes away.
  public enum Problem: String, CaseIterable, Sendable {
    /// A buffer cannot be written.
    case flush
    /// The volume has too little room: nothing is read.
    case disk
  }

  public init() {}

  /// In words for whoever runs it; nil where the cause went away.
  public func set(_ problem: Problem, _ what: String?) { mutex.withLock { problems[problem] = what } }

  /// In the order of `Problem`.
  public var allProblems: [(problem: Problem, what: String)] {
    let problems = mutex.withLock { self.problems }
    return Problem.allCases.compactMap { problem in problems[problem].map { (problem, $0) } }
  }

  /// Partitions ascending.
  public func publish(_ statuses: [PartitionStatus], hasJoined: Bool) {
    mutex.withLock {
      self.statuses = statuses
      self.hasJoined = hasJoined
    }
  }

  public var all: [PartitionStatus] { mutex.withLock { statuses } }

  /// Those of which lookups may be answered, once they are whole: where the group has given one to
  /// another instance, none may.
  public var served: [UInt16] { all.filter(\.state.isServed).map(\.partition) }

  /// The first of `partitions` of which lookups cannot be answered, and its status; no status where it is not owned.
  public func firstUnserved(in partitions: Range<UInt16>) -> (partition: UInt16, status: PartitionStatus?)? {
    mutex.withLock {
      var expected = partitions.lowerBound
      for status in statuses where partitions.contains(status.partition) {
        if status.partition != expected { return (expected, nil) }
        if !status.isAnswered { return (expected, status) }
        expected += 1
      }
      return expected == partitions.upperBound ? nil : (expected, nil)
    }
  }

  public func status(of partition: UInt16) -> PartitionStatus? {
    mutex.withLock { statuses.first { $0.partition == partition } }
  }

  /// Ready: the group has been joined, every owned partition is live, and nothing is in the way.
  public var isReady: Bool {
    mutex.withLock { hasJoined && problems.isEmpty && statuses.allSatisfy { $0.state == .live } }
  }

  /// Whether the group has given an assignment yet, be it empty.
  public var isJoined: Bool { mutex.withLock { hasJoined } }
}
