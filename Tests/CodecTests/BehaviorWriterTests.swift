import Bytes
import Foundation
import InterestCodec
import Testing

/// The forms that the writer makes of a behavior.
struct WrittenForms {
  var protobuf: [UInt8]
  var delimited: [UInt8]
  var json: [UInt8]

  init(_ fields: OwnedFields) {
    func written(_ write: (BehaviorFields, inout ByteBuffer) -> Void) -> [UInt8] {
      var buffer = ByteBuffer(capacity: 16)
      fields.borrowed { write($0, &buffer) }
      return Array(buffer.bytes)
    }
    protobuf = written { BehaviorWriter.appendProtobuf($0, to: &$1) }
    delimited = written { BehaviorWriter.appendDelimitedProtobuf($0, to: &$1) }
    json = written { BehaviorWriter.appendJSONLine($0, to: &$1) }
  }
}

@Suite("Writing behaviors")
struct BehaviorWriterTests {
  @Test("what is 0 or empty is left out")
  func defaults() {
    let forms = WrittenForms(OwnedFields())
    #expect(forms.protobuf == Message.good.bytes)
    #expect(forms.delimited == [UInt8(Message.good.bytes.count)] + Message.good.bytes)
    let json = #"{"user_id":"u1","shop_id":"42","type":"click","time_ms":1333476009000}"# + "\n"
    #expect(String(decoding: forms.json, as: UTF8.self) == json)
  }

  @Test("fields are written in the contract's order, text escaped as little as may be")
  func allFields() {
    var fields = OwnedFields()
    fields.user = Array("a\"b\\c\u{0}\u{1f}\n\r\t\u{8}\u{c}/\u{7f}é😀".utf8)
    fields.dwell_ms = 5
    fields.spend_micros = -12
    fields.eventID = Array("e".utf8)
    fields.item = Array("i".utf8)
    let json =
      #"{"user_id":"a\"b\\c\u0000\u001f\n\r\t\b\f/"# + "\u{7f}é😀"
      + #"","shop_id":"42","type":"click","time_ms":1333476009000,"dwell_ms":5,"spend_micros":-12,"event_id":"e","item_id":"i"}"#
      + "\n"
    let forms = WrittenForms(fields)
    #expect(String(decoding: forms.json, as: UTF8.self) == json)
    let message = Message().data(1, fields.user).text(2, "42").text(3, "click").varint(4, 1_333_476_009_000)
      .varint(5, 5).varint(6, UInt64(bitPattern: -12)).text(7, "e").text(8, "i")
    #expect(forms.protobuf == message.bytes)
  }

  @Test("what is written is read back, the same from JSON and from Protobuf")
  func roundTrip() throws {
    var random = RandomFields(seed: 5)
    var decoder = try TestDecoder()
    for _ in 0..<3000 {
      let fields = random.next()
      let forms = WrittenForms(fields)
      #expect(try decoder.read(forms.protobuf).get() == fields)
      #expect(try decoder.read(forms.json).get() == fields)
      #expect(try decoder.decode(forms.json).get() == decoder.decode(forms.protobuf).get())
      #expect(forms.delimited == Message().varint(UInt64(forms.protobuf.count)).raw(forms.protobuf).bytes)
    }
  }

  private struct Written: Decodable {
    var user_id: String
    var time_ms: Int64
    var spend_micros: Int64?
    var event_id: String?
  }

  @Test("Foundation reads our JSON as the same values")
  func foundation() throws {
    var random = RandomFields(seed: 6)
    for _ in 0..<300 {
      let fields = random.next()
      let read = try JSONDecoder().decode(Written.self, from: Data(WrittenForms(fields).json))
      #expect(Array(read.user_id.utf8) == fields.user)
      #expect(Array((read.event_id ?? "").utf8) == fields.eventID)
      #expect(read.time_ms == fields.time_ms)
      #expect(read.spend_micros ?? 0 == fields.spend_micros)
    }
  }
}
