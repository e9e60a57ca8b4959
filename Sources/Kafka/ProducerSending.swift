internal import CRdKafka
import Threads

extension Producer {
  /// A record's header; the value may be null.
  public struct Header {
    public let name: String
    public let value: UnsafeRawBufferPointer?

    public init(_ name: String, _ value: UnsafeRawBufferPointer?) {
      self.name = name
      self.value = value
    }
  }

  /// Copies a record into the queue. Without a partition the key decides, as `murmur2Partition` (a null key: at random).
  /// Where the queue is full this waits for deliveries, at most `timeout_ms`; then the error is `_QUEUE_FULL` and the record was not
  /// taken. What becomes of it later is in `counts`.
  ///
  /// - Parameters:
  ///   - timestamp_ms: Unix milliseconds, positive; nil: now.
  ///   - tag: Any number that its `Delivery` is to bear.
  public func send(
    _ topic: Topic, partition: Int32? = nil, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?,
    headers: [Header] = [], timestamp_ms: Int64? = nil, tag: Int = 0, timeout_ms: Int = 600_000
  ) throws(KafkaError) {
    var deadline_ns: UInt64?
    fill(topic, partition, key, value, timestamp_ms: timestamp_ms, tag: tag)
    while let error = produce(headers) {
      if rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__QUEUE_FULL { throw refusal(consuming: error, topic) }
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

  private static var plainArguments: Int { 7 }

  /// Produces what `fill` has prepared.
  private func produce(_ headers: [Header]) -> OpaquePointer? {
    if headers.isEmpty { return rd_kafka_produceva(client.handle, arguments, Self.plainArguments) }
    guard let list = rd_kafka_headers_new(headers.count) else { return nil }
    for header in headers {
      let value = Self.address(header.value)
      rd_kafka_header_add(list, header.name, -1, value, header.value?.count ?? 0)
    }
    arguments[Self.plainArguments].vtype = RD_KAFKA_VTYPE_HEADERS
    arguments[Self.plainArguments].u.headers = list
    let error = rd_kafka_produceva(client.handle, arguments, Self.plainArguments + 1)
    // librdkafka takes the list with the record, and leaves it where it refuses the record.
    if error != nil { rd_kafka_headers_destroy(list) }
    return error
  }

  private func fill(
    _ topic: Topic, _ partition: Int32?, _ key: UnsafeRawBufferPointer?, _ value: UnsafeRawBufferPointer?,
    timestamp_ms: Int64?, tag: Int
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
    arguments[5].vtype = RD_KAFKA_VTYPE_TIMESTAMP
    arguments[5].u.i64 = max(timestamp_ms ?? 0, 0)  // 0: now
    arguments[6].vtype = RD_KAFKA_VTYPE_OPAQUE
    arguments[6].u.ptr = UnsafeMutableRawPointer(bitPattern: tag)
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
}
