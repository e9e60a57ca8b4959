import InterestCodec
import InterestModel
import Kafka

@testable import Ingest
@testable import InterestStore

/// What is the same for all instances of a simulation.
struct SimulatedSettings {
  var configuration: StateConfiguration
  var partitions: Int
  var buffer: FoldBufferLimits
  var duplicates: DuplicateLimits
  /// Something that the simulation must find.
  var sabotage: Sabotage?

  enum Sabotage: CaseIterable {
    /// A restart begins with empty duplicate windows.
    case forgetsIDs
    /// Records are applied as often as they are delivered.
    case appliesAgain
    /// Offsets become durable in a file before their states.
    case tellsOffsetsEarly
    case dropsErasures
  }
}

/// A lane between a simulated group and a simulated store: what `KafkaLane` and `Intake` do around the parts that are values.
final class SimulatedLane {
  let settings: SimulatedSettings
  let store: SimulatedStore
  private(set) var partitions: LanePartitions
  private var duplicates: LaneDuplicates
  private var decoder: EventDecoder
  private var event = DecodedEvent()
  private var sorter: BufferSorter
  private let rules: FoldRules
  private var buffer: FoldBuffer
  /// Handed to the flusher, the oldest first.
  private var submitted: [FoldBuffer] = []
  /// Where the consumer reads on, of partitions that it has been given.
  private(set) var places: [UInt16: Int64] = [:]

  init(_ settings: SimulatedSettings, _ store: SimulatedStore) {
    self.settings = settings
    self.store = store
    // So many bad records are all right.
    partitions = LanePartitions(topic: "t", count: settings.partitions, breaker: Breaker(.init(records: .max)))
    duplicates = LaneDuplicates(settings.duplicates, count: settings.partitions)
    decoder = EventDecoder(catalog: settings.configuration.catalog, format: .auto)
    rules = FoldRules(settings.configuration)
    sorter = BufferSorter(rules: rules)
    buffer = FoldBuffer(limits: settings.buffer, rules: rules)
  }

  // MARK: Records

  /// Takes what a poll gave. Returns the offset from which is read on.
  func take(_ records: ArraySlice<SimulatedRecord>, of partition: UInt16) throws {
    for record in records {
      try take(record, partition)
      places[partition] = record.offset + 1
    }
    partitions.refresh(now_ms: 0) { _ in nil }
  }

  /// The consumer reads on elsewhere, for its own reasons.
  func rewind(_ partition: UInt16, to offset: Int64) { places[partition] = offset }

  func reachEnd(_ partition: UInt16, _ offset: Int64) {
    partitions.reachEnd(Int32(partition), offset)
    partitions.refresh(now_ms: 0) { _ in offset }
  }

  private func take(_ record: SimulatedRecord, _ partition: UInt16) throws {
    let isWanted = partitions.wants(Int32(partition), record.offset)
    guard isWanted || settings.sabotage == .appliesAgain else { return }
    let user = Array(record.user.utf8)
    let bad = user.withUnsafeBytes { key in
      record.value.withUnsafeBytes { value in
        let bad = decoder.decode(
          EventRecord(value: value, key: key, checksKey: true, timestamp_ms: record.timestamp_ms), into: &event)
        if bad == nil { fold(partition, record.offset, record.timestamp_ms, isWanted: isWanted) }
        return bad
      }
    }
    let isBad = if case .bad = record.meaning { true } else { false }
    guard (bad != nil) == isBad || !isWanted else {
      throw SimulationFailure("offset \(record.offset) is decoded to \(bad as Any)")
    }
    if isWanted {
      _ = partitions.apply(Int32(partition), record.offset, event_ms: bad == nil ? event.behavior.time_ms : nil)
    }
    if buffer.isFull { try handOver() }
  }

  private func fold(_ partition: UInt16, _ offset: Int64, _ timestamp_ms: Int64, isWanted: Bool) {
    if event.isErasure {
      if settings.sabotage != .dropsErasures { buffer.erase(partition: partition, user: event.user) }
      return
    }
    let isDuplicate =
      isWanted
      && duplicates[partition]?.isDuplicate(
        user: event.user, eventID: event.eventID, offset: offset, timestamp_ms: timestamp_ms) ?? false
    if isDuplicate { return }
    event.behavior.group = SimulatedProducer.group(of: event.behavior.shop)
    buffer.append(event.behavior, partition: partition, user: event.user)
  }

  // MARK: Flushes

  /// Gives the buffer to the flusher, which takes two at most.
  func handOver() throws {
    if submitted.count == 2 { try ingestOne() }
    var positions = partitions.positions()
    duplicates.addIDs(to: &positions)
    if settings.sabotage == .tellsOffsetsEarly {
      let early = FoldBuffer(limits: settings.buffer, rules: rules)
      early.positions = positions
      try store.ingest(SimulatedStore.file(early, &sorter))
      positions = DurablePositions()
    }
    buffer.positions = positions
    submitted.append(buffer)
    buffer = FoldBuffer(limits: settings.buffer, rules: rules)
  }

  /// The flusher's next file gets into the database. Returns whether there was one.
  @discardableResult
  func ingestOne() throws -> Bool {
    if submitted.isEmpty { return false }
    let full = submitted.removeFirst()
    try store.ingest(SimulatedStore.file(full, &sorter))
    partitions.makeDurable(full.positions)
    return true
  }

  func makeDurable() throws {
    try handOver()
    while try ingestOne() {}
  }

  // MARK: The group

  func give(_ given: [UInt16]) throws {
    // Where a partition comes back, what was read of it before is to be in the store when its offset is looked up.
    if partitions.isDirty || !submitted.isEmpty { try makeDurable() }
    for partition in given {
      partitions.setWaiting(partition)
      places[partition] = nil
    }
  }

  /// Returns where the partition is read from; nil where its history is lost.
  func open(_ partition: UInt16, _ log: SimulatedLog, committedBase: Int64?) throws -> Int64? {
    let stored = store.offsets(of: partition)
    let start = partitions.assign(partition, stored: stored, committedBase: committedBase, log: (log.low, log.high))
    places[partition] = start
    guard let start else { return nil }
    duplicates.open(partition)
    for ids in store.duplicateIDs(of: partition) where settings.sabotage != .forgetsIDs {
      try ids.bytes.withUnsafeBytes { try duplicates.restore(partition, ids.last, $0, applied: start) }
    }
    return start
  }

  /// `places` of it are gone from the log.
  func lose(_ partition: UInt16, _ log: SimulatedLog) {
    partitions.loseHistory(partition, log: (log.low, log.high))
    places[partition] = nil
  }

  /// Returns what to commit.
  func giveUp(_ taken: [UInt16], isLost: Bool) throws -> [PartitionOffset] {
    for partition in taken { partitions.setRevoking(partition) }
    try makeDurable()
    let commits = isLost ? [] : partitions.commits(of: taken)
    for partition in taken {
      partitions.remove(partition)
      duplicates.close(partition)
      places[partition] = nil
    }
    return commits
  }

  var commits: [PartitionOffset] { partitions.commits(of: partitions.owned) }

  func status(of partition: UInt16) -> PartitionStatus? { partitions.statuses.first { $0.partition == partition } }
}
