internal import CRdKafka
import Threads

/// What has become of the records handed to a producer.
public struct DeliveryCounts: Equatable, Sendable {
  /// Taken over by `send`.
  public internal(set) var sent = 0
  /// Acknowledged by all in-sync replicas.
  public internal(set) var delivered = 0
  public internal(set) var failed = 0
  /// Of the failed ones.
  public internal(set) var firstError: KafkaError?

  public init(sent: Int = 0, delivered: Int = 0, failed: Int = 0) {
    self.sent = sent
    self.delivered = delivered
    self.failed = failed
  }

  /// Neither delivered nor failed yet.
  public var pending: Int { sent - delivered - failed }
}

/// An idempotent producer: each record once and in the order of its partition, acknowledged by all in-sync replicas, stamped with the
/// time of sending.
///
/// Owned by one thread, which makes every call. `deinit` drops what has not been delivered: `flush` before.
public final class Producer {
  private let client: Client
  private var topics: [(name: String, reference: OpaquePointer)] = []
  private let arguments = UnsafeMutablePointer<rd_kafka_vu_t>.allocate(capacity: 6)

  /// What applies where the configuration says nothing else. The queue is bounded by records and by bytes.
  static let defaults = [
    ("enable.idempotence", "true"), ("acks", "all"), ("compression.type", "lz4"), ("linger.ms", "20"),
    ("batch.num.messages", "100000"), ("partitioner", "murmur2_random"), ("queue.buffering.max.messages", "200000"),
    ("queue.buffering.max.kbytes", "65536"),
  ]

  /// A record's header; the value may be null.
  public struct Header {
    public let name: String
    public let value: UnsafeRawBufferPointer?

    public init(_ name: String, _ value: UnsafeRawBufferPointer?) {
      self.name = name
      self.value = value
    }
  }

  /// A topic looked up by this producer, good for this producer only.
  public struct Topic: Sendable {
    fileprivate let index: Int
  }

