import InterestStore
import Kafka

/// A lane's partitions: how far each is applied and durable, and what follows from that. A value that only the lane has; it does
/// no I/O.
struct LanePartitions {
  /// Plain numbers: looked at for every record.
  struct Partition: BitwiseCopyable {
    var isOwned = false
    var state = PartitionState.assigned
    var base: Int64 = 0
    var applied: Int64 = 0
    var durable: Int64 = 0
    var end: Int64 = 0
    /// The log's end at assignment: applied up to there, the partition is live.
    var liveAt: Int64 = 0
    var lastApplied_ms: Int64 = 0
    var lastEvent_ms: Int64 = 0
    /// `applied` at the last `refresh`.
    var refreshed: Int64 = 0
    var breaker: Breaker

    var isRead: Bool { isOwned && state != .lostHistory && state != .assigned }
  }

  private var slots: ContiguousArray<Partition>
  private var messages: [UInt16: String] = [:]
  private let topic: String
  /// Whether anything was applied that no handed-over buffer covers.
  private(set) var isDirty = false

  init(topic: String, count: Int, breaker: Breaker) {
    self.topic = topic
    slots = ContiguousArray(repeating: Partition(breaker: breaker), count: count)
  }

  var count: Int { slots.count }

  var owned: [UInt16] { slots.indices.filter { slots[$0].isOwned }.map { UInt16($0) } }

  var statuses: [PartitionStatus] {
    owned.map { partition in
      let slot = slots[Int(partition)]
      var status = PartitionStatus(
        partition: partition, state: slot.state, applied: slot.applied, durable: slot.durable, end: slot.end)
      status.lastApplied_ms = slot.lastApplied_ms
      status.lastEvent_ms = slot.lastEvent_ms
      status.message = messages[partition] ?? ""
      return status
    }
  }

  func message(of partition: UInt16) -> String { messages[partition] ?? "" }

  /// Owned partitions whose logs' ends are not known yet.
  var waiting: [UInt16] { owned.filter { slots[Int($0)].state == .assigned } }

  /// Given by the group: nothing is read of it until `assign`.
  mutating func setWaiting(_ partition: UInt16) {
    slots[Int(partition)] = Partition(breaker: slots[Int(partition)].breaker)
    slots[Int(partition)].isOwned = true
    messages[partition] = nil
  }

  /// Decides where a partition given by the group is read from. Nil where it cannot be read on: then its message tells why.
  ///
  /// - Parameters:
  ///   - stored: The offsets in the store.
  ///   - committedBase: The first offset that the group has ever folded: without a stored state, the log must still begin there.
  ///   - log: The log's first and next offset.
  mutating func assign(
    _ partition: UInt16, stored: PartitionOffsets?, committedBase: Int64? = nil, log: (low: Int64, high: Int64)
  ) -> Int64? {
    let start = stored?.applied ?? min(committedBase ?? log.low, log.low)
    var slot = Partition(breaker: slots[Int(partition)].breaker)
    slot.isOwned = true
    slot.state = start >= log.high ? .live : .catchingUp
    (slot.base, slot.applied, slot.durable, slot.refreshed) = (stored?.base ?? start, start, start, start)
    (slot.end, slot.liveAt) = (log.high, log.high)
    slots[Int(partition)] = slot
    messages[partition] = nil
    if start < log.low || start > log.high {
      loseHistory(partition, log: log)
      return nil
    }
    isDirty = isDirty || stored == nil
    return start
  }

  /// Only after a flush of what was read of it.
  mutating func remove(_ partition: UInt16) {
    slots[Int(partition)].isOwned = false
    messages[partition] = nil
  }

  mutating func setRevoking(_ partition: UInt16) {
    if slots[Int(partition)].isRead { slots[Int(partition)].state = .revoking }
  }

