import DaemonConfig
import Ingest
import Kafka

extension DaemonConfiguration {
  /// Creates the dead letters' topic where it is missing, for a source of so many partitions.
  ///
  /// - Throws: `KafkaError` or `DeadLetterTopic.Unready` where another call may succeed, `IngestError` where it cannot.
  func prepareDeadLetters(partitions: Int, _ admin: Admin, timeout_ms: Int32) throws -> DeadLetterTopic {
    let source = try? admin.topicProperties(kafka.topic, timeout_ms: timeout_ms)
    let record_bytes = source?["max.message.bytes"].flatMap { Int($0) } ?? DeadLetterTopic.defaultLetter_bytes
    // Whatever may be a good record one day fits, with its headers.
    let creation = DeadLetterTopic.Creation(
      partitions: Int32(partitions), retention_ms: deadLetters.retention_ms,
      retention_bytes: deadLetters.retention_bytes,
      letter_bytes: max(record_bytes, ingest.maximumRecord_bytes) + DeadLetterTopic.headroom_bytes)
    return try DeadLetterTopic.prepare(deadLetterTopic, creation, connection, admin, timeout_ms: timeout_ms)
  }
}
