import Kafka
import Threads

/// Reads parts of a topic's partitions, up to offsets that are known before. Owned by one thread.
final class TopicRanges {
  private let consumer: Consumer
  private var next: [Int32: Int64]
  private var end: [Int32: Int64]
  private var progress_ns = MonotonicClock.now_ns
  private var lastError: KafkaError?

  private static var poll_ms: Int32 { 50 }
  /// Without any progress for so long it gives up.
  private static var patience_ns: UInt64 { 60_000_000_000 }

  /// - Parameters:
  ///   - starts: The partitions, and where they are read from.
  ///   - batchLimit: Records of one `poll`, at most.
  init(
    _ topic: String, _ configuration: KafkaConfiguration, from starts: [PartitionOffset], batchLimit: Int = 10_000
  ) throws(KafkaError) {
    consumer = try Consumer(topic: topic, configuration, batchLimit: batchLimit)
    next = [:]
    end = [:]
    for start in starts { next[start.partition] = start.offset }
    try consumer.assign(starts)
  }

  deinit { consumer.abandon() }

  /// Whether everything before the ends has been given.
  var isDone: Bool { end.allSatisfy { next[$0.key] ?? $0.value >= $0.value } }

  /// Whether a record lies before its partition's end.
  func contains(_ partition: Int32, _ offset: Int64) -> Bool { offset < end[partition] ?? 0 }

  /// To where it is to be read; records behind may be lent as well.
  func setEnds(_ offsets: [PartitionOffset]) {
    for offset in offsets where next[offset.partition] != nil { end[offset.partition] = offset.offset }
    progress_ns = MonotonicClock.now_ns
  }

  /// Lends some records.
  func poll(_ body: (borrowing Message) -> Void) throws(KafkaError) {
    var failure: KafkaError?
    var isMoved = false
    consumer.poll(timeout_ms: Self.poll_ms) { message in
      guard message.offset >= next[message.partition] ?? Int64.max else { return }
      isMoved = true
      next[message.partition] = message.offset + 1
      body(message)
    } event: { event in
      switch event {
      case .endOfPartition(let partition, let offset):
        isMoved = true
        next[partition] = max(next[partition] ?? offset, offset)
      case .partitionFailed(_, let error) where error.isOffsetOutOfRange: failure = error
      case .partitionFailed(_, let error), .failed(let error):
        lastError = error
        if error.isFatal || !error.isRetryable { failure = error }
      default: break
      }
    }
    if let failure { throw failure }
    let now_ns = MonotonicClock.now_ns
    if isMoved { progress_ns = now_ns }
    if now_ns - progress_ns > Self.patience_ns {
      throw lastError ?? KafkaError.noProgress("read topic '\(consumer.topic)' to its end")
    }
  }
}
