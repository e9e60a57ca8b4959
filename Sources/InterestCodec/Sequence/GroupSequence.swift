import Bytes
import InterestModel

/// A user's groups as columns: what every protocol encodes. Groups are ascending by (last_ms, group). Memory is reused: one thread's.
public struct GroupSequence: ~Copyable, @unchecked Sendable {  // it owns its memory
  /// One group's numbers.
  public struct Group: BitwiseCopyable, Sendable {
    public var group: UInt32 = 0
    public var events: UInt64 = 0
    public var strong: UInt64 = 0
    public var weak: UInt64 = 0
    public var negative: UInt64 = 0
    public var payment: UInt64 = 0
    public var dwellSum_ms: UInt64 = 0
    public var dwellMaximum_ms: UInt32 = 0
    public var dwellCount: UInt64 = 0
    public var spendSum_micros: Int64 = 0
    public var spendCount: UInt64 = 0
    public var first_ms: Int64 = 0
    public var last_ms: Int64 = 0
  }

  var groupColumn = Column<Group>(capacity: 128)
  var windowColumn = Column<UInt64>(capacity: 512)
  var behaviorColumn = Column<Behavior>(capacity: 1024)
  /// The behaviors instead, where they were asked for as columns.
  var behaviorBytes = BehaviorColumns()
  var splitColumn = Column<Int>(capacity: 128)

  public init() { splitColumn.append(0) }

  // Copies, for whoever is not in a hurry.
  public var groups: ContiguousArray<Group> { ContiguousArray(groupColumn.elements) }
  /// Events per window, `[groups, windows]` row-major, in the order of `StateConfiguration.windows_days`; empty where they were not asked
  /// for.
  public var windows: ContiguousArray<UInt64> { ContiguousArray(windowColumn.elements) }
  /// Behaviors of all groups, newest first within each; empty where they were read as columns.
  public var behaviors: ContiguousArray<Behavior> { ContiguousArray(behaviorColumn.elements) }
  /// Where each group's behaviors begin, and the end: `[groups + 1]`.
  public var rowSplits: ContiguousArray<Int> { ContiguousArray(splitColumn.elements) }

  public mutating func clear() {
    groupColumn.clear()
    windowColumn.clear()
    behaviorColumn.clear()
    behaviorBytes.clear()
    splitColumn.clear()
    splitColumn.append(0)
  }
}
