import Bytes
import InterestCodec
import InterestModel

/// Behaviors to bytes, in memory that is reused.
struct SynthEncoder: ~Copyable {
  /// Where the ids stand in decimal: user, shop, item, event.
  private let text = UnsafeMutablePointer<UInt8>.allocate(capacity: 4 * SynthEncoder.room)
  private let longText = UnsafeMutablePointer<UInt8>.allocate(capacity: SynthEncoder.tooLong)
  private var scratch = ByteBuffer()

  private static let room = 24
  private static let userDigits = 12
  private static let tooLong = Behavior.maximumIDLength + 1

  init() { longText.initialize(repeating: UInt8(ascii: "x"), count: Self.tooLong) }

  deinit {
    text.deallocate()
    longText.deallocate()
  }

  /// A behavior's fields as text; good until the next call.
  mutating func fields(_ behavior: SynthBehavior) -> BehaviorFields {
    let type = SynthType.all[behavior.type]
    var fields = BehaviorFields()
    fields.user = Self.digits(UInt64(behavior.user), at: text, count: Self.userDigits)
    fields.shop = Self.digits(UInt64(behavior.shop), at: text + Self.room)
    fields.type = UnsafeRawBufferPointer(start: type.name.utf8Start, count: type.name.utf8CodeUnitCount)
    fields.time_ms = behavior.time_ms
    fields.dwell_ms = behavior.dwell_ms
    fields.spend_micros = behavior.spend_micros
    if behavior.item > 0 { fields.item = Self.digits(behavior.item, at: text + 2 * Self.room) }
    if behavior.event > 0 { fields.eventID = Self.digits(behavior.event, at: text + 3 * Self.room) }
    return fields
  }

  /// In decimal, with leading zeros up to `count` digits where one is given.
  @inline(__always)
  private static func digits(
    _ value: UInt64, at place: UnsafeMutablePointer<UInt8>, count: Int = 1
  ) -> UnsafeRawBufferPointer {
    var first = room
    var rest = value
    repeat {
      first &-= 1
      place[first] = UInt8(truncatingIfNeeded: rest % 10) &+ 48
      rest /= 10
    } while rest > 0 || room &- first < count
    return UnsafeRawBufferPointer(start: place + first, count: room &- first)
  }

  @inline(__always)
  static func append(_ fields: BehaviorFields, _ form: SynthForm, to buffer: inout ByteBuffer) {
    switch form {
    case .jsonLine: BehaviorWriter.appendJSONLine(fields, to: &buffer)
    case .json:
      BehaviorWriter.appendJSONLine(fields, to: &buffer)
      buffer.truncate(to: buffer.count - 1)
    case .delimitedProtobuf: BehaviorWriter.appendDelimitedProtobuf(fields, to: &buffer)
    case .protobuf: BehaviorWriter.appendProtobuf(fields, to: &buffer)
    }
  }

  /// A key that is no user's.
  let otherKey = SynthEncoder.bytes("somebody else")

  /// Appends the behavior with the fault in it, framed as its form wants, so that the records around it can be read.
  mutating func appendBad(
    _ fault: SynthFault, _ behavior: SynthBehavior, _ form: SynthForm, to buffer: inout ByteBuffer
  ) {
    if fault == .nullValue { return }
    var fields = fields(behavior)
    switch fault {
    case .unknownType: fields.type = Self.bytes("teleport")
    case .emptyUser: fields.user = UnsafeRawBufferPointer(start: nil, count: 0)
    case .longShop: fields.shop = UnsafeRawBufferPointer(start: longText, count: Self.tooLong)
    case .earlyTime: fields.time_ms = -1
    case .lateTime: fields.time_ms = 4_102_444_800_000
    case .invalidUTF8:
      text[Self.room] = 0xff
      fields.shop = UnsafeRawBufferPointer(start: text + Self.room, count: 1)
    default: break
    }
    scratch.clear()
    Self.append(fields, form.isJSON ? .json : .protobuf, to: &scratch)
    damage(fault, form)
    frame(form, &buffer)
  }

  /// Faults that no writer of behaviors can be made to write.
  private mutating func damage(_ fault: SynthFault, _ form: SynthForm) {
    switch fault {
    case .garbage:
      scratch.clear()
      scratch.append("not a behavior")
    case .truncated: scratch.truncate(to: Self.cutLength)
    case .badDwell where form.isJSON:
      // Of equal keys the last one counts.
      scratch.truncate(to: scratch.count - 1)
      scratch.append(#","dwell_ms":1.5}"#)
    case .badDwell:
      // Field 5 again, 2^32.
      for byte: UInt8 in [0x28, 0x80, 0x80, 0x80, 0x80, 0x10] { scratch.append(byte) }
    default: break
    }
  }

  /// Within the user, in both forms.
  private static let cutLength = 13

  private func frame(_ form: SynthForm, _ buffer: inout ByteBuffer) {
    if form == .delimitedProtobuf {
      let start = buffer.reserve(10).assumingMemoryBound(to: UInt8.self)
      var at = start
      writeVarint(UInt64(scratch.count), &at)
      buffer.commit(at - start)
    }
    buffer.append(scratch.bytes)
    if form == .jsonLine { buffer.append(UInt8(ascii: "\n")) }
  }

  private static func bytes(_ text: StaticString) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
  }
}
