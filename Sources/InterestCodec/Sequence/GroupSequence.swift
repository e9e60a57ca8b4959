import Bytes
import InterestModel

/// A user's groups as columns: what every protocol encodes. Groups are ascending by (last_ms, group). Memory is reused.
public struct GroupSequence: ~Copyable {
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

  public internal(set) var groups: ContiguousArray<Group> = []
  /// Events per window, `[groups, windows]` row-major, in the order of `StateConfiguration.windows_days`.
  public internal(set) var windows: ContiguousArray<UInt64> = []
  /// Behaviors of all groups, newest first within each.
  public internal(set) var behaviors: ContiguousArray<Behavior> = []
  /// Where each group's behaviors begin, and the end: `[groups + 1]`.
  public internal(set) var rowSplits: ContiguousArray<Int> = [0]

  public init() {}

  public mutating func clear() {
    groups.removeAll(keepingCapacity: true)
    windows.removeAll(keepingCapacity: true)
    behaviors.removeAll(keepingCapacity: true)
    rowSplits.removeAll(keepingCapacity: true)
    rowSplits.append(0)
  }
}
