import Glibc
import InterestModel

/// What the event contract asks of a behavior however it was written (DESIGN.md section 4).
enum RecordRules {
  @inline(__always)
  static func check(
    _ fields: BehaviorFields, _ present: FieldPresence, _ record: EventRecord, maximumSkew_ms: Int64
  ) -> BadRecord? {
    guard isID(fields.user) else { return badID("user_id", fields.user, present.contains(.user)) }
    guard isID(fields.type) else { return badType(fields.type, present.contains(.type)) }
    guard isID(fields.shop) || fields.isErasure else {
      return badID("shop_id", fields.shop, present.contains(.shop))
    }
    guard Behavior.times_ms.contains(fields.time_ms) else { return badTime(fields.time_ms, present.contains(.time)) }
    guard fields.eventID.count <= Behavior.maximumIDLength else { return badID("event_id", fields.eventID, true) }
    guard fields.item.count <= Behavior.maximumIDLength else { return badID("item_id", fields.item, true) }
    if record.checksKey && !isKey(record.key, of: fields.user) { return badKey(record.key, fields.user) }
    // The time has passed the check above, so the subtraction cannot overflow.
    if record.timestamp_ms >= 0 && fields.time_ms - maximumSkew_ms > record.timestamp_ms {
      return inFuture(fields.time_ms, record.timestamp_ms, maximumSkew_ms)
    }
    return nil
  }

  @inline(__always)
  private static func isID(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count > 0 && bytes.count <= Behavior.maximumIDLength
  }

  @inline(__always)
  private static func isKey(_ key: UnsafeRawBufferPointer?, of user: UnsafeRawBufferPointer) -> Bool {
    guard let key, let bytes = key.baseAddress, let start = user.baseAddress else { return false }
    return key.count == user.count && memcmp(bytes, start, user.count) == 0
  }

  @inline(never)
  private static func badID(_ name: StaticString, _ value: UnsafeRawBufferPointer, _ isPresent: Bool) -> BadRecord {
    if !isPresent { return missing(name) }
    if value.count == 0 { return BadRecord(.emptyID, "\(name) is empty") }
    return BadRecord(.overLongID, "\(name) \(excerpt(value)) is longer than \(Behavior.maximumIDLength) bytes")
  }

  @inline(never)
  private static func badType(_ value: UnsafeRawBufferPointer, _ isPresent: Bool) -> BadRecord {
    isPresent ? unknownType(value) : missing("type")
  }

  @inline(never)
  static func unknownType(_ value: UnsafeRawBufferPointer) -> BadRecord {
    BadRecord(.unknownType, "type \(excerpt(value)) is not in the behavior catalog")
  }

  @inline(never)
  private static func badTime(_ time_ms: Int64, _ isPresent: Bool) -> BadRecord {
    guard isPresent else { return missing("time_ms") }
    let (first, last) = (Behavior.times_ms.lowerBound, Behavior.times_ms.upperBound)
    return BadRecord(.timeOutOfRange, "time_ms \(time_ms) is not in \(first)...\(last)")
  }

  @inline(never)
  private static func badKey(_ key: UnsafeRawBufferPointer?, _ user: UnsafeRawBufferPointer) -> BadRecord {
    guard let key else { return BadRecord(.keyMismatch, "the record's key is null, and user_id is \(excerpt(user))") }
    return BadRecord(.keyMismatch, "the record's key is \(excerpt(key)), and user_id is \(excerpt(user))")
  }

  @inline(never)
  private static func inFuture(_ time_ms: Int64, _ timestamp_ms: Int64, _ skew_ms: Int64) -> BadRecord {
    BadRecord(
      .timeInFuture, "time_ms \(time_ms) is more than \(skew_ms) ms after the record's timestamp \(timestamp_ms)")
  }

  private static func missing(_ name: StaticString) -> BadRecord {
    BadRecord(.missingField, "there is no \(name)")
  }
}
