import InterestCodec
import InterestModel
import Kafka
import TestKit

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
    /// Erase records change nothing.
    case dropsErasures
    /// Records that are lost on their way are not missed; nor are the last ones before the log's end.
    case trustsRecords, trustsEnds
  }
}

/// A lane between a simulated group and a simulated store: what `KafkaLane` and `Intake` do around the parts that are values.
final class SimulatedLane {
  let settings: SimulatedSettings
  let store: SimulatedStore
  var partitions: LanePartitions
  var windows: DuplicateWindows
  /// Where the consumer reads on, of partitions that it has.
  var places: [UInt16: Int64] = [:]
  /// Gaps that were found to have had records.
  private(set) var refetches = 0
  private var decoder: EventDecoder
  private var event = DecodedEvent()
  private var sorter: BufferSorter
  private let rules: FoldRules
  private var buffer: FoldBuffer
  /// Handed to the flusher, the oldest first.
  private var submitted: [FoldBuffer] = []

  init(_ settings: SimulatedSettings, _ store: SimulatedStore) {
    self.settings = settings
    self.store = store
    // So many bad records are all right.
    partitions = LanePartitions(topic: "t", count: settings.partitions, breaker: Breaker(.init(records: .max)))
    windows = DuplicateWindows(settings.duplicates)
    decoder = EventDecoder(catalog: settings.configuration.catalog, format: .auto)
    rules = FoldRules(settings.configuration)
    sorter = BufferSorter(rules: rules)
    buffer = FoldBuffer(limits: settings.buffer, rules: rules)
  }

  // MARK: Records

  /// Takes what a poll gave, and the log's end where that was reached.
  func take(_ records: [SimulatedRecord], of partition: UInt16, _ log: SimulatedLog, reachesEnd: Bool) throws {
    for record in records {
      places[partition] = record.offset + 1
      try take(record, partition, log)
    }
    if reachesEnd {
      places[partition] = log.high
      reachEnd(partition, log)
    }
    for held in partitions.held { places[UInt16(held.partition)] = held.offset }
    partitions.setPlaced(partitions.held)
    partitions.refresh(now_ms: 0) { $0 == partition ? log.high : nil }
  }

  private func reachEnd(_ partition: UInt16, _ log: SimulatedLog) {
    guard partitions.wants(Int32(partition), log.high) else { return }
    if settings.sabotage != .trustsEnds && isGapLost(partition, before: log.high, log) { return }
    partitions.reachEnd(Int32(partition), log.high)
  }

  private func isGapLost(_ partition: UInt16, before offset: Int64, _ log: SimulatedLog) -> Bool {
    guard partitions.isSuspect(Int32(partition), offset) else { return false }
    let applied = partitions.applied(Int32(partition))
    guard log.all(in: max(applied, log.low)..<offset).count > 0 else { return false }
    partitions.hold(Int32(partition))
    refetches += 1
    return true
  }

  private func take(_ record: SimulatedRecord, _ partition: UInt16, _ log: SimulatedLog) throws {
    let isWanted = partitions.wants(Int32(partition), record.offset)
    if isWanted && settings.sabotage != .trustsRecords && isGapLost(partition, before: record.offset, log) { return }
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
    guard (bad != nil) == isBad else { throw SimulationFailure("offset \(record.offset) is decoded to \(bad as Any)") }
    if isWanted {
      _ = partitions.apply(
        Int32(partition), record.offset, timestamp_ms: record.timestamp_ms,
        event_ms: bad == nil ? event.behavior.time_ms : nil)
    }
    if buffer.isFull || windows.isFull { try handOver() }
  }

  private func fold(_ partition: UInt16, _ offset: Int64, _ timestamp_ms: Int64, isWanted: Bool) {
    if event.isErasure {
      if settings.sabotage != .dropsErasures { buffer.erase(partition: partition, user: event.user) }
      return
    }
    // Offsets that do not ascend are no window's.
    let isDuplicate =
      isWanted
      && windows.isDuplicate(
        partition, user: event.user, eventID: event.eventID, offset: offset, timestamp_ms: timestamp_ms)
    if isDuplicate { return }
    event.behavior.group = SimulatedProducer.group(of: event.behavior.shop)
    buffer.append(event.behavior, partition: partition, user: event.user)
  }

  /// The volume is nearly full, or has room again.
  func setPaused(_ isPaused: Bool) {
    partitions.setPaused(isPaused)
    for held in partitions.held { places[UInt16(held.partition)] = held.offset }
    partitions.setPlaced(partitions.held)
  }

  // MARK: Flushes

  /// Gives the buffer to the flusher, which takes two at most.
  func handOver() throws {
    if submitted.count == 2 { try ingestOne() }
    var positions = partitions.positions()
    windows.addNew(to: &positions)
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

  func drain() throws { while try ingestOne() {} }

  func makeDurable() throws {
    try handOver()
    try drain()
  }

  // MARK: The group

  func give(_ given: UInt16) throws {
    if partitions.isDirty { try handOver() }
    partitions.setWaiting(given)
    places[given] = nil
    holdPlaces(except: given)
  }

  /// Returns where the partition is read from; nil where its history is lost.
  func open(_ partition: UInt16, _ log: SimulatedLog, committedBase: Int64?) throws -> Int64? {
    try drain()
    let stored = store.offsets(of: partition)
    let start = partitions.assign(partition, stored: stored, committedBase: committedBase, log: (log.low, log.high))
    places[partition] = start
    guard let start else { return nil }
    try windows.open(partition, at: start) { body in
      if settings.sabotage == .forgetsIDs { return }
      for ids in store.duplicateIDs(of: partition) { ids.bytes.withUnsafeBytes { body(ids.last, $0) } }
    }
    partitions.setFetched([Int32(partition)])
    return start
  }

  /// What is read next of it is gone from the log.
  func lose(_ partition: UInt16, _ log: SimulatedLog) {
    partitions.loseHistory(partition, log: (log.low, log.high))
    places[partition] = nil
  }

  /// Returns what to commit.
  ///
  /// - Parameter isSlow: Whether the flusher is behind: what is in its buffers becomes durable later.
  func giveUp(_ taken: UInt16, isLost: Bool, isSlow: Bool) throws -> [PartitionOffset] {
    if isLost { partitions.setLost(taken) } else { partitions.setRevoking(taken) }
    try handOver()
    if !isSlow { try drain() }
    let commits = isLost ? [] : partitions.commits(of: [taken])
    partitions.remove(taken)
    windows.close(taken)
    places[taken] = nil
    holdPlaces(except: taken)
    return commits
  }

  /// The lane seeks what stays at every change of the assignment.
  private func holdPlaces(except partition: UInt16) {
    let staying = partitions.places(except: [Int32(partition)])
    for place in staying { places[UInt16(place.partition)] = place.offset }
    partitions.setPlaced(staying)
  }

  var commits: [PartitionOffset] { partitions.commits(of: partitions.owned) }

  func status(of partition: UInt16) -> PartitionStatus? { partitions.statuses.first { $0.partition == partition } }
}
