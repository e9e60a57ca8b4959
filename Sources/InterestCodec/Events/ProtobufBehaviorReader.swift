import Bytes

/// The event contract's Protobuf message, field by field. Fields come in any order, the last of equal ones counts, and what is not
/// known is skipped; a known number with another wire type is not known either, as Protobuf libraries have it.
enum ProtobufBehaviorReader {
  static func read(
    _ bytes: UnsafeRawBufferPointer, into fields: inout BehaviorFields, present: inout FieldPresence
  ) -> BadRecord? {
    guard let base = bytes.baseAddress else { return nil }
    var reader = ByteReader(base.assumingMemoryBound(to: UInt8.self), count: bytes.count)
    var dwell_ms: UInt64 = 0
    while !reader.isAtEnd {
      // The field's number times 8, plus the wire type: 0 a varint, 2 bytes with their length before them.
      let tag = reader.varint()
      switch tag {
      case 1 << 3 | 2:
        fields.user = reader.bytes(reader.varint())
        present.insert(.user)
      case 2 << 3 | 2:
        fields.shop = reader.bytes(reader.varint())
        present.insert(.shop)
      case 3 << 3 | 2:
        fields.type = reader.bytes(reader.varint())
        present.insert(.type)
      case 4 << 3:
        fields.time_ms = Int64(bitPattern: reader.varint())
        present.insert(.time)
      case 5 << 3: dwell_ms = reader.varint()
      case 6 << 3: fields.spend_micros = Int64(bitPattern: reader.varint())
      case 7 << 3 | 2: fields.eventID = reader.bytes(reader.varint())
      case 8 << 3 | 2: fields.item = reader.bytes(reader.varint())
      default: reader.skip(protobufTag: tag)
      }
    }
    if reader.failed { return malformed(bytes) }
    guard let short = UInt32(exactly: dwell_ms) else { return outOfRange(dwell_ms) }
    fields.dwell_ms = short
    return invalidText(in: fields)
  }

  @inline(__always)
  private static func invalidText(in fields: BehaviorFields) -> BadRecord? {
    if isUTF8(fields.user) && isUTF8(fields.shop) && isUTF8(fields.type) && isUTF8(fields.eventID)
      && isUTF8(fields.item)
    {
      return nil
    }
    return invalidUTF8(fields)
  }

  @inline(never)
  private static func invalidUTF8(_ fields: BehaviorFields) -> BadRecord {
    let named = [
      ("user_id", fields.user), ("shop_id", fields.shop), ("type", fields.type), ("event_id", fields.eventID),
      ("item_id", fields.item),
    ]
    let (name, value) = named.first { !isUTF8($0.1) } ?? named[0]
    return BadRecord(.invalidUTF8, "\(name) \(excerpt(value)) is not UTF-8")
  }

  @inline(never)
  private static func malformed(_ bytes: UnsafeRawBufferPointer) -> BadRecord {
    BadRecord(.malformedProtobuf, "\(excerpt(bytes)) is cut short or no Protobuf message")
  }

  @inline(never)
  private static func outOfRange(_ dwell_ms: UInt64) -> BadRecord {
    BadRecord(.dwellOutOfRange, "dwell_ms \(dwell_ms) is more than 32 bits")
  }
}
