import InterestModel

/// How a topic's or file's events are written (`kafka.format`, DESIGN.md section 4).
public enum EventFormat: String, CaseIterable, Sendable {
  /// Told per record by its first byte.
  case auto
  case json
  case protobuf
}

/// One event as it came: borrowed bytes, which only the caller keeps alive.
public struct EventRecord {
  /// Nil: a null payload, which is bad and never an erasure.
  public var value: UnsafeRawBufferPointer?
  /// Nil: a null key.
  public var key: UnsafeRawBufferPointer?
  /// Whether the key has to be the user id: from Kafka, unless `kafka.key` is `ignore`.
  public var checksKey: Bool
  /// The record's own timestamp, against which the event's time is bounded; -1: it has none.
  public var timestamp_ms: Int64

  public init(
    value: UnsafeRawBufferPointer?, key: UnsafeRawBufferPointer? = nil, checksKey: Bool = false,
    timestamp_ms: Int64 = -1
  ) {
    self.value = value
    self.key = key
    self.checksKey = checksKey
    self.timestamp_ms = timestamp_ms
  }
}

/// An event that counts, or the erasure of a user.
public struct DecodedEvent {
  /// Whether everything of the user before this record is to be forgotten; the behavior has its time and nothing else then.
  public var isErasure = false
  /// Its group is left 0: mapping shops is the caller's.
  public var behavior = Behavior()
  /// 1...255 bytes of UTF-8; good until the next decode and only while the record lives.
  public var user = UnsafeRawBufferPointer(start: nil, count: 0)
  /// Empty: none. Good as long as `user`.
  public var eventID = UnsafeRawBufferPointer(start: nil, count: 0)

  public init() {}
}
