import InterestCodec
import InterestModel
import Testing

/// Protobuf by hand, wrong on purpose where a test wants it.
struct Message {
  var bytes: [UInt8] = []

  /// A good event, to which a test appends.
  static var good: Message {
    Message().text(1, "u1").text(2, "42").text(3, "click").varint(4, 1_333_476_009_000)
  }

  func raw(_ more: [UInt8]) -> Message { Message(bytes: bytes + more) }

  func varint(_ value: UInt64) -> Message {
    var (rest, encoded) = (value, [UInt8]())
    while rest >= 128 {
      encoded.append(UInt8(rest & 127) | 128)
      rest >>= 7
    }
    return raw(encoded + [UInt8(rest)])
  }

  func tag(_ field: UInt64, _ wireType: UInt64) -> Message { varint(field << 3 | wireType) }
  func varint(_ field: UInt64, _ value: UInt64) -> Message { tag(field, 0).varint(value) }
  func data(_ field: UInt64, _ value: [UInt8]) -> Message { tag(field, 2).varint(UInt64(value.count)).raw(value) }
  func text(_ field: UInt64, _ value: String) -> Message { data(field, Array(value.utf8)) }
}

@Suite("Protobuf events")
struct ProtobufEventTests {
  @Test("every field is read")
  func allFields() throws {
    var decoder = try TestDecoder()
    let message = Message().text(1, "u1").text(2, "42").text(3, "order").varint(4, 1_333_476_009_000)
      .varint(5, UInt64(UInt32.max)).varint(6, UInt64(bitPattern: .min)).text(7, "e-1").text(8, "77")
    let event = try decoder.decode(message.bytes).get()
    #expect(event.user == Array("u1".utf8))
    #expect(event.shop == 42)
    #expect(event.type == 2)
    #expect(event.time_ms == 1_333_476_009_000)
    #expect(event.dwell_ms == .max)
    #expect(event.spend_micros == .min)
    #expect(event.eventID == Array("e-1".utf8))
    #expect(event.item == 77)
  }

  @Test("fields come in any order, and the last of equal ones wins")
  func order() throws {
    var decoder = try TestDecoder()
    let good = try decoder.decode(Message.good.bytes).get()
    let other = Message().varint(4, 1).text(3, "nothing").text(2, "x").varint(4, 1_333_476_009_000).text(3, "click")
      .text(2, "42").data(1, [0xff]).text(1, "u1")
    #expect(try decoder.decode(other.bytes).get() == good)
    #expect(decoder.reason(Message.good.text(1, "").bytes) == .emptyID)
    #expect(try decoder.decode(Message.good.varint(5, 1 << 40).varint(5, 7).bytes).get().dwell_ms == 7)
  }

  @Test("unknown fields of every wire type are skipped")
  func unknownFields() throws {
    var decoder = try TestDecoder()
    let good = try decoder.decode(Message.good.bytes).get()
    let eight: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
    let group = Message().tag(20, 3).varint(1, 9).tag(21, 3).text(2, "x").tag(21, 4).tag(20, 4)
    let extras = [
      Message().varint(9, .max), Message().tag(9, 1).raw(eight), Message().data(9, eight), group,
      Message().tag(9, 5).raw(Array(eight[..<4])), Message().varint(0x1FFF_FFFF, 1), Message().tag(9, 3).tag(9, 4),
    ]
    for extra in extras {
      #expect(try decoder.decode(extra.raw(Message.good.bytes).bytes).get() == good)
      #expect(try decoder.decode(Message.good.raw(extra.bytes).bytes).get() == good)
    }
  }

  @Test("a known field with another wire type is skipped like an unknown one")
  func otherWireTypes() throws {
    var decoder = try TestDecoder()
    let good = try decoder.decode(Message.good.bytes).get()
    let more = Message.good.varint(1, 5).text(4, "7").tag(5, 5).raw([1, 2, 3, 4]).tag(6, 1).raw([
      1, 2, 3, 4, 5, 6, 7, 8,
    ])
    #expect(try decoder.decode(more.bytes).get() == good)
    #expect(decoder.reason(Message().varint(1, 5).text(2, "42").text(3, "click").varint(4, 5).bytes) == .missingField)
  }

