import InterestStore
import Kafka

/// A lane's partitions: how far each is applied and durable, and what follows from that. A value that only the lane has; it does
/// no I/O.
struct LanePartitions {
  /// Plain numbers: looked at for every record.
  struct Partition: BitwiseCopyable {
    var lifecycle = PartitionLifecycle()
    /// Whether the next record at `applied` or behind it is applied.
    var isReading = false
    /// Whether the consumer has it.
    var isFetched = false
    /// Whether nothing is applied before a seek to `applied`.
    var isHeld = false
    /// Where a gap before a record proves nothing lost, this is 0; otherwise how many records more have theirs checked.
    var suspects: Int32 = 0
    var base: Int64 = 0
    var applied: Int64 = 0
    var durable: Int64 = 0
    var end: Int64 = 0
    /// The log's end at assignment: applied up to there, the partition is live.
    var liveAt: Int64 = 0
    var last: PartitionOffsets.Record?
    var lastApplied_ms: Int64 = 0
    var lastEvent_ms: Int64 = 0
    /// `applied` at the last `refresh`.
    var refreshed: Int64 = 0
    var breaker: Breaker

    var isOwned: Bool { lifecycle.state != nil }
    /// Whether its place in the log is known.
    var isPlaced: Bool { isOwned && lifecycle.state != .assigned }
    var isRead: Bool { lifecycle.state?.isRead ?? false }
  }

  private var slots: ContiguousArray<Partition>
  private var messages: [UInt16: String] = [:]
  /// Given up while what was read of them was still in the buffer: their offsets go with it.
  private var departed: [PartitionOffsets] = []
  private let topic: String
  /// Whether anything was applied that no handed-over buffer covers, or partitions came or went since.
  private(set) var isDirty = false
  /// Whether nothing is read at the moment.
  private(set) var isPaused = false

  /// After a change of the assignment or a seek, so many records of a partition are checked for gaps: librdkafka's batches of
  /// that moment, with what was fetched before.
  private static var suspectRecords: Int32 { 30_000 }

  init(topic: String, count: Int, breaker: Breaker) {
    self.topic = topic
    slots = ContiguousArray(repeating: Partition(breaker: breaker), count: count)
  }

  var count: Int { slots.count }

  var owned: [UInt16] { slots.indices.filter { slots[$0].isOwned }.map { UInt16($0) } }

  var statuses: [PartitionStatus] {
    slots.indices.compactMap { index in
      let slot = slots[index]
      guard let state = slot.lifecycle.state else { return nil }
      var status = PartitionStatus(
        partition: UInt16(index), state: state, applied: slot.applied, durable: slot.durable, end: slot.end)
      status.lastApplied_ms = slot.lastApplied_ms
      status.lastEvent_ms = slot.lastEvent_ms
      status.isWhole = slot.applied >= slot.liveAt
      status.message = messages[UInt16(index)] ?? ""
      return status
    }
  }

  func state(of partition: UInt16) -> PartitionState? { slots[Int(partition)].lifecycle.state }

  /// The last record that is folded.
  func last(of partition: UInt16) -> PartitionOffsets.Record? { slots[Int(partition)].last }

  func message(of partition: UInt16) -> String { messages[partition] ?? "" }

  /// Owned partitions whose logs' ends are not known yet.
  var waiting: [UInt16] { owned.filter { slots[Int($0)].lifecycle.state == .assigned } }

  @discardableResult
  private mutating func apply(_ event: PartitionLifecycle.Event, to partition: UInt16) -> Bool {
    defer { update(partition) }
    return slots[Int(partition)].lifecycle.apply(event)
  }

  private mutating func update(_ partition: UInt16) {
    let slot = slots[Int(partition)]
    slots[Int(partition)].isReading = slot.isRead && !slot.isHeld && !isPaused
  }

  // MARK: Coming and going

