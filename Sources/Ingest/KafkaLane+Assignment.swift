import InterestStore
import Kafka
import Telemetry
import Threads

extension KafkaLane {
  mutating func handle(_ event: ConsumerEvent, _ consumer: Consumer, _ intake: inout Intake) throws(IngestError) {
    switch event {
    case .assigned(let given): try take(given, consumer)
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

  /// Reads new partitions from where the state ends, or from the log's beginning.
  private mutating func take(_ given: [Int32], _ consumer: Consumer) throws(IngestError) {
    if let foreign = given.first(where: { $0 < 0 || Int($0) >= partitions.count }) {
      throw IngestError(
        .kafka,
        "topic \(settings.topic) has a partition \(foreign), and the state was made for \(partitions.count) partitions: "
          + "rebuild it in a new state directory")
    }
    guard let logs = try ends(of: given, consumer) else { return }
    let staying = partitions.places(except: given)
    var offsets: [PartitionOffset] = []
    for log in logs {
      let partition = UInt16(log.partition)
      let stored: PartitionOffsets?
      do throws(StoreError) {
        stored = try pipeline.store.generation.offsets(of: partition)
      } catch { throw IngestError(error) }
      if let start = partitions.assign(partition, stored: stored, log: (log.low, log.high)) {
        offsets.append(PartitionOffset(partition: log.partition, offset: start))
      } else {
        logLostHistory(log.partition)
      }
    }
    try call { () throws(KafkaError) in
      try consumer.holdPlaces(staying, timeout_ms: Self.request_ms)
      try consumer.assign(offsets)
    }
    hasJoined = true
    log.info("partitions assigned", ["partitions": "\(given)"])
  }

  /// The logs' first and next offsets, asked until the brokers answer; nil where the lane is told to stop meanwhile.
  private func ends(of given: [Int32], _ consumer: Consumer) throws(IngestError) -> [Watermarks]? {
    if given.isEmpty { return [] }
    while !isStopping() {
      do throws(KafkaError) {
        return try consumer.watermarks(given, timeout_ms: Self.request_ms)
      } catch {
        if error.isFatal { throw IngestError(.kafka, error.description) }
        log.warn("waiting for the ends of partitions", ["partitions": "\(given)", "error": error.description])
      }
    }
    return nil
  }

  /// Makes durable what was read of partitions that the group takes back, and commits it, then gives them up.
  private mutating func giveUp(
    _ taken: [Int32], _ consumer: Consumer, _ intake: inout Intake, commits: Bool
  ) throws(IngestError) {
    for partition in taken { partitions.setRevoking(UInt16(partition)) }
    board.publish(partitions.statuses, hasJoined: hasJoined)
    try flush(&intake)
    do throws(StoreError) { try queue.drain() } catch { throw IngestError(error) }
    try takeDurable()
    if commits { commitLast(consumer, taken.map { UInt16($0) }) }
    for partition in taken { partitions.remove(UInt16(partition)) }
    let staying = partitions.places(except: taken)
    try call { () throws(KafkaError) in
      try consumer.holdPlaces(staying, timeout_ms: Self.request_ms)
      try consumer.unassign(taken)
    }
    log.info("partitions given up", ["partitions": "\(taken)"])
  }

  private mutating func lose(_ partition: Int32, _ error: KafkaError, _ consumer: Consumer) {
    guard error.isOffsetOutOfRange,
      let log = try? consumer.watermarks([partition], timeout_ms: Self.request_ms).first
    else {
      return self.log.warn("a partition cannot be read", ["partition": partition, "error": error.description])
    }
    partitions.loseHistory(UInt16(partition), log: (log.low, log.high))
    logLostHistory(partition)
  }

  private func logLostHistory(_ partition: Int32) {
    log.error("lost history", ["partition": partition, "what": partitions.message(of: UInt16(partition))])
  }

  private func call(_ body: () throws(KafkaError) -> Void) throws(IngestError) {
    do throws(KafkaError) { try body() } catch { throw IngestError(.kafka, error.description) }
  }
}
