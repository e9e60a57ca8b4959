internal import CRdKafka

/// An idempotent producer: each record once and in the order of its partition, acknowledged by all in-sync replicas, stamped with the
/// time of sending.
///
/// Owned by one thread, which makes every call. `deinit` drops what has not been delivered: `flush` before.
public final class Producer {
  let client: Client
  private(set) var topics: [(name: String, reference: OpaquePointer)] = []
  /// Of `rd_kafka_produceva`, filled anew for each record.
  let arguments = UnsafeMutablePointer<rd_kafka_vu_t>.allocate(capacity: 8)

  /// What applies where the configuration says nothing else. The queue is bounded by records and by bytes.
  ///
  /// One request at a time to each broker: with more, librdkafka 2.0.2 loses records and reports them as delivered. Where a partition's first
  /// batch is refused for the moment (a topic just made, a leader just moved) and the next one is taken, brokers without a state of the
  /// producer take that for the beginning, and the first one, tried again, for a duplicate.
  static let defaults = [
    ("max.in.flight.requests.per.connection", "1"),
    ("enable.idempotence", "true"), ("acks", "all"), ("compression.type", "lz4"), ("linger.ms", "20"),
    ("batch.num.messages", "100000"), ("partitioner", "murmur2_random"), ("queue.buffering.max.messages", "200000"),
    ("queue.buffering.max.kbytes", "65536"),
  ]

  /// A topic looked up by this producer, good for this producer only.
  public struct Topic: Sendable {
    let index: Int
  }

  /// - Parameter keepsDeliveries: Whether each record's `Delivery` is kept until `takeDeliveries`, which is to be called then.
  public init(
    _ configuration: KafkaConfiguration, diagnostics: KafkaDiagnostics = .silent, keepsDeliveries: Bool = false
  ) throws(KafkaError) {
    client = try Client(
      RD_KAFKA_PRODUCER, configuration, defaults: Self.defaults, diagnostics: diagnostics,
      prepare: { raw in
        rd_kafka_conf_set_dr_msg_cb(raw) { _, message, opaque in
          guard let message else { return }
          Callbacks.from(opaque).count(message.pointee)
        }
      })
    client.callbacks.keepsDeliveries = keepsDeliveries
  }

  deinit {
    for topic in topics { rd_kafka_topic_destroy(topic.reference) }
    arguments.deallocate()
    // Destroying waits for what is under way unless it is purged.
    rd_kafka_purge(client.handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
  }

  /// A topic to send to; whether it exists shows later. Topics are kept until the end: name few.
  public func topic(_ name: String) throws(KafkaError) -> Topic {
    if let index = topics.firstIndex(where: { $0.name == name }) { return Topic(index: index) }
    guard let reference = rd_kafka_topic_new(client.handle, name, nil) else {
      throw KafkaError(rd_kafka_last_error(), "produce to topic '\(name)'")
    }
    topics.append((name, reference))
    return Topic(index: topics.count - 1)
  }

  /// What has become of the records so far; `poll` and `send` learn more.
  public var counts: DeliveryCounts { client.callbacks.deliveries }

  /// The deliveries learnt of since the last call, in the order of their reports: that of sending within a partition.
  public func takeDeliveries() -> [Delivery] {
    defer { client.callbacks.keptDeliveries = [] }
    return client.callbacks.keptDeliveries
  }

  /// Learns of deliveries, waiting at most `timeout_ms` for the first.
  public func poll(timeout_ms: Int32 = 0) { rd_kafka_poll(client.handle, timeout_ms) }

  /// Waits until every record has been delivered or has failed, at most `timeout_ms`.
  /// - Throws: unless every record ever sent was delivered: the fatal error, the first record's error, or a timeout.
  public func flush(timeout_ms: Int32) throws(KafkaError) {
    let operation = "deliver all records"
    let code = rd_kafka_flush(client.handle, timeout_ms)
    let counts = client.callbacks.deliveries
    if let fatal = Client.fatalError(of: client.handle, operation) { throw fatal }
    if let first = counts.firstError {
      throw KafkaError(
        rd_kafka_resp_err_t(rawValue: first.code), operation,
        message: "\(counts.failed) of \(counts.sent) failed, the first one: \(first.message)")
    }
    if code != RD_KAFKA_RESP_ERR_NO_ERROR || counts.pending > 0 {
      throw KafkaError(
        code == RD_KAFKA_RESP_ERR_NO_ERROR ? RD_KAFKA_RESP_ERR__TIMED_OUT : code, operation,
        message: "\(counts.pending) of \(counts.sent) are not acknowledged after \(timeout_ms) ms")
    }
  }

  /// The error after which the producer delivers nothing any more, if there was one.
  public var fatalError: KafkaError? { Client.fatalError(of: client.handle, "produce") }

  /// How many partitions a topic has. A topic that is missing is an error that says how to create it.
  public func partitionCount(of topic: String, timeout_ms: Int32) throws(KafkaError) -> Int32 {
    try client.partitionCount(of: topic, timeout_ms: timeout_ms)
  }

  public func clusterID(timeout_ms: Int32) throws(KafkaError) -> String { try client.clusterID(timeout_ms: timeout_ms) }

  /// Leaves the handle and its threads to the end of the process.
  public func abandon() { client.abandon() }
}
