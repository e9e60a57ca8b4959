internal import CRdKafka
import Threads

/// The ends of a partition's log.
public struct Watermarks: Equatable, Sendable {
  public let partition: Int32
  /// The first record held.
  public let low: Int64
  /// The next record to be written; under `isolation.level=read_committed` (the default) the first one of an open transaction.
  public let high: Int64
}

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

  /// Where these partitions' logs begin and end, as their leaders have it now; all or an error, within `timeout_ms`.
  public func watermarks(_ partitions: [Int32], timeout_ms: Int32) throws(KafkaError) -> [Watermarks] {
    let deadline_ns = MonotonicClock.now_ns + UInt64(max(timeout_ms, 0)) * 1_000_000
    let lows = try offsets(of: partitions, at: Self.beginning, timeout_ms: timeout_ms)
    let now_ns = MonotonicClock.now_ns
    let left_ms = now_ns < deadline_ns ? Int32((deadline_ns - now_ns) / 1_000_000) : 0
    let highs = try offsets(of: partitions, at: Self.end, timeout_ms: left_ms)
    return zip(lows, highs).map { Watermarks(partition: $0.partition, low: $0.offset, high: $1.offset) }
  }

  /// The same of one partition.
  public func watermarks(_ partition: Int32, timeout_ms: Int32) throws(KafkaError) -> (low: Int64, high: Int64) {
    let ends = try watermarks([partition], timeout_ms: timeout_ms)[0]
    return (ends.low, ends.high)
  }

  /// A time of -2 asks for the beginning and -1 for the end, in the protocol as in librdkafka. `rd_kafka_query_watermark_offsets`
  /// would ask for both at once, but 2.0.2's has no time limit while the leader is away.
  private func offsets(
    of partitions: [Int32], at time: Int64, timeout_ms: Int32
  ) throws(KafkaError) -> [PartitionOffset] {
    let operation = "ask for the offsets of topic '\(topic)'"
    let list = PartitionList(topic: topic, partitions.map { PartitionOffset(partition: $0, offset: time) })
    try KafkaError.check(rd_kafka_offsets_for_times(client.handle, list.raw, timeout_ms), operation)
    try PartitionList.check(list.elements, operation)
    return list.elements.map { PartitionOffset($0) }
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