  @Test("an over-long encoding of a tag or a number is the number")
  func overLongVarints() throws {
    var decoder = try TestDecoder()
    let long = Message.good.raw([0xa8, 0x80, 0x00, 0x85, 0x80, 0x80, 0x00])
    #expect(try decoder.decode(long.bytes).get().dwell_ms == 5)
  }

  @Test("what is no message is malformed")
  func malformed() throws {
    var decoder = try TestDecoder(format: .protobuf)
    let nested = (0..<100_000).reduce(into: [UInt8]()) { bytes, _ in bytes += [0x7b] }
    let tails: [[UInt8]] = [
      [0x01], Message().tag(0, 2).raw([0]).bytes, Message().varint(0x2000_0000, 1).bytes, Message().tag(9, 6).bytes,
      Message().tag(9, 7).bytes, Message().tag(9, 4).bytes, Message().tag(9, 3).bytes,
      Message().tag(9, 3).tag(10, 4).bytes, nested, [0x80], [0x0a], [0x0a, 0x05, 0x61], [0x20], [0x20, 0x80],
      [0x49, 1, 2],
      [0x4d, 1, 2, 3], Array(repeating: 0xff, count: 11), [0x20] + Array(repeating: 0x80, count: 10) + [1],
      [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
      [0x4a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    ]
    for tail in tails {
      #expect(decoder.reason(Message.good.raw(tail).bytes) == .malformedProtobuf, "\(tail.prefix(12))")
    }
  }

  @Test("groups are skipped to a depth of 64")
  func groupDepth() throws {
    var decoder = try TestDecoder()
    func nested(_ depth: Int) -> [UInt8] {
      Message.good.bytes + Array(repeating: 0x4b, count: depth) + Array(repeating: 0x4c, count: depth)
    }
    #expect(decoder.reason(nested(64)) == nil)
    #expect(decoder.reason(nested(65)) == .malformedProtobuf)
  }

  @Test("a truncated message is refused, or is the shorter message that its fields make")
  func truncation() throws {
    var decoder = try TestDecoder(format: .protobuf)
    let tail = Message().varint(5, 300).varint(6, UInt64(bitPattern: -7)).text(7, "event").text(8, "item").bytes
    let good = Message.good.bytes
    let boundaries: Set<Int> = [0, 3, 14, 21, 28].reduce(into: []) { $0.insert(good.count + $1) }
    for length in 1..<(good + tail).count {
      let reason = decoder.reason(Array((good + tail)[..<length]))
      if boundaries.contains(length) {
        #expect(reason == nil, "\(length)")
      } else {
        #expect(reason != nil, "\(length)")
      }
    }
  }

  @Test("text that is not UTF-8 is refused, by the field's name", arguments: [1, 2, 3, 7, 8] as [UInt64])
  func invalidUTF8(field: UInt64) throws {
    var decoder = try TestDecoder()
    let bad: [[UInt8]] = [
      [0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], Array("12345678é".utf8.dropLast()),
    ]
    for text in bad { #expect(decoder.reason(Message.good.data(field, text).bytes) == .invalidUTF8) }
    #expect(decoder.reason(Message.good.text(1, "ééé\u{0}\u{7}😀").bytes) == nil)
  }

  @Test("values out of range are told apart")
  func ranges() throws {
    var decoder = try TestDecoder()
    #expect(decoder.reason(Message.good.varint(5, 1 << 32).bytes) == .dwellOutOfRange)
    #expect(decoder.reason(Message.good.varint(5, .max).bytes) == .dwellOutOfRange)
    for time in [0, 4_102_444_800_000, UInt64(bitPattern: -1), UInt64(bitPattern: .min)] {
      #expect(decoder.reason(Message.good.varint(4, time).bytes) == .timeOutOfRange)
    }
    let bare = Message().text(1, "u1").text(2, "42").text(3, "click")
    #expect(decoder.reason(bare.bytes) == .missingField)
  }
}
