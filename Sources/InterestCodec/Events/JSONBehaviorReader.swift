internal import CSimdJSON

/// The event contract's JSON object: simdjson finds and checks the fields, here they become text and exact integers.
struct JSONBehaviorReader: ~Copyable, @unchecked Sendable {  // the C reader has one owner and is bound to no thread
  private let reader: OpaquePointer

  init() {
    guard let reader = csimdjson_new() else { preconditionFailure("no memory") }
    self.reader = reader
  }

  deinit { csimdjson_free(reader) }

  /// Text is good until the next read.
  mutating func read(
    _ bytes: UnsafeRawBufferPointer, into fields: inout BehaviorFields, present: inout FieldPresence
  ) -> BadRecord? {
    var found = csimdjson_behavior()
    let result = csimdjson_read(reader, bytes.baseAddress, bytes.count, &found)
    if result != csimdjson_good.rawValue { return malformed(result) }

    guard Self.text(found.user_id, &fields.user) else { return Self.wrong("user_id", found.user_id, Self.idKinds) }
    guard Self.text(found.shop_id, &fields.shop) else { return Self.wrong("shop_id", found.shop_id, Self.idKinds) }
    guard found.type.kind != csimdjson_integer.rawValue && Self.text(found.type, &fields.type) else {
      return Self.wrong("type", found.type, "a string")
    }
    guard Self.text(found.event_id, &fields.eventID) else {
      return Self.wrong("event_id", found.event_id, Self.idKinds)
    }
    guard Self.text(found.item_id, &fields.item) else { return Self.wrong("item_id", found.item_id, Self.idKinds) }
    if Self.isPresent(found.user_id) { present.insert(.user) }
    if Self.isPresent(found.shop_id) { present.insert(.shop) }
    if Self.isPresent(found.type) { present.insert(.type) }
    if Self.isPresent(found.time_ms) { present.insert(.time) }
    return Self.numbers(found, &fields)
  }

  private static var idKinds: StaticString { "a string or an integer" }

  @inline(__always)
  private static func isPresent(_ field: csimdjson_field) -> Bool { field.kind > csimdjson_null.rawValue }

  /// False where it is neither a string, an integer, null nor absent.
  @inline(__always)
  private static func text(_ field: csimdjson_field, _ text: inout UnsafeRawBufferPointer) -> Bool {
    switch UInt32(field.kind) {
    case csimdjson_string.rawValue: text = bytes(field)
    case csimdjson_integer.rawValue:
      text = bytes(field)
      // The integers 0 and -0 are one id.
      if text.count == 2 && text[0] == UInt8(ascii: "-") && text[1] == UInt8(ascii: "0") {
        text = .init(rebasing: text[1...])
      }
    case csimdjson_other.rawValue: return false
    default: break
    }
    return true
  }

  @inline(__always)
  private static func numbers(_ found: csimdjson_behavior, _ fields: inout BehaviorFields) -> BadRecord? {
    switch integer(found.time_ms) {
    case .value(let value): fields.time_ms = value
    case .beyondInt64: return outOfRange(.timeOutOfRange, "time_ms", found.time_ms)
    case .none: return wrong("time_ms", found.time_ms, "an integer")
    }
    switch integer(found.dwell_ms) {
    case .value(let value):
      guard let short = UInt32(exactly: value) else { return outOfRange(.dwellOutOfRange, "dwell_ms", found.dwell_ms) }
      fields.dwell_ms = short
    case .beyondInt64: return outOfRange(.dwellOutOfRange, "dwell_ms", found.dwell_ms)
    case .none: return wrong("dwell_ms", found.dwell_ms, "an integer")
    }
    switch integer(found.spend_micros) {
    case .value(let value): fields.spend_micros = value
    case .beyondInt64: return outOfRange(.spendOutOfRange, "spend_micros", found.spend_micros)
    case .none: return wrong("spend_micros", found.spend_micros, "an integer")
    }
    return nil
  }

  private enum Integer {
    case value(Int64)
    case beyondInt64
    case none
  }

  /// 0 where the field is null or absent.
  @inline(__always)
  private static func integer(_ field: csimdjson_field) -> Integer {
    guard field.kind == csimdjson_integer.rawValue else { return isPresent(field) ? .none : .value(0) }
    let text = bytes(field)
    let negative = text[0] == UInt8(ascii: "-")
    // No leading zeros: JSON does not have them.
    guard text.count <= (negative ? 20 : 19) else { return .beyondInt64 }
    var magnitude: UInt64 = 0
    // At most 19 digits fit in 64 bits.
    for index in (negative ? 1 : 0)..<text.count { magnitude = magnitude &* 10 &+ UInt64(text[index] &- 48) }
    guard magnitude <= UInt64(Int64.max) &+ (negative ? 1 : 0) else { return .beyondInt64 }
    return .value(Int64(bitPattern: negative ? 0 &- magnitude : magnitude))
  }

  @inline(__always)
  private static func bytes(_ field: csimdjson_field) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: field.start, count: field.length)
  }

  @inline(never)
  private static func wrong(_ name: StaticString, _ field: csimdjson_field, _ wanted: StaticString) -> BadRecord {
    let value = bytes(field)
    switch value.first {
    case UInt8(ascii: "{"): return BadRecord(.wrongType, "\(name) is an object, not \(wanted)")
    case UInt8(ascii: "["): return BadRecord(.wrongType, "\(name) is an array, not \(wanted)")
    default: return BadRecord(.wrongType, "\(name) \(excerpt(value)) is not \(wanted)")
    }
  }

  @inline(never)
  private static func outOfRange(_ reason: BadRecord.Reason, _ name: StaticString, _ field: csimdjson_field)
    -> BadRecord
  {
    BadRecord(reason, "\(name) \(excerpt(bytes(field))) is out of range")
  }

  @inline(never)
  private func malformed(_ result: UInt32) -> BadRecord {
    let reason: BadRecord.Reason = result == csimdjson_invalid_utf8.rawValue ? .invalidUTF8 : .malformedJSON
    let offset = csimdjson_fault_offset(reader)
    let fault = String(cString: csimdjson_fault(reader))
    return BadRecord(reason, offset < 0 ? fault : "\(fault), near byte \(offset)")
  }
}
