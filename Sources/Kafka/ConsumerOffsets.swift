internal import CRdKafka

extension Consumer {
  /// The log's first offset, whatever it is.
  public static let beginning = Int64(RD_KAFKA_OFFSET_BEGINNING)
  /// The offset of the next record to be written.
  public static let end = Int64(RD_KAFKA_OFFSET_END)

  /// Hands offsets (of the next record to be read) to the group and returns at once; `poll` tells the outcome as
  /// `ConsumerEvent.committed`. At most one per call.
  public func commit(_ offsets: [PartitionOffset]) throws(KafkaError) {
    let list = PartitionList(topic: topic, offsets)
    try KafkaError.check(rd_kafka_commit_queue(client.handle, list.raw, commits, nil, nil), committing)
  }

  /// Commits and waits for the outcome, at most `timeout_ms`. After a timeout the commit may still happen.
  public func commit(_ offsets: [PartitionOffset], timeout_ms: Int32) throws(KafkaError) {
    guard let outcome = rd_kafka_queue_new(client.handle) else { return }
    // What arrives after that is dropped by librdkafka.
    defer { rd_kafka_queue_destroy(outcome) }
    let list = PartitionList(topic: topic, offsets)
    try KafkaError.check(rd_kafka_commit_queue(client.handle, list.raw, outcome, nil, nil), committing)
    guard let event = rd_kafka_queue_poll(outcome, timeout_ms) else {
      throw KafkaError(
        RD_KAFKA_RESP_ERR__TIMED_OUT, committing, message: "no coordinator answered within \(timeout_ms) ms")
    }
    defer { rd_kafka_event_destroy(event) }
    if let error = self.outcome(of: event).error { throw error }
  }

  func takeCommits(_ body: (ConsumerEvent) -> Void) {
    while let event = rd_kafka_queue_poll(commits, 0) {
      if rd_kafka_event_type(event) == RD_KAFKA_EVENT_OFFSET_COMMIT {
        let (offsets, error) = outcome(of: event)
        body(.committed(offsets, error))
      }
      rd_kafka_event_destroy(event)
    }
  }

  private var committing: String { "commit offsets of topic '\(topic)'" }

  private func outcome(of event: OpaquePointer) -> (offsets: [PartitionOffset], error: KafkaError?) {
    let list = rd_kafka_event_topic_partition_list(event)
    let elements = list.map { PartitionList.elements(of: $0) } ?? .init(start: nil, count: 0)
    let offsets = elements.map { PartitionOffset($0) }
    let code = rd_kafka_event_error(event)
    do throws(KafkaError) {
      try PartitionList.check(elements, committing)
      try KafkaError.check(code, committing)
    } catch { return (offsets, error) }
    return (offsets, nil)
  }

  /// What the group has committed of these partitions, without those of which it has nothing.
  public func committed(_ partitions: [Int32], timeout_ms: Int32) throws(KafkaError) -> [PartitionOffset] {
    let list = PartitionList(topic: topic, partitions)
    let operation = "ask for the committed offsets of topic '\(topic)'"
    try KafkaError.check(rd_kafka_committed(client.handle, list.raw, timeout_ms), operation)
    try PartitionList.check(list.elements, operation)
    return list.elements.filter { $0.offset >= 0 }.map { PartitionOffset($0) }
  }

  /// The offsets of the first record held and of the next one to be written, as a broker has them now.
  public func watermarks(_ partition: Int32, timeout_ms: Int32) throws(KafkaError) -> (low: Int64, high: Int64) {
    var low: Int64 = 0
    var high: Int64 = 0
    try KafkaError.check(
      rd_kafka_query_watermark_offsets(client.handle, topic, partition, &low, &high, timeout_ms),
      "ask for the offsets of partition \(partition) of topic '\(topic)'")
    return (low, high)
  }

  /// The high watermark that came with the last fetched records, without asking anybody; nil before the first.
  public func lastKnownEnd(_ partition: Int32) -> Int64? {
    var low: Int64 = 0
    var high: Int64 = 0
    let code = rd_kafka_get_watermark_offsets(client.handle, topic, partition, &low, &high)
    return code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : nil
  }

  /// The offset behind the last record delivered; nil where none has been since the assignment.
  public func position(_ partition: Int32) throws(KafkaError) -> Int64? {
    let list = PartitionList(topic: topic, [partition])
    let operation = "ask for the position in topic '\(topic)'"
    try KafkaError.check(rd_kafka_position(client.handle, list.raw), operation)
    try PartitionList.check(list.elements, operation)
    return list.elements[0].offset >= 0 ? list.elements[0].offset : nil
  }
}
