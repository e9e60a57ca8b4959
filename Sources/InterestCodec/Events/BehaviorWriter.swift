import Bytes
import Glibc

/// Behaviors in the event contract's forms (DESIGN.md section 4). What is 0 or empty is left out, as proto3 does.
public enum BehaviorWriter {
  /// Appends a `Behavior` message of `Schemas/interest/v1/behavior.proto`.
  public static func appendProtobuf(_ fields: BehaviorFields, to buffer: inout ByteBuffer) {
    append(fields, size: messageSize(fields), to: &buffer, delimited: false)
  }

  /// Appends a `Behavior` message after its length as a varint: what a `.binpb` file holds.
  public static func appendDelimitedProtobuf(_ fields: BehaviorFields, to buffer: inout ByteBuffer) {
    append(fields, size: messageSize(fields), to: &buffer, delimited: true)
  }

  /// Appends a JSON object in the contract's order of fields, ids as strings, and a line feed.
  public static func appendJSONLine(_ fields: BehaviorFields, to buffer: inout ByteBuffer) {
    buffer.append(#"{"user_id":"#)
    buffer.append(jsonString: fields.user)
    if fields.shop.count > 0 {
      buffer.append(#","shop_id":"#)
      buffer.append(jsonString: fields.shop)
    }
    buffer.append(#","type":"#)
    buffer.append(jsonString: fields.type)
    buffer.append(#","time_ms":"#)
    buffer.append(decimal: fields.time_ms)
    if fields.dwell_ms != 0 {
      buffer.append(#","dwell_ms":"#)
      buffer.append(decimal: UInt64(fields.dwell_ms))
    }
    if fields.spend_micros != 0 {
      buffer.append(#","spend_micros":"#)
      buffer.append(decimal: fields.spend_micros)
    }
    if fields.eventID.count > 0 {
      buffer.append(#","event_id":"#)
      buffer.append(jsonString: fields.eventID)
    }
    if fields.item.count > 0 {
      buffer.append(#","item_id":"#)
      buffer.append(jsonString: fields.item)
    }
    buffer.append("}\n")
  }

  private static func append(_ fields: BehaviorFields, size: Int, to buffer: inout ByteBuffer, delimited: Bool) {
    let start = buffer.reserve(size + longestVarint).assumingMemoryBound(to: UInt8.self)
    var at = start
    if delimited { writeVarint(UInt64(size), &at) }
    put(fields.user, 1, &at)
    put(fields.shop, 2, &at)
    put(fields.type, 3, &at)
    put(UInt64(bitPattern: fields.time_ms), 4, &at)
    put(UInt64(fields.dwell_ms), 5, &at)
    put(UInt64(bitPattern: fields.spend_micros), 6, &at)
    put(fields.eventID, 7, &at)
    put(fields.item, 8, &at)
    buffer.commit(at - start)
  }

  private static var longestVarint: Int { 10 }

  private static func messageSize(_ fields: BehaviorFields) -> Int {
    size(fields.user) + size(fields.shop) + size(fields.type) + size(UInt64(bitPattern: fields.time_ms))
      + size(UInt64(fields.dwell_ms)) + size(UInt64(bitPattern: fields.spend_micros)) + size(fields.eventID)
      + size(fields.item)
  }

  /// With its tag, which takes one byte: field numbers are below 16.
  @inline(__always)
  private static func size(_ value: UInt64) -> Int { value == 0 ? 0 : 1 + varintSize(value) }

  @inline(__always)
  private static func size(_ text: UnsafeRawBufferPointer) -> Int {
    text.count == 0 ? 0 : 1 + varintSize(UInt64(text.count)) + text.count
  }

  @inline(__always)
  private static func varintSize(_ value: UInt64) -> Int { (70 - (value | 1).leadingZeroBitCount) / 7 }

  @inline(__always)
  private static func put(_ value: UInt64, _ field: UInt8, _ at: inout UnsafeMutablePointer<UInt8>) {
    guard value != 0 else { return }
    at.pointee = field << 3
    at += 1
    writeVarint(value, &at)
  }

  @inline(__always)
  private static func put(_ text: UnsafeRawBufferPointer, _ field: UInt8, _ at: inout UnsafeMutablePointer<UInt8>) {
    guard let base = text.baseAddress, text.count > 0 else { return }
    at.pointee = field << 3 | 2
    at += 1
    writeVarint(UInt64(text.count), &at)
    memcpy(at, base, text.count)
    at += text.count
  }
}
