import Failpoints
import InterestStore
import Kafka
import Telemetry
import Threads

extension KafkaLane {
  mutating func handle(_ event: ConsumerEvent, _ consumer: Consumer, _ intake: inout Intake) throws(IngestError) {
    switch event {
    case .assigned(let given): try take(given, consumer, &intake)
    case .revoked(let taken): try giveUp(taken, consumer, &intake, isLost: false)
    case .lost(let taken):
      // Another member may have them already: nothing is committed. What was read of them is in the buffer, and becomes durable with its
      // offsets like everything else.
      log.warn("partitions were lost to the group", ["partitions": "\(taken)"])
      try giveUp(taken, consumer, &intake, isLost: true)
    case .endOfPartition(let partition, let offset): reachEnd(partition, offset)
    case .partitionFailed(let partition, let error): lose(partition, error, consumer)
    case .failed(let error):
      if error.isFatal { throw IngestError(.kafka, error.description) }
      log.warn("kafka", ["error": error.description])
    case .committed(_, let error):
      if let error { log.warn("offsets are not committed", ["error": error.description]) }
    }
  }

  /// The last records before the end can be lost on their way as well as any.
  private mutating func reachEnd(_ partition: Int32, _ offset: Int64) {
    guard partitions.wants(partition, offset) else { return }
    if partitions.isSuspect(partition, offset) && isGapLost(partition, before: offset) { return }
    partitions.reachEnd(partition, offset)
  }

  /// Reads new partitions from where the state ends, or from the log's beginning. Those whose leaders do not answer are assigned later.
  private mutating func take(_ given: [Int32], _ consumer: Consumer, _ intake: inout Intake) throws(IngestError) {
    let own = given.filter { $0 >= 0 && Int($0) < partitions.count }
    // Where a partition comes back, what was read of it before is to be in the store when its offset is looked up.
    try flushInTime(&intake)
    let staying = partitions.places(except: given)
    for partition in own { partitions.setWaiting(UInt16(partition)) }
    try holdPlaces(staying, consumer)
    try begin(own, consumer, &intake)
    hasJoined = true
    log.info("partitions assigned", ["partitions": "\(given)"])
    if own.count < given.count { _ = refusal.grown(settings.topic, from: partitions.count) }
  }

  /// Asks again for partitions that wait for their leaders, or for what was read of them to be durable.
  mutating func takeWaiting(_ consumer: Consumer, _ intake: inout Intake) throws(IngestError) {
    let waiting = partitions.waiting.map { Int32($0) }
    if !waiting.isEmpty { try begin(waiting, consumer, &intake) }
  }

  private mutating func begin(_ given: [Int32], _ consumer: Consumer, _ intake: inout Intake) throws(IngestError) {
    if partitions.hasDeparted(given) { try flushInTime(&intake) }
    var isSettled = !partitions.hasDeparted(given)
    if isSettled { isSettled = try drainInTime() }
    var offsets: [PartitionOffset] = []
    if isSettled { offsets = try open(given, consumer, &intake) }
    try call { () throws(KafkaError) in try consumer.assign(offsets) }
    partitions.setFetched(offsets.map(\.partition))
  }

  /// Decides where partitions are read from. Those whose leaders do not answer stay as they are.
  private mutating func open(
    _ given: [Int32], _ consumer: Consumer, _ intake: inout Intake
  ) throws(IngestError) -> [PartitionOffset] {
    var offsets: [PartitionOffset] = []
    var places: [PartitionOffset] = []
    for log in try ends(of: given, consumer) {
      let partition = UInt16(log.partition)
      let stored: PartitionOffsets?
      do throws(StoreError) {
        stored = try pipeline.store.generation.offsets(of: partition)
      } catch { throw IngestError(error) }
      if let start = partitions.assign(
        partition, stored: stored, committedBase: log.committedBase, log: (log.low, log.high))
      {
        offsets.append(PartitionOffset(partition: log.partition, offset: start))
        do throws(StoreError) { try intake.open(partition, at: start) } catch {
          partitions.loseHistory(partition, error.message)
          logLostHistory(log.partition)
        }
        if let last = stored?.last, last.offset >= log.low {
          places.append(PartitionOffset(partition: log.partition, offset: last.offset))
        }
      } else {
        logLostHistory(log.partition)
      }
    }
    compareLast(places)
    return offsets.filter { partitions.state(of: UInt16($0.partition))?.isRead ?? false }
  }

  /// Whether the log still has the records that the state was made of last: a topic that was made anew need not be shorter.
  private mutating func compareLast(_ places: [PartitionOffset]) {
    if places.isEmpty { return }
    for (partition, found) in probe.records(at: places, timeout_ms: Self.probe_ms) {
      guard let stored = partitions.last(of: UInt16(partition)) else { continue }
      // Another one behind the place: that record itself is not held any more, which proves nothing.
      guard found.offset == stored.offset, found.timestamp_ms != stored.timestamp_ms else { continue }
      partitions.loseHistory(UInt16(partition), madeAnewAt: found.offset)
      logLostHistory(partition)
    }
  }

