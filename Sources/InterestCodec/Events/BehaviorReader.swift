import InterestModel

/// Bytes to a behavior's fields, checked by all of the event contract but the catalog (DESIGN.md section 4). Owned by one thread; its
/// memory is reused, so that a good record allocates nothing.
public struct BehaviorReader: ~Copyable, Sendable {
  /// Of the records that follow; a file's name pins it.
  public var format: EventFormat
  private let maximumSkew_ms: Int64
  private let maximumRecordBytes: Int
  private var json = JSONBehaviorReader()

  /// - Parameters:
  ///   - maximumSkew_ms: how far an event's time may lie after its record's timestamp; not negative.
  ///   - maximumRecordBytes: longer values are bad.
  public init(format: EventFormat, maximumSkew_ms: Int64 = 86_400_000, maximumRecordBytes: Int = 1 << 20) {
    precondition(maximumSkew_ms >= 0 && maximumRecordBytes > 0)
    self.format = format
    self.maximumSkew_ms = maximumSkew_ms
    self.maximumRecordBytes = maximumRecordBytes
  }

  /// Nil where the record is good; otherwise the fields are not to be used.
  public mutating func read(_ record: EventRecord, into fields: inout BehaviorFields) -> BadRecord? {
    fields = BehaviorFields()
    var present: FieldPresence = []
    guard let value = record.value else { return BadRecord(.nullValue, "the value is null") }
    guard value.count > 0 else { return BadRecord(.emptyValue, "the value has no bytes") }
    guard value.count <= maximumRecordBytes else {
      return BadRecord(.recordTooLarge, "the value has \(value.count) bytes, more than \(maximumRecordBytes)")
    }
    if let bad = parse(value, &fields, &present) { return bad }
    return RecordRules.check(fields, present, record, maximumSkew_ms: maximumSkew_ms)
  }

  @inline(__always)
  private mutating func parse(
    _ value: UnsafeRawBufferPointer, _ fields: inout BehaviorFields, _ present: inout FieldPresence
  ) -> BadRecord? {
    // A first byte of 0 begins neither JSON nor a Protobuf message.
    if value[0] == ConfluentPrefix.marker { return parsePrefixed(value, &fields, &present) }
    let isJSON = format == .json || (format == .auto && value[0] == UInt8(ascii: "{"))
    return isJSON
      ? json.read(value, into: &fields, present: &present)
      : ProtobufBehaviorReader.read(value, into: &fields, present: &present)
  }

  private mutating func parsePrefixed(
    _ value: UnsafeRawBufferPointer, _ fields: inout BehaviorFields, _ present: inout FieldPresence
  ) -> BadRecord? {
    guard value.count > ConfluentPrefix.length else {
      return BadRecord(.malformedPrefix, "the value ends after \(value.count) bytes of a Confluent prefix")
    }
    let rest = UnsafeRawBufferPointer(rebasing: value[ConfluentPrefix.length...])
    if format == .json || (format == .auto && rest[0] == UInt8(ascii: "{")) {
      return json.read(rest, into: &fields, present: &present)
    }
    guard let message = ConfluentPrefix.removingMessageIndexes(rest) else {
      return BadRecord(.malformedPrefix, "the message indexes after the Confluent prefix, \(excerpt(rest)), do not end")
    }
    return ProtobufBehaviorReader.read(message, into: &fields, present: &present)
  }
}
