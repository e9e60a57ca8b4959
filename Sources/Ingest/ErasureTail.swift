import InterestCodec
import Kafka

/// Looks for erasures in what the daemon has not made durable of its topic: in what it may not have applied, and so not marked among the
/// dead letters. Records of open transactions are seen, too. Owned by one thread.
final class ErasureTail {
  private let consumer: Consumer
  private let partitions: [Int32]
  private let ranges: TopicRanges
  private let checksKey: Bool
  private var reader: BehaviorReader

  private static var request_ms: Int32 { 10_000 }

  /// - Parameter durable: What the daemon has made durable; a partition without is read from its beginning.
  init(_ settings: RedriveSettings, partitions: Int32, durable: [Int32: Int64]) throws(KafkaError) {
    var configuration = settings.configuration
    configuration.set("group.id", settings.redriveGroup)
    configuration.set("isolation.level", "read_uncommitted")
    configuration.set("fetch.wait.max.ms", "20")
    self.partitions = (0..<partitions).map { $0 }
    consumer = try Consumer(topic: settings.topic, configuration)
    let starts = try consumer.watermarks(self.partitions, timeout_ms: Self.request_ms).map {
      PartitionOffset(
        partition: $0.partition, offset: min(max(durable[$0.partition] ?? $0.low, $0.low), $0.high))
    }
    ranges = try TopicRanges(settings.topic, configuration, from: starts)
    checksKey = settings.checksKey
    reader = BehaviorReader(
      format: settings.format, maximumSkew_ms: settings.maximumSkew_ms, maximumRecordBytes: settings.record_bytes)
  }

  deinit { consumer.abandon() }

  /// Reads to where the topic ends now.
  func advance(_ found: (_ user: [UInt8], _ partition: Int32, _ offset: Int64) -> Void) throws(KafkaError) {
    ranges.setEnds(
      try consumer.watermarks(partitions, timeout_ms: Self.request_ms).map {
        PartitionOffset(partition: $0.partition, offset: $0.high)
      })
    while !ranges.isDone {
      try ranges.poll { message in
        var fields = BehaviorFields()
        let record = EventRecord(
          value: message.value, key: message.key, checksKey: checksKey, timestamp_ms: message.timestamp_ms)
        guard reader.read(record, into: &fields) == nil, fields.isErasure else { return }
        found(Array(fields.user), message.partition, message.offset)
      }
    }
  }
}