  /// Given by the group: nothing is read of it until `assign`.
  mutating func setWaiting(_ partition: UInt16) {
    slots[Int(partition)] = Partition(breaker: slots[Int(partition)].breaker)
    messages[partition] = nil
    apply(.given, to: partition)
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
    if slots[Int(partition)].lifecycle.state != .assigned { setWaiting(partition) }
    let start = stored?.applied ?? min(committedBase ?? log.low, log.low)
    var slot = slots[Int(partition)]
    (slot.base, slot.applied, slot.durable, slot.refreshed) = (stored?.base ?? start, start, start, start)
    (slot.end, slot.liveAt, slot.last) = (log.high, log.high, stored?.last)
    slot.suspects = Self.suspectRecords
    slots[Int(partition)] = slot
    if start < log.low || start > log.high {
      loseHistory(partition, log: log)
      return nil
    }
    let trip = slot.breaker.tripped
    apply(.opened(hasState: stored != nil, isAtEnd: start >= log.high, isTripped: trip != nil), to: partition)
    if trip != nil { messages[partition] = stopped(partition, by: nil) }
    isDirty = isDirty || stored == nil
    return start
  }

  /// The consumer has these partitions from now on.
  mutating func setFetched(_ partitions: [Int32]) {
    for partition in partitions { slots[Int(partition)].isFetched = true }
    isDirty = true
  }

  /// Whether the buffer may have records of one of these from before it was given up: until it is handed over, the store cannot tell
  /// where to read on.
  func hasDeparted(_ partitions: [Int32]) -> Bool {
    departed.contains { partitions.contains(Int32($0.partition)) }
  }

  /// Of these, those that the consumer has.
  func fetched(_ partitions: [Int32]) -> [Int32] { partitions.filter { slots[Int($0)].isFetched } }

  mutating func setRevoking(_ partition: UInt16) { apply(.taken, to: partition) }

  mutating func setLost(_ partition: UInt16) { apply(.away, to: partition) }

  /// Given up. Where the buffer has records of it yet, its offsets go with the buffer.
  mutating func remove(_ partition: UInt16) {
    if isDirty, slots[Int(partition)].isOwned, slots[Int(partition)].isPlaced {
      departed.append(offsets(of: partition))
    }
    apply(.removed, to: partition)
    slots[Int(partition)].isFetched = false
    messages[partition] = nil
    isDirty = true
  }

  // MARK: What goes wrong

  /// The log does not hold the offset that is read next.
  ///
  /// - Parameter log: The log's first and next offset, where they are known.
  mutating func loseHistory(_ partition: UInt16, log: (low: Int64, high: Int64)?) {
    let needed = slots[Int(partition)].applied
    var what = "the log does not hold that offset"
    if let log {
      what =
        needed < log.low
        ? "the log begins at offset \(log.low)"
        : "the log ends at offset \(log.high): the topic was truncated or made anew"
    }
    loseHistory(
      partition, "partition \(partition) of topic \(topic) is to be read from offset \(needed), but \(what)")
  }

  /// What is in the state is not what the log had: another log has its name.
  mutating func loseHistory(_ partition: UInt16, madeAnewAt offset: Int64) {
    loseHistory(
      partition,
      "partition \(partition) of topic \(topic) has another record at offset \(offset) than the state was made of: "
        + "the topic was made anew")
  }

  mutating func loseHistory(_ partition: UInt16, _ what: String) {
    apply(.gone, to: partition)
    messages[partition] =
      "\(what). To rebuild from what the topic holds, start with a new state directory and a new kafka.group"
  }

  /// No partition's state is right any more.
  mutating func loseAll(_ what: String) {
    for partition in owned { loseHistory(partition, what) }
  }

  /// Most of its records are bad.
  mutating func stop(_ partition: UInt16, by last: String?) {
    if apply(.tripped, to: partition) { messages[partition] = stopped(partition, by: last) }
  }

  private func stopped(_ partition: UInt16, by last: String?) -> String {
    let window = slots[Int(partition)].breaker.tripped
    return "partition \(partition) of topic \(topic) is stopped at offset \(slots[Int(partition)].applied): "
      + "\(window?.bad ?? 0) of \(window?.records ?? 0) records are bad"
      + (last.map { " (the last: \($0))" } ?? "")
      + ". A wrong schema was deployed, or this is the wrong topic: put it right and start again, which goes on there; "
      + "'interestd redrive' sends the bad ones back"
  }

