import InterestCodec
import Testing

@Suite("Event formats and the Confluent prefix")
struct EventFormatTests {
  private static let json = Array(#"{"user_id":"u1","shop_id":"42","type":"click","time_ms":1333476009000}"#.utf8)
  private static let protobuf = Message.good.bytes
  private static let prefix: [UInt8] = [0, 0, 0, 0x30, 0x39]

  @Test("the first byte tells JSON from Protobuf")
  func automatic() throws {
    var decoder = try TestDecoder()
    #expect(try decoder.decode(Self.json).get() == decoder.decode(Self.protobuf).get())
    #expect(decoder.reason([UInt8(ascii: " ")] + Self.json) == .malformedProtobuf)
  }

  @Test("a pinned format takes nothing else")
  func pinned() throws {
    var json = try TestDecoder(format: .json)
    var protobuf = try TestDecoder(format: .protobuf)
    #expect(json.reason(Self.json) == nil)
    #expect(json.reason([UInt8(ascii: " ")] + Self.json) == nil)
    #expect(json.reason(Self.protobuf) == .invalidUTF8)
    #expect(protobuf.reason(Self.protobuf) == nil)
    #expect(protobuf.reason(Self.json) == .malformedProtobuf)
  }

  @Test(
    "a Confluent prefix is removed, message indexes too",
    arguments: [[0], [2, 0], [2, 2], [4, 2, 0], [4, 4, 0x80, 0x02], [0x80, 0]] as [[UInt8]])
  func prefixed(indexes: [UInt8]) throws {
    for format in [EventFormat.auto, .protobuf] {
      var decoder = try TestDecoder(format: format)
      let good = try decoder.decode(Self.protobuf).get()
      #expect(try decoder.decode(Self.prefix + indexes + Self.protobuf).get() == good)
    }
  }

  @Test("JSON follows the prefix at once")
  func prefixedJSON() throws {
    for format in [EventFormat.auto, .json] {
      var decoder = try TestDecoder(format: format)
      let good = try decoder.decode(Self.json).get()
      #expect(try decoder.decode(Self.prefix + Self.json).get() == good)
    }
    var json = try TestDecoder(format: .json)
    #expect(json.reason(Self.prefix + [0] + Self.protobuf) == .invalidUTF8)
  }

  @Test("a prefix that does not end is refused")
  func malformed() throws {
    var decoder = try TestDecoder()
    for length in 1...Self.prefix.count { #expect(decoder.reason(Array(Self.prefix[..<length])) == .malformedPrefix) }
    let indexes: [[UInt8]] = [
      [1], [3, 0], [2], [4, 0], [2, 1, 0], [0x80], Array(repeating: 0xff, count: 9) + [1],
      Array(repeating: 0xff, count: 20),
      [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
    ]
    for bytes in indexes { #expect(decoder.reason(Self.prefix + bytes) == .malformedPrefix, "\(bytes)") }
  }

  @Test("an empty message after a prefix lacks its fields")
  func emptyMessage() throws {
    var decoder = try TestDecoder()
    #expect(decoder.reason(Self.prefix + [0]) == .missingField)
  }
}
