internal import CRdKafka

/// A record that a consumer lends for the length of one call: its bytes are librdkafka's and gone afterwards.
public struct Message: ~Copyable {
  public let partition: Int32
  public let offset: Int64
  /// Unix milliseconds, by the topic's `message.timestamp.type`; -1: none.
  public let timestamp_ms: Int64
  /// Nil where the record has a null key; an empty one is not null.
  public let key: UnsafeRawBufferPointer?
  /// Nil where the record has a null value (a tombstone).
  public let value: UnsafeRawBufferPointer?
  private let raw: UnsafeMutablePointer<rd_kafka_message_t>

  @inline(__always)
  init(_ raw: UnsafeMutablePointer<rd_kafka_message_t>) {
    self.raw = raw
    partition = raw.pointee.partition
    offset = raw.pointee.offset
    timestamp_ms = rd_kafka_message_timestamp(raw, nil)
    key = raw.pointee.key.map { .init(start: $0, count: raw.pointee.key_len) }
    value = raw.pointee.payload.map { .init(start: $0, count: raw.pointee.len) }
  }

  /// Calls `body` with each header in order, its value nil where null. Headers are parsed on the first call.
  public borrowing func forEachHeader(_ body: (_ name: String, _ value: UnsafeRawBufferPointer?) -> Void) {
    var headers: OpaquePointer?
    guard rd_kafka_message_headers(raw, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR else { return }
    var index = 0
    var name: UnsafePointer<CChar>?
    var value: UnsafeRawPointer?
    var count = 0
    while rd_kafka_header_get_all(headers, index, &name, &value, &count) == RD_KAFKA_RESP_ERR_NO_ERROR {
      if let name { body(String(cString: name), value.map { .init(start: $0, count: count) }) }
      index += 1
    }
  }
}
