internal import CRdKafka

/// What librdkafka calls back into. Its address is the configuration's opaque, so it outlives the handle.
final class Callbacks {
  let diagnostics: KafkaDiagnostics
  /// Filled by the rebalance callback, taken by the consumer after the batch: both on the polling thread.
  var rebalances: [ConsumerEvent] = []
  /// Counted by the delivery report callback, on the thread that polls the producer.
  var deliveries = DeliveryCounts()
  /// Set by a producer before anything is sent.
  var keepsDeliveries = false
  var keptDeliveries: [Delivery] = []

  init(_ diagnostics: KafkaDiagnostics) { self.diagnostics = diagnostics }

  static func from(_ opaque: UnsafeMutableRawPointer?) -> Callbacks {
    Unmanaged<Callbacks>.fromOpaque(opaque.unsafelyUnwrapped).takeUnretainedValue()
  }
}

/// An owned `rd_kafka_t`. librdkafka's calls are safe from any thread; the types above say who may make them.
final class Client {
  let handle: OpaquePointer
  let callbacks: Callbacks
  private var isAbandoned = false

  /// `prepare` adds callbacks to the configuration; `optional` are defaults that not every librdkafka knows.
  init(
    _ type: rd_kafka_type_t, _ configuration: KafkaConfiguration, defaults: [(String, String)],
    optional: [(String, String)] = [], diagnostics: KafkaDiagnostics, prepare: (OpaquePointer) -> Void = { _ in }
  ) throws(KafkaError) {
    let raw = try configuration.make(defaults: defaults, optional: optional)
    callbacks = Callbacks(diagnostics)
    rd_kafka_conf_set_opaque(raw, Unmanaged.passUnretained(callbacks).toOpaque())
    rd_kafka_conf_set_log_cb(raw) { handle, level, facility, message in
      // Lines about a configuration without a handle have no opaque to go to.
      guard let handle, let opaque = rd_kafka_opaque(handle), let facility, let message else { return }
      Callbacks.from(opaque).diagnostics.log(level, String(cString: facility), String(cString: message))
    }
    rd_kafka_conf_set_error_cb(raw) { handle, code, reason, opaque in
      let code = rd_kafka_resp_err_t(rawValue: code)
      let error =
        code == RD_KAFKA_RESP_ERR__FATAL
        ? handle.flatMap { Client.fatalError(of: $0, "use Kafka") }
        : KafkaError(code, "reach Kafka", message: reason.map { String(cString: $0) })
      if let error { Callbacks.from(opaque).diagnostics.error(error) }
    }
    prepare(raw)
    let (handle, message) = withErrorText { rd_kafka_new(type, raw, $0, $1) }
    guard let handle else {
      // rd_kafka_new takes the configuration only when it succeeds.
      rd_kafka_conf_destroy(raw)
      throw KafkaError(rd_kafka_last_error(), "start a Kafka client", message: message)
    }
    self.handle = handle
  }

  deinit {
    // Leaving the group takes a broker that answers; `Consumer.close` does it within bounds.
    if !isAbandoned { rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE) }
  }

  /// Leaves the handle and its threads to the end of the process.
  func abandon() {
    if isAbandoned { return }
    isAbandoned = true
    // The handle's threads go on calling back.
    _ = Unmanaged.passRetained(callbacks)
  }

  /// The error that made the handle useless, if one did.
  static func fatalError(of handle: OpaquePointer, _ operation: String) -> KafkaError? {
    let (code, message) = withErrorText { rd_kafka_fatal_error(handle, $0, $1) }
    if code == RD_KAFKA_RESP_ERR_NO_ERROR { return nil }
    return KafkaError(code, operation, message: message, isRetryable: false, isFatal: true)
  }

  /// librdkafka asks for metadata until there is some, at most `timeout_ms`.
  func clusterID(timeout_ms: Int32) throws(KafkaError) -> String {
    guard let text = rd_kafka_clusterid(handle, timeout_ms) else {
      throw KafkaError(
        RD_KAFKA_RESP_ERR__TIMED_OUT, "ask for the cluster's id", message: "no broker answered within \(timeout_ms) ms",
        hint: "check bootstrap.servers and that the brokers are reachable")
    }
    defer { rd_kafka_mem_free(handle, text) }
    return String(cString: text)
  }

  func partitionCount(of topic: String, timeout_ms: Int32) throws(KafkaError) -> Int32 {
    let operation = "look up topic '\(topic)'"
    guard let reference = rd_kafka_topic_new(handle, topic, nil) else {
      throw KafkaError(rd_kafka_last_error(), operation)
    }
    defer { rd_kafka_topic_destroy(reference) }
    var metadata: UnsafePointer<rd_kafka_metadata_t>?
    let code = rd_kafka_metadata(handle, 0, reference, &metadata, timeout_ms)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else {
      throw KafkaError(code, operation, hint: "check bootstrap.servers and that the brokers are reachable")
    }
    defer { rd_kafka_metadata_destroy(metadata) }
    guard metadata.pointee.topic_cnt == 1, let found = metadata.pointee.topics?.pointee else {
      throw Self.missing(topic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, operation)
    }
    switch found.err {
    case RD_KAFKA_RESP_ERR_NO_ERROR where found.partition_cnt > 0: return found.partition_cnt
    case RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
      throw Self.missing(topic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, operation)
    default: throw KafkaError(found.err, operation)
    }
  }

  private static func missing(_ topic: String, _ code: rd_kafka_resp_err_t, _ operation: String) -> KafkaError {
    KafkaError(
      code, operation, message: "the cluster has no topic of that name",
      hint: "create it: kafka-topics.sh --bootstrap-server HOST:PORT --create --topic \(topic) --partitions 8")
  }
}