  private struct LogEnds {
    let partition: Int32
    let low: Int64
    let high: Int64
    /// The first offset that the group has ever folded, as its commits tell.
    let committedBase: Int64?
  }

  /// The first and next offsets of those logs whose leaders answer: asked all at once, and where that fails one by one.
  private func ends(of given: [Int32], _ consumer: Consumer) throws(IngestError) -> [LogEnds] {
    if given.isEmpty { return [] }
    do throws(KafkaError) {
      return try ask(given, consumer, timeout_ms: Self.request_ms)
    } catch {
      if error.isFatal { throw IngestError(.kafka, error.description) }
      log.warn("waiting for the ends of partitions", ["partitions": "\(given)", "error": error.description])
      // Of partitions that are not read yet, librdkafka does not ask by itself who leads them now.
      _ = try? consumer.partitionCount(timeout_ms: Self.singleRequest_ms)
    }
    if given.count == 1 { return [] }
    var ends: [LogEnds] = []
    for partition in given where !isStopping() {
      if let answer = try? ask([partition], consumer, timeout_ms: Self.singleRequest_ms) { ends += answer }
    }
    return ends
  }

  private func ask(_ given: [Int32], _ consumer: Consumer, timeout_ms: Int32) throws(KafkaError) -> [LogEnds] {
    let committed = try consumer.committed(given, timeout_ms: timeout_ms)
    return try consumer.watermarks(given, timeout_ms: timeout_ms).map { log in
      let metadata = committed.first { $0.partition == log.partition }?.metadata
      return LogEnds(
        partition: log.partition, low: log.low, high: log.high,
        committedBase: metadata.flatMap { LanePartitions.base(in: $0) })
    }
  }

  /// Makes durable what was read of partitions that the group takes back, within a bound, and commits it, then gives them up. What is
  /// not durable by then becomes so later: it is in a buffer together with its offsets.
  private mutating func giveUp(
    _ taken: [Int32], _ consumer: Consumer, _ intake: inout Intake, isLost: Bool
  ) throws(IngestError) {
    let own = taken.filter { $0 >= 0 && Int($0) < partitions.count }
    for partition in own.map({ UInt16($0) }) {
      if isLost { partitions.setLost(partition) } else { partitions.setRevoking(partition) }
    }
    board.publish(partitions.statuses, hasJoined: hasJoined)
    var isDurable = try flushInTime(&intake)
    if isDurable { isDurable = try drainInTime() }
    if !isDurable {
      log.warn("partitions are given up before all that was read is durable", ["partitions": "\(taken)"])
    }
    _ = Failpoints.fails(at: .revoke)
    if !isLost { commitLast(consumer, own.map { UInt16($0) }) }
    let fetched = partitions.fetched(own)
    for partition in own.map({ UInt16($0) }) {
      partitions.remove(partition)
      intake.close(partition)
    }
    // Nothing of them is answered from here on: the group may give them to another instance as soon as they are unassigned.
    board.publish(partitions.statuses, hasJoined: hasJoined)
    let staying = partitions.places(except: taken)
    try holdPlaces(staying, consumer)
    try call { () throws(KafkaError) in try consumer.unassign(fetched) }
    // That they are owned no more is to be in the state soon.
    if isDurable { try flushInTime(&intake) }
    log.info("partitions given up", ["partitions": "\(taken)"])
  }

  /// Hands the buffer to the flusher, where there is something in it. False where no empty one came free in time.
  @discardableResult
  private mutating func flushInTime(_ intake: inout Intake) throws(IngestError) -> Bool {
    if !partitions.isDirty { return true }
    guard try intake.reserve(until: revokeDeadline_ns) else { return false }
    try flush(&intake)
    return true
  }

  /// Whether everything that was handed over became durable in time.
  private mutating func drainInTime() throws(IngestError) -> Bool {
    let isDone: Bool
    do throws(StoreError) { isDone = try queue.drain(until: revokeDeadline_ns) } catch { throw IngestError(error) }
    try takeDurable()
    return isDone
  }

  private var revokeDeadline_ns: UInt64 { MonotonicClock.now_ns + UInt64(settings.revokeLimit_ms) * 1_000_000 / 2 }

  private mutating func lose(_ partition: Int32, _ error: KafkaError, _ consumer: Consumer) {
    guard error.isOffsetOutOfRange else {
      return log.warn("a partition cannot be read", ["partition": partition, "error": error.description])
    }
    // librdkafka reads on no more. The ends are for the message alone.
    let ends = try? consumer.watermarks([partition], timeout_ms: Self.singleRequest_ms).first
    partitions.loseHistory(UInt16(partition), log: ends.map { ($0.low, $0.high) })
    logLostHistory(partition)
  }

  func logLostHistory(_ partition: Int32) {
    log.error("lost history", ["partition": partition, "what": partitions.message(of: UInt16(partition))])
  }

  func call(_ body: () throws(KafkaError) -> Void) throws(IngestError) {
    do throws(KafkaError) { try body() } catch { throw IngestError(.kafka, error.description) }
  }
}
