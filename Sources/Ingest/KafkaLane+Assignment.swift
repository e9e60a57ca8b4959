import InterestStore
import Kafka
import Telemetry
import Threads

extension KafkaLane {
  mutating func handle(_ event: ConsumerEvent, _ consumer: Consumer, _ intake: inout Intake) throws(IngestError) {
    switch event {
    case .assigned(let given): try take(given, consumer, &intake)
    case .revoked(let taken): try giveUp(taken, consumer, &intake, commits: true)
    case .lost(let taken):
      // Another member may have them already: nothing is committed. What was read of them is in the buffer, and becomes durable with its
      // offsets like everything else.
      log.warn("partitions were lost to the group", ["partitions": "\(taken)"])
      try giveUp(taken, consumer, &intake, commits: false)
    case .endOfPartition(let partition, let offset): partitions.reachEnd(partition, offset)
    case .partitionFailed(let partition, let error): lose(partition, error, consumer)
    case .failed(let error):
      if error.isFatal { throw IngestError(.kafka, error.description) }
      log.warn("kafka", ["error": error.description])
    case .committed(_, let error):
      if let error { log.warn("offsets are not committed", ["error": error.description]) }
    }
  }

  /// Reads new partitions from where the state ends, or from the log's beginning. Those whose leaders do not answer are assigned later.
  private mutating func take(_ given: [Int32], _ consumer: Consumer, _ intake: inout Intake) throws(IngestError) {
    if let foreign = given.first(where: { $0 < 0 || Int($0) >= partitions.count }) {
      throw IngestError(
        .kafka,
        "topic \(settings.topic) has a partition \(foreign), and the state was made for \(partitions.count) partitions: "
          + "rebuild it in a new state directory")
    }
    // Where a partition comes back that was never given up, the buffer may be ahead of the stored offsets.
    if partitions.isDirty { try makeDurable(&intake) }
    let staying = partitions.places(except: given)
    for partition in given { partitions.setWaiting(UInt16(partition)) }
    try call { () throws(KafkaError) in try consumer.holdPlaces(staying, timeout_ms: Self.request_ms) }
    try begin(given, consumer)
    hasJoined = true
    log.info("partitions assigned", ["partitions": "\(given)"])
  }

  /// Asks again for partitions that wait for their leaders.
  mutating func takeWaiting(_ consumer: Consumer) throws(IngestError) {
    let waiting = partitions.waiting.map { Int32($0) }
    if !waiting.isEmpty { try begin(waiting, consumer) }
  }

  private mutating func begin(_ given: [Int32], _ consumer: Consumer) throws(IngestError) {
    var offsets: [PartitionOffset] = []
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
      } else {
        logLostHistory(log.partition)
      }
    }
    try call { () throws(KafkaError) in try consumer.assign(offsets) }
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

  /// Makes durable what was read of partitions that the group takes back, and commits it, then gives them up.
  private mutating func giveUp(
    _ taken: [Int32], _ consumer: Consumer, _ intake: inout Intake, commits: Bool
  ) throws(IngestError) {
    for partition in taken { partitions.setRevoking(UInt16(partition)) }
    board.publish(partitions.statuses, hasJoined: hasJoined)
    try makeDurable(&intake)
    if commits { commitLast(consumer, taken.map { UInt16($0) }) }
    for partition in taken { partitions.remove(UInt16(partition)) }
    let staying = partitions.places(except: taken)
    try call { () throws(KafkaError) in
      try consumer.holdPlaces(staying, timeout_ms: Self.request_ms)
      try consumer.unassign(taken)
    }
    log.info("partitions given up", ["partitions": "\(taken)"])
  }

  /// Everything in the buffer.
  private mutating func makeDurable(_ intake: inout Intake) throws(IngestError) {
    try flush(&intake)
    do throws(StoreError) { try queue.drain() } catch { throw IngestError(error) }
    try takeDurable()
  }

  private mutating func lose(_ partition: Int32, _ error: KafkaError, _ consumer: Consumer) {
    guard error.isOffsetOutOfRange else {
      return log.warn("a partition cannot be read", ["partition": partition, "error": error.description])
    }
    // librdkafka reads on no more. The ends are for the message alone.
    let ends = try? consumer.watermarks([partition], timeout_ms: Self.singleRequest_ms).first
    partitions.loseHistory(UInt16(partition), log: ends.map { ($0.low, $0.high) })
    logLostHistory(partition)
  }

  private func logLostHistory(_ partition: Int32) {
    log.error("lost history", ["partition": partition, "what": partitions.message(of: UInt16(partition))])
  }

  private func call(_ body: () throws(KafkaError) -> Void) throws(IngestError) {
    do throws(KafkaError) { try body() } catch { throw IngestError(.kafka, error.description) }
  }
}
