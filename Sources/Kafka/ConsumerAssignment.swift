internal import CRdKafka

extension Consumer {
  /// librdkafka calls this while the queue is polled, on that thread. The answer may come later: the group waits for it.
  static let onRebalance:
    @convention(c) (
      OpaquePointer?, rd_kafka_resp_err_t, UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?,
      UnsafeMutableRawPointer?
    ) -> Void = { handle, code, list, opaque in
      let callbacks = Callbacks.from(opaque)
      let partitions = list.map { PartitionList.elements(of: $0).map(\.partition) } ?? []
      switch code {
      case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS: callbacks.rebalances.append(.assigned(partitions))
      case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
        callbacks.rebalances.append(rd_kafka_assignment_lost(handle) != 0 ? .lost(partitions) : .revoked(partitions))
      default:
        // Whatever else happened, the assignment has to be given up (rdkafka.h, rd_kafka_conf_set_rebalance_cb).
        rd_kafka_assign(handle, nil)
        callbacks.rebalances.append(.failed(KafkaError(code, "follow the group's rebalance")))
      }
    }

  func takeRebalances(_ event: (ConsumerEvent) -> Void) {
    if client.callbacks.rebalances.isEmpty { return }
    let rebalances = client.callbacks.rebalances
    client.callbacks.rebalances = []
    for rebalance in rebalances {
      if case .failed = rebalance {} else { unanswered = rebalance }
      if case .assigned = rebalance { wasAssigned = true }
      event(rebalance)
    }
  }

  /// Whether the group's protocol moves partitions one by one. Without a group, as good as.
  private var isIncremental: Bool {
    guard let protocolName = rd_kafka_rebalance_protocol(client.handle) else { return true }
    return String(cString: protocolName) != "EAGER"
  }

  /// Reads these partitions from these offsets on, beside those it reads already; under an eager protocol instead of those. An offset may be
  /// `Consumer.beginning` or `Consumer.end`. The answer to `ConsumerEvent.assigned`, also where nothing was assigned.
  public func assign(_ offsets: [PartitionOffset]) throws(KafkaError) {
    let list = PartitionList(topic: topic, offsets)
    let operation = "take partitions of topic '\(topic)'"
    unanswered = nil
    if isIncremental {
      try KafkaError.check(consuming: rd_kafka_incremental_assign(client.handle, list.raw), operation)
    } else {
      try KafkaError.check(rd_kafka_assign(client.handle, list.raw), operation)
    }
  }

  /// Reads these partitions no more; under an eager protocol none any more. The answer to `revoked` and `lost`.
  public func unassign(_ partitions: [Int32]) throws(KafkaError) {
    let operation = "give up partitions of topic '\(topic)'"
    unanswered = nil
    if isIncremental {
      let list = PartitionList(topic: topic, partitions)
      try KafkaError.check(consuming: rd_kafka_incremental_unassign(client.handle, list.raw), operation)
    } else {
      try KafkaError.check(rd_kafka_assign(client.handle, nil), operation)
    }
  }

  /// The partitions read at present, ascending.
  public func assignment() throws(KafkaError) -> [Int32] {
    var raw: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?
    try KafkaError.check(rd_kafka_assignment(client.handle, &raw), "ask for the assignment")
    guard let raw else { return [] }
    defer { rd_kafka_topic_partition_list_destroy(raw) }
    return PartitionList.elements(of: raw).map(\.partition).sorted()
  }

  /// Where the partitions that stay are to be read on after a rebalance: the offset after the last record that `poll` gave of each. To
  /// be called before each answer to a rebalance (`assign`, `unassign`), while librdkafka has all partitions paused.
  ///
  /// librdkafka before 2.1 loses records otherwise. Its pause takes those out of the batch under way that `poll` has not given yet, but
  /// counts them as read, and goes on behind them (confluentinc/librdkafka pull request 4208). A seek forgets that count.
  public func holdPlaces(_ offsets: [PartitionOffset], timeout_ms: Int32) throws(KafkaError) {
    if offsets.isEmpty { return }
    let list = PartitionList(topic: topic, offsets)
    let operation = "hold the place in topic '\(topic)'"
    try KafkaError.check(
      consuming: rd_kafka_seek_partitions(client.handle, list.raw, Self.seekTimeout(timeout_ms)), operation)
    // A partition that is not being read yet has lost nothing: its reading begins where `assign` said.
    for element in list.elements
    where element.err != RD_KAFKA_RESP_ERR__STATE && element.err != RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS {
      try KafkaError.check(element.err, "\(operation), partition \(element.partition)")
    }
  }

  /// librdkafka before 2.1 takes microseconds there (confluentinc/librdkafka pull request 4230).
  private static func seekTimeout(_ timeout_ms: Int32) -> Int32 {
    rd_kafka_version() < 0x0201_00FF ? min(timeout_ms, 1_000_000) * 1000 : timeout_ms
  }

  /// Stops the delivery of these partitions, which stay assigned, until `resume`.
  public func pause(_ partitions: [Int32]) throws(KafkaError) {
    let list = PartitionList(topic: topic, partitions)
    let operation = "pause partitions of topic '\(topic)'"
    try KafkaError.check(rd_kafka_pause_partitions(client.handle, list.raw), operation)
    try PartitionList.check(list.elements, operation)
  }

  public func resume(_ partitions: [Int32]) throws(KafkaError) {
    let list = PartitionList(topic: topic, partitions)
    let operation = "resume partitions of topic '\(topic)'"
    try KafkaError.check(rd_kafka_resume_partitions(client.handle, list.raw), operation)
    try PartitionList.check(list.elements, operation)
  }

  /// Reads assigned partitions from other offsets on.
  public func seek(_ offsets: [PartitionOffset], timeout_ms: Int32) throws(KafkaError) {
    let list = PartitionList(topic: topic, offsets)
    let operation = "seek in topic '\(topic)'"
    try KafkaError.check(
      consuming: rd_kafka_seek_partitions(client.handle, list.raw, Self.seekTimeout(timeout_ms)), operation)
    try PartitionList.check(list.elements, operation)
  }
}
