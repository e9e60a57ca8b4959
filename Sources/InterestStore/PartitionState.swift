/// Where a partition is in its life on this instance.
public enum PartitionState: String, CaseIterable, Sendable, BitwiseCopyable {
  /// Given by the group; its place in the log is being looked up.
  case assigned
  /// Rebuilt from the log's beginning towards the end that was seen at assignment: there was no state of it here.
  case restoring
  /// Read from the stored offset towards that end.
  case catchingUp = "catching_up"
  /// Applied up to that end at least.
  case live
  /// Most of its records are bad: it is not read on until the process is started again. What was applied is served.
  case stopped
  /// Being flushed before it is given back.
  case revoking
  /// Another instance's already: nothing is served or committed any more.
  case lost
  /// Kafka no longer holds what is needed: nothing is served.
  case lostHistory = "lost_history"

  /// Whether records of it are applied.
  public var isRead: Bool {
    switch self {
    case .restoring, .catchingUp, .live: true
    case .assigned, .stopped, .revoking, .lost, .lostHistory: false
    }
  }

  /// Whether lookups may be answered from it, once it is whole.
  public var isServed: Bool {
    switch self {
    case .restoring, .catchingUp, .live, .stopped, .revoking: true
    case .assigned, .lost, .lostHistory: false
    }
  }
}
