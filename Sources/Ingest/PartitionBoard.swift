import Threads

/// Where a partition is in its life on this instance.
public enum PartitionState: String, CaseIterable, Sendable, BitwiseCopyable {
  /// Given by the group; its place in the log is being looked up.
  case assigned
  /// Read from the stored offset towards the end that was seen at assignment.
  case catchingUp = "catching_up"
  /// Applied up to that end at least.
  case live
  /// Being flushed before it is given back.
  case revoking
  /// Kafka no longer holds what is needed: nothing is served.
  case lostHistory = "lost_history"
}

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
}

/// The owned partitions as the lane last told them: what readiness, metrics and lookups go by.
public final class PartitionBoard: @unchecked Sendable {  // all fields are guarded by `mutex`
  private let mutex = Mutex()
  private var statuses: [PartitionStatus] = []
  private var hasJoined = false

  public init() {}

  /// Partitions ascending.
  func publish(_ statuses: [PartitionStatus], hasJoined: Bool) {
    mutex.withLock {
      self.statuses = statuses
      self.hasJoined = hasJoined
    }
  }

  public var all: [PartitionStatus] { mutex.withLock { statuses } }

  /// The first of `partitions` of which lookups cannot be answered, and its status; no status where it is not owned. Before a partition is
  /// live its state has less than an owner before this one has answered with: that would be a wrong answer, not an older one.
  public func firstUnserved(in partitions: Range<UInt16>) -> (partition: UInt16, status: PartitionStatus?)? {
    mutex.withLock {
      var expected = partitions.lowerBound
      for status in statuses where partitions.contains(status.partition) {
        if status.partition != expected { return (expected, nil) }
        if status.state != .live && status.state != .revoking { return (expected, status) }
        expected += 1
      }
      return expected == partitions.upperBound ? nil : (expected, nil)
    }
  }

  public func status(of partition: UInt16) -> PartitionStatus? {
    mutex.withLock { statuses.first { $0.partition == partition } }
  }

  /// Ready: the group has been joined and every owned partition is live.
  public var isReady: Bool { mutex.withLock { hasJoined && statuses.allSatisfy { $0.state == .live } } }

  /// Whether the group has given an assignment yet, be it empty.
  public var isJoined: Bool { mutex.withLock { hasJoined } }
}
