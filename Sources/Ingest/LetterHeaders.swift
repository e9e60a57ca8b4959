import Bytes
import Kafka

/// What stands in the headers of a letter, a record of a dead letters' topic. Its key and value are the original's, its timestamp, too.
/// The names, and numbers as decimal text, are part of the product.
public struct LetterHeaders: Equatable, Sendable {
  public typealias Raw = (name: String, value: [UInt8]?)

  /// The original record's place.
  public var topic: String
  public var partition: Int32
  public var offset: Int64
  /// The original record's timestamp, Unix milliseconds; -1: it has none.
  public var timestamp_ms: Int64
  /// `BadRecord.Reason`, or `erasure`.
  public var reason: String
  public var detail: String
  /// How long key and value were, where the topic's `max.message.bytes` did not leave room for all of them.
  public var key_bytes: Int?
  public var value_bytes: Int?
  /// How often the letter has been put back as still bad; 0: as it came from the daemon.
  public var redrives = 0

  /// The reason of a marker: the user who is the key was erased by the record at the origin.
  public static let erasure = "$erase"

  public init(
    topic: String, partition: Int32, offset: Int64, timestamp_ms: Int64, reason: String, detail: String = ""
  ) {
    self.topic = topic
    self.partition = partition
    self.offset = offset
    self.timestamp_ms = timestamp_ms
    self.reason = reason
    self.detail = detail
  }

  /// Nil for what does not come from a topic.
  init?(_ origin: RecordOrigin, timestamp_ms: Int64, reason: String, detail: String) {
    guard case .kafka(let topic, let partition, let offset) = origin else { return nil }
    self.init(
      topic: topic, partition: partition, offset: offset, timestamp_ms: timestamp_ms, reason: reason, detail: detail)
  }

  public var isErasure: Bool { reason == Self.erasure }

  /// Whether bytes of the original are missing.
  public var isCut: Bool { key_bytes != nil || value_bytes != nil }

  public enum Name: String, CaseIterable, Sendable {
    case topic = "interestd.topic"
    case partition = "interestd.partition"
    case offset = "interestd.offset"
    case timestamp = "interestd.timestamp_ms"
    case reason = "interestd.reason"
    case detail = "interestd.detail"
    case keyLength = "interestd.key_bytes"
    case valueLength = "interestd.value_bytes"
    case redrives = "interestd.redrives"
  }

  /// As they are written.
  public var fields: [(name: Name, text: String)] {
    var fields: [(name: Name, text: String)] = [
      (.topic, topic), (.partition, "\(partition)"), (.offset, "\(offset)"), (.timestamp, "\(timestamp_ms)"),
      (.reason, reason), (.detail, detail),
    ]
    if let key_bytes { fields.append((.keyLength, "\(key_bytes)")) }
    if let value_bytes { fields.append((.valueLength, "\(value_bytes)")) }
    if redrives > 0 { fields.append((.redrives, "\(redrives)")) }
    return fields
  }

  public var raw: [Raw] { fields.map { ($0.name.rawValue, Array($0.text.utf8)) } }

  /// Nil where they are not a letter's. Of equal names the last counts; unknown ones are ignored.
  public init?(_ raw: some Sequence<Raw>) {
    var texts: [Name: String] = [:]
    for (name, value) in raw {
      guard let name = Name(rawValue: name), let value else { continue }
      texts[name] = String(decoding: value, as: UTF8.self)
    }
    guard let topic = texts[.topic], let partition = texts[.partition].flatMap({ Int32($0) }), partition >= 0,
      let offset = texts[.offset].flatMap({ Int64($0) }), offset >= 0, let reason = texts[.reason]
    else { return nil }
    self.init(
      topic: topic, partition: partition, offset: offset, timestamp_ms: texts[.timestamp].flatMap { Int64($0) } ?? -1,
      reason: reason, detail: texts[.detail] ?? "")
    key_bytes = texts[.keyLength].flatMap { Int($0) }
    value_bytes = texts[.valueLength].flatMap { Int($0) }
    redrives = texts[.redrives].flatMap { Int($0) } ?? 0
  }
}

extension Producer {
  /// As `send`, with headers of bytes that are lent for the call.
  func send(
    _ topic: Topic, partition: Int32, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?,
    raw headers: [LetterHeaders.Raw], timestamp_ms: Int64?, tag: Int = 0, timeout_ms: Int
  ) throws(KafkaError) {
    var bytes = ByteBuffer()
    for header in headers { header.value?.withUnsafeBytes { bytes.append($0) } }
    var start = 0
    let lent = headers.map { header -> Header in
      guard let value = header.value else { return Header(header.name, nil) }
      defer { start += value.count }
      return Header(header.name, UnsafeRawBufferPointer(rebasing: bytes.bytes[start..<start + value.count]))
    }
    try send(
      topic, partition: partition, key: key, value: value, headers: lent, timestamp_ms: timestamp_ms, tag: tag,
      timeout_ms: timeout_ms)
  }
}