  /// Nothing is applied while paused, and afterwards what was not applied is to be read again.
  mutating func setPaused(_ isPaused: Bool) {
    self.isPaused = isPaused
    for partition in owned {
      slots[Int(partition)].isHeld = true
      update(partition)
    }
  }

  // MARK: Records

  /// Whether a record is to be applied: not where the partition is not the lane's, nor where it is applied already.
  @inline(__always)
  func wants(_ partition: Int32, _ offset: Int64) -> Bool {
    guard partition >= 0, Int(partition) < slots.count else { return false }
    return slots[Int(partition)].isReading && offset >= slots[Int(partition)].applied
  }

  /// After `wants`: whether the records between this one and the last one may have been lost on their way, and not be transaction
  /// markers alone.
  @inline(__always)
  func isSuspect(_ partition: Int32, _ offset: Int64) -> Bool {
    slots[Int(partition)].suspects != 0 && offset != slots[Int(partition)].applied
  }

  /// The first offset not applied.
  func applied(_ partition: Int32) -> Int64 { slots[Int(partition)].applied }

  /// Records were lost on their way: nothing more of the partition is applied before a seek.
  mutating func hold(_ partition: Int32) {
    slots[Int(partition)].isHeld = true
    update(UInt16(partition))
  }

  /// Partitions of which nothing is applied though they are read, and where they are to be read on.
  var held: [PartitionOffset] {
    isPaused ? [] : places(except: []).filter { slots[Int($0.partition)].isHeld }
  }

  /// The consumer reads these from where they are applied.
  mutating func setPlaced(_ partitions: [PartitionOffset]) {
    for place in partitions {
      slots[Int(place.partition)].isHeld = false
      slots[Int(place.partition)].suspects = Self.suspectRecords
      update(UInt16(place.partition))
    }
  }

  /// After `wants`: the record, good or bad, is in the buffer or in the dead letters. Returns the window of records of which too many
  /// were bad, where there is one.
  ///
  /// - Parameter event_ms: The behavior's time; nil where the record was bad.
  @inline(__always)
  mutating func apply(
    _ partition: Int32, _ offset: Int64, timestamp_ms: Int64, event_ms: Int64?
  ) -> (records: Int, bad: Int)? {
    slots[Int(partition)].applied = offset &+ 1
    slots[Int(partition)].last = .init(offset: offset, timestamp_ms: timestamp_ms)
    if slots[Int(partition)].suspects != 0 { slots[Int(partition)].suspects &-= 1 }
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
      if slots[index].applied >= slots[index].liveAt { apply(.reached, to: UInt16(index)) }
    }
  }

  // MARK: Offsets

  /// What the buffer that is being handed over makes durable: every owned partition whose place is known, one without new events too, and one
  /// that has lost its history since the buffer was begun: no states without their offsets.
  mutating func positions() -> DurablePositions {
    isDirty = false
    var positions = DurablePositions()
    positions.owned = slots.indices.filter { slots[$0].isOwned && slots[$0].lifecycle.state != .lost }.map {
      UInt16($0)
    }
    positions.partitions = slots.indices.filter { slots[$0].isPlaced }.map { offsets(of: UInt16($0)) }
    positions.partitions += departed.filter { !slots[Int($0.partition)].isPlaced }
    positions.partitions.sort { $0.partition < $1.partition }
    departed = []
    return positions
  }

  private func offsets(of partition: UInt16) -> PartitionOffsets {
    let slot = slots[Int(partition)]
    return PartitionOffsets(partition: partition, base: slot.base, applied: slot.applied, last: slot.last)
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
    owned.filter { slots[Int($0)].isRead && slots[Int($0)].isFetched && !others.contains(Int32($0)) }
      .map { PartitionOffset(partition: Int32($0), offset: slots[Int($0)].applied) }
  }

  /// What to report to the group. The metadata tells an instance without state whether the log still begins where it must.
  func commits(of partitions: [UInt16]) -> [PartitionOffset] {
    partitions.filter { slots[Int($0)].lifecycle.state?.isCommitted ?? false }.map {
      PartitionOffset(
        partition: Int32($0), offset: slots[Int($0)].durable, metadata: "base=\(slots[Int($0)].base)")
    }
  }
}