  /// The log does not hold the offset that is read next.
  ///
  /// - Parameter log: The log's first and next offset, where they are known.
  mutating func loseHistory(_ partition: UInt16, log: (low: Int64, high: Int64)?) {
    let needed = slots[Int(partition)].applied
    slots[Int(partition)].state = .lostHistory
    var what = "the log does not hold that offset"
    if let log {
      what =
        needed < log.low
        ? "the log begins at offset \(log.low)"
        : "the log ends at offset \(log.high): the topic was truncated or made anew"
    }
    messages[partition] =
      "partition \(partition) of topic \(topic) is to be read from offset \(needed), but \(what). "
      + "To rebuild from what the topic holds, start with a new state directory and a new kafka.group"
  }

  /// Whether a record is to be applied: not where the partition is not the lane's, nor where it is applied already.
  @inline(__always)
  func wants(_ partition: Int32, _ offset: Int64) -> Bool {
    guard partition >= 0, Int(partition) < slots.count else { return false }
    return slots[Int(partition)].isRead && offset >= slots[Int(partition)].applied
  }

  /// After `wants`: the record, good or bad, is in the buffer or in the dead letters. Returns the window of records of which too many
  /// were bad, where there is one.
  /// `event_ms`: the behavior's time; nil where the record was bad.
  @inline(__always)
  mutating func apply(_ partition: Int32, _ offset: Int64, event_ms: Int64?) -> (records: Int, bad: Int)? {
    slots[Int(partition)].applied = offset &+ 1
    slots[Int(partition)].breaker.count(isBad: event_ms == nil)
    if let event_ms { slots[Int(partition)].lastEvent_ms = event_ms }
    isDirty = true
    return slots[Int(partition)].breaker.tripped
  }

  /// The partition's end was reached: what lies between are transaction markers.
  mutating func reachEnd(_ partition: Int32, _ offset: Int64) {
    guard wants(partition, offset), offset > slots[Int(partition)].applied else { return }
    slots[Int(partition)].applied = offset
    isDirty = true
  }

  /// After a batch: times, ends and states follow what was applied. `end`: the log's end as last heard.
  mutating func refresh(now_ms: Int64, end: (UInt16) -> Int64?) {
    for index in slots.indices where slots[index].isRead {
      if slots[index].applied > slots[index].refreshed {
        slots[index].refreshed = slots[index].applied
        slots[index].lastApplied_ms = now_ms
      }
      slots[index].end = max(end(UInt16(index)) ?? 0, slots[index].end, slots[index].applied)
      if slots[index].state == .catchingUp && slots[index].applied >= slots[index].liveAt { slots[index].state = .live }
    }
  }

  /// What the buffer that is being handed over makes durable: every owned partition that is read, one without new events too, and one that has
  /// lost its history since the buffer was begun: no states without their offsets.
  mutating func positions() -> DurablePositions {
    isDirty = false
    var positions = DurablePositions()
    for index in slots.indices where slots[index].isOwned && slots[index].state != .assigned {
      positions.partitions.append(
        PartitionOffsets(partition: UInt16(index), base: slots[index].base, applied: slots[index].applied))
    }
    return positions
  }

  mutating func makeDurable(_ positions: DurablePositions) {
    for offsets in positions.partitions where slots[Int(offsets.partition)].isOwned {
      slots[Int(offsets.partition)].durable = max(slots[Int(offsets.partition)].durable, offsets.applied)
    }
  }

  /// The base in a commit's metadata, as `commits` writes it.
  static func base(in metadata: String) -> Int64? {
    metadata.hasPrefix("base=") ? Int64(metadata.dropFirst("base=".count)) : nil
  }

  /// Where the partitions that are read, apart from these, are to be read on.
  func places(except others: [Int32]) -> [PartitionOffset] {
    owned.filter { slots[Int($0)].isRead && !others.contains(Int32($0)) }
      .map { PartitionOffset(partition: Int32($0), offset: slots[Int($0)].applied) }
  }

  /// What to report to the group. The metadata tells an instance without state whether the log still begins where it must.
  func commits(of partitions: [UInt16]) -> [PartitionOffset] {
    partitions.filter { slots[Int($0)].isRead }.map {
      PartitionOffset(
        partition: Int32($0), offset: slots[Int($0)].durable, metadata: "base=\(slots[Int($0)].base)")
    }
  }
}
