internal import CRdKafka

/// Transactions of one producer (rdkafka.h, "Transactional producer API"), for a configuration with a `transactional.id`. Errors say by
/// `requiresAbort`, `isRetryable` and `isFatal` what may be done next; `Transactions` does it.
extension Producer {
  /// Once, before anything else: ends what an earlier producer of the same id has left, and fences it.
  public func initializeTransactions(timeout_ms: Int32) throws(KafkaError) {
    try KafkaError.check(
      consuming: rd_kafka_init_transactions(client.handle, timeout_ms), "begin with transactions")
  }

  /// Deliveries are counted from here on.
  public func beginTransaction() throws(KafkaError) {
    client.callbacks.deliveries = DeliveryCounts()
    client.callbacks.keptDeliveries = []
    try KafkaError.check(consuming: rd_kafka_begin_transaction(client.handle), "begin a transaction")
  }

  /// Commits a group's offsets (of the next records to be read) with the transaction. The group has no members: whoever has the
  /// `transactional.id` reads for it.
  public func sendOffsets(
    _ offsets: [PartitionOffset], of topic: String, group: String, timeout_ms: Int32
  ) throws(KafkaError) {
    let operation = "commit offsets of topic '\(topic)' for group '\(group)' in a transaction"
    guard let metadata = rd_kafka_consumer_group_metadata_new(group) else {
      throw KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, operation)
    }
    defer { rd_kafka_consumer_group_metadata_destroy(metadata) }
    let list = PartitionList(topic: topic, offsets)
    try KafkaError.check(
      consuming: rd_kafka_send_offsets_to_transaction(client.handle, list.raw, metadata, timeout_ms), operation)
  }

  /// Waits for what is left of `transaction.timeout.ms`, as librdkafka advises.
  public func commitTransaction() throws(KafkaError) {
    try KafkaError.check(consuming: rd_kafka_commit_transaction(client.handle, -1), "commit a transaction")
  }

  /// As `commitTransaction`; what has been sent is seen by no reader of committed records.
  public func abortTransaction() throws(KafkaError) {
    try KafkaError.check(consuming: rd_kafka_abort_transaction(client.handle, -1), "abort a transaction")
  }
}