  public init(_ configuration: KafkaConfiguration, diagnostics: KafkaDiagnostics = .silent) throws(KafkaError) {
    client = try Client(
      RD_KAFKA_PRODUCER, configuration, defaults: Self.defaults, diagnostics: diagnostics,
      prepare: { raw in
        rd_kafka_conf_set_dr_msg_cb(raw) { _, message, opaque in
          guard let message else { return }
          Callbacks.from(opaque).count(message.pointee)
        }
      })
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

  /// Copies a record into the queue. Without a partition the key decides, as `murmur2Partition` (a null key: at random).
  /// Where the queue is full this waits for deliveries, at most `timeout_ms`; then the error is `_QUEUE_FULL` and the record was not
  /// taken. What becomes of it later is in `counts`.
  public func send(
    _ topic: Topic, partition: Int32? = nil, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?,
    headers: [Header] = [], timeout_ms: Int = 600_000
  ) throws(KafkaError) {
    var deadline_ns: UInt64?
    while true {
      let error =
        headers.isEmpty
        ? produce(topic, partition, key, value)
        : produce(topic, partition, key, value, headers[...])
      guard let error else { break }
      if rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__QUEUE_FULL {
        throw refusal(consuming: error, topic)
      }
      let now_ns = MonotonicClock.now_ns
      let end_ns = deadline_ns ?? (now_ns + UInt64(max(timeout_ms, 0)) * 1_000_000)
      deadline_ns = end_ns
      if now_ns >= end_ns { throw refusal(consuming: error, topic) }
      rd_kafka_error_destroy(error)
      rd_kafka_poll(client.handle, Int32(min((end_ns - now_ns) / 1_000_000 + 1, 100)))
    }
    client.callbacks.deliveries.sent += 1
    // Reports are served now and then, so that they do not pile up; each holds its record's memory.
    if client.callbacks.deliveries.sent & 255 == 0 { rd_kafka_poll(client.handle, 0) }
  }

  private func produce(
    _ topic: Topic, _ partition: Int32?, _ key: UnsafeRawBufferPointer?, _ value: UnsafeRawBufferPointer?
  ) -> OpaquePointer? {
    fill(arguments, topic, partition, key, value)
    return rd_kafka_produceva(client.handle, arguments, 5)
  }

  /// The names of headers are lent to C one in another.
  private func produce(
    _ topic: Topic, _ partition: Int32?, _ key: UnsafeRawBufferPointer?, _ value: UnsafeRawBufferPointer?,
    _ headers: ArraySlice<Header>
  ) -> OpaquePointer? {
    guard let list = rd_kafka_headers_new(headers.count) else { return nil }
    for header in headers {
      rd_kafka_header_add(list, header.name, -1, header.value?.baseAddress, header.value?.count ?? 0)
    }
    fill(arguments, topic, partition, key, value)
    arguments[5].vtype = RD_KAFKA_VTYPE_HEADERS
    arguments[5].u.headers = list
    let error = rd_kafka_produceva(client.handle, arguments, 6)
    // librdkafka takes the list with the record, and leaves it where it refuses the record.
    if error != nil { rd_kafka_headers_destroy(list) }
    return error
  }

  private func fill(
    _ arguments: UnsafeMutablePointer<rd_kafka_vu_t>, _ topic: Topic, _ partition: Int32?,
    _ key: UnsafeRawBufferPointer?, _ value: UnsafeRawBufferPointer?
  ) {
    arguments[0].vtype = RD_KAFKA_VTYPE_RKT
    arguments[0].u.rkt = topics[topic.index].reference
    arguments[1].vtype = RD_KAFKA_VTYPE_PARTITION
    arguments[1].u.i32 = partition ?? RD_KAFKA_PARTITION_UA
    arguments[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS
    arguments[2].u.i = RD_KAFKA_MSG_F_COPY
    arguments[3].vtype = RD_KAFKA_VTYPE_KEY
    arguments[3].u.mem.ptr = Self.address(key)
    arguments[3].u.mem.size = key?.count ?? 0
    arguments[4].vtype = RD_KAFKA_VTYPE_VALUE
    arguments[4].u.mem.ptr = Self.address(value)
    arguments[4].u.mem.size = value?.count ?? 0
  }

  /// librdkafka reads the bytes only; a null pointer is a null, so an empty buffer needs an address.
  private static func address(_ bytes: UnsafeRawBufferPointer?) -> UnsafeMutableRawPointer? {
    guard let bytes else { return nil }
    return UnsafeMutableRawPointer(mutating: bytes.baseAddress) ?? UnsafeMutableRawPointer(bitPattern: 1)
  }

  private func refusal(consuming error: OpaquePointer, _ topic: Topic) -> KafkaError {
    let operation = "produce to topic '\(topics[topic.index].name)'"
    let error = KafkaError(consuming: error, operation)
    // The reason of a fatal error is the first one's, kept by the handle.
    return Client.fatalError(of: client.handle, operation) ?? error
  }

  /// What has become of the records so far; `poll` and `send` learn more.
  public var counts: DeliveryCounts { client.callbacks.deliveries }

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

  /// How many partitions a topic has. A topic that is missing is an error that says how to create it.
  public func partitionCount(of topic: String, timeout_ms: Int32) throws(KafkaError) -> Int32 {
    try client.partitionCount(of: topic, timeout_ms: timeout_ms)
  }

  public func clusterID(timeout_ms: Int32) throws(KafkaError) -> String { try client.clusterID(timeout_ms: timeout_ms) }

  /// Leaves the handle and its threads to the end of the process.
  public func abandon() { client.abandon() }
}

extension Callbacks {
  fileprivate func count(_ message: rd_kafka_message_t) {
    if message.err == RD_KAFKA_RESP_ERR_NO_ERROR {
      deliveries.delivered += 1
      return
    }
    deliveries.failed += 1
    if deliveries.firstError == nil {
      let topic = message.rkt.map { String(cString: rd_kafka_topic_name($0)) } ?? ""
      deliveries.firstError = KafkaError(message.err, "deliver a record to topic '\(topic)'")
    }
  }
}
