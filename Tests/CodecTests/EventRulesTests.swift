import Bytes
import InterestCodec
import InterestModel
import Testing

/// What holds for events however they are written.
@Suite("Event rules")
struct EventRulesTests {
  private static let good = #"{"user_id":"u1","shop_id":"42","type":"click","time_ms":1333476009000}"#

  @Test("null and empty values, and those above the limit, are refused")
  func sizes() throws {
    var decoder = try TestDecoder(maximumRecordBytes: Self.good.utf8.count)
    guard case .failure(let bad) = decoder.decode(EventRecord(value: nil)) else {
      Issue.record("a null value was taken")
      return
    }
    #expect(bad.reason == .nullValue)
    #expect(decoder.reason([]) == .emptyValue)
    #expect(decoder.reason(Self.good) == nil)
    #expect(decoder.reason(Self.good + " ") == .recordTooLarge)
    #expect(decoder.reason(Array(repeating: 0x41, count: 10 << 20)) == .recordTooLarge)
  }

  @Test("ids have 1 to 255 bytes; an event's and an item's may be empty")
  func idLengths() throws {
    var decoder = try TestDecoder()
    let longest = String(repeating: "x", count: 253) + "é"
    for field in [1, 2] as [UInt64] {
      #expect(decoder.reason(Message.good.text(field, longest).bytes) == nil)
      #expect(decoder.reason(Message.good.text(field, longest + "x").bytes) == .overLongID)
      #expect(decoder.reason(Message.good.text(field, String(repeating: "y", count: 10_240)).bytes) == .overLongID)
      #expect(decoder.reason(Message.good.text(field, "").bytes) == .emptyID)
    }
    for field in [7, 8] as [UInt64] {
      #expect(decoder.reason(Message.good.text(field, longest).bytes) == nil)
      #expect(decoder.reason(Message.good.text(field, longest + "x").bytes) == .overLongID)
      #expect(decoder.reason(Message.good.text(field, "").bytes) == nil)
    }
  }

  @Test("types are the catalog's, byte for byte", arguments: ["", "Click", "click ", "clic", "clicks", "$erased", "é"])
  func unknownTypes(type: String) throws {
    var decoder = try TestDecoder()
    #expect(decoder.reason(Message.good.text(3, type).bytes) == .unknownType)
    #expect(decoder.reason(Message.good.text(3, String(repeating: "c", count: 10_240)).bytes) == .unknownType)
  }

  @Test("an erasure needs user and time only, and keeps to the other rules")
  func erasure() throws {
    var decoder = try TestDecoder()
    let json = #"{"user_id":"u1","type":"$erase","time_ms":1333476009000}"#
    let event = try decoder.decode(json).get()
    #expect(event.isErasure)
    #expect(try !decoder.decode(Message.good.bytes).get().isErasure)
    #expect(decoder.reason(#"{"type":"$erase","time_ms":1333476009000}"#) == .missingField)
    #expect(decoder.reason(#"{"user_id":"u1","type":"$erase"}"#) == .missingField)
    #expect(try decoder.read(Array(json.utf8)).get().shop == [])
  }

  @Test("all of 255 types are found, and others are not")
  func fullCatalog() throws {
    let names = (1...255).map { $0 % 5 == 0 ? String(repeating: "t", count: $0) : "type_\($0)" }
    let catalog = try BehaviorCatalog(
      names.enumerated().map { .init(type: $1, code: UInt8($0 + 1), category: .weak) })
    var decoder = try TestDecoder(catalog: catalog)
    for (index, name) in names.enumerated() {
      #expect(try decoder.decode(Message.good.text(3, name).bytes).get().type == UInt8(index + 1))
      #expect(decoder.reason(Message.good.text(3, name + "!").bytes) == .unknownType)
    }
  }

  @Test("a key has to be the user id where it is checked")
  func keys() throws {
    var decoder = try TestDecoder()
    func reason(_ key: String?, checksKey: Bool) -> BadRecord.Reason? {
      let value = Array(Self.good.utf8)
      let keyBytes = key.map { Array($0.utf8) }
      let result = value.withUnsafeBytes { value in
        guard let keyBytes else { return decoder.decode(EventRecord(value: value, checksKey: checksKey)) }
        return keyBytes.withUnsafeBytes { decoder.decode(EventRecord(value: value, key: $0, checksKey: checksKey)) }
      }
      guard case .failure(let bad) = result else { return nil }
      return bad.reason
    }
    #expect(reason("u1", checksKey: true) == nil)
    for key in ["", "u", "u2", "u11", "U1", nil] {
      #expect(reason(key, checksKey: true) == .keyMismatch)
      #expect(reason(key, checksKey: false) == nil)
    }
  }

  @Test("a time may lie up to the skew after its record's timestamp")
  func skew() throws {
    let time_ms: Int64 = 1_333_476_009_000
    func reason(timestamp_ms: Int64, skew_ms: Int64) throws -> BadRecord.Reason? {
      var decoder = EventDecoder(catalog: try testCatalog(), format: .auto, maximumSkew_ms: skew_ms)
      var event = DecodedEvent()
      return Array(Self.good.utf8).withUnsafeBytes {
        decoder.decode(EventRecord(value: $0, timestamp_ms: timestamp_ms), into: &event)?.reason
      }
    }
    #expect(try reason(timestamp_ms: time_ms, skew_ms: 0) == nil)
    #expect(try reason(timestamp_ms: time_ms - 1, skew_ms: 0) == .timeInFuture)
    #expect(try reason(timestamp_ms: time_ms - 86_400_000, skew_ms: 86_400_000) == nil)
    #expect(try reason(timestamp_ms: time_ms - 86_400_001, skew_ms: 86_400_000) == .timeInFuture)
    #expect(try reason(timestamp_ms: 0, skew_ms: .max) == nil)
    #expect(try reason(timestamp_ms: .max, skew_ms: 0) == nil)
    #expect(try reason(timestamp_ms: 0, skew_ms: 0) == .timeInFuture)
    #expect(try reason(timestamp_ms: -1, skew_ms: 0) == nil)
  }

  @Test(
    "canonical decimals are their own feature ids, other ids are hashed",
    arguments: [
      ("0", 0), ("7", 7), ("12345678901", 12_345_678_901), ("18446744073709551615", .max),
      ("9999999999999999999", 9_999_999_999_999_999_999), ("10000000000000000000", 10_000_000_000_000_000_000),
      ("", 0),
    ] as [(String, UInt64)])
  func decimalFeatureIDs(id: String, value: UInt64) {
    #expect(Array(id.utf8).withUnsafeBytes { FeatureID.of($0) } == value)
  }

  @Test(
    "ids that are no canonical decimals are hashed",
    arguments: [
      "00", "01", "-1", "+1", "1.0", "18446744073709551616", "99999999999999999999", "100000000000000000000", "1 ",
      " 1",
      "12345678901234567a", "1844674407370955161x", "a", "٣", "1\t",
    ])
  func hashedFeatureIDs(id: String) {
    let bytes = Array(id.utf8)
    #expect(bytes.withUnsafeBytes { FeatureID.of($0) == xxh64($0) })
  }

  @Test(
    "feature ids stay what Python's xxhash says",
    arguments: [
      ("49bbd6c0f964a520f4531fe3", 18365317099596900012),
      ("a", 15154266338359012955),
      ("01", 7985175132151673077),
      ("é", 1717938401253289848),
    ] as [(String, UInt64)])
  func pinnedFeatureIDs(id: String, value: UInt64) {
    #expect(Array(id.utf8).withUnsafeBytes { FeatureID.of($0) } == value)
  }

  @Test("a detail names field and value, cut and printable, on one line")
  func details() throws {
    var decoder = try TestDecoder()
    func detail(_ message: Message) -> String {
      guard case .failure(let bad) = decoder.decode(message.bytes) else { return "" }
      return bad.detail
    }
    #expect(detail(Message.good.text(3, "clack")) == "type 'clack' is not in the behavior catalog")
    #expect(detail(Message.good.text(3, "a\nb\u{0}\u{202e}c")).contains(#"'a\u{a}b\u{0}\u{202e}c'"#))
    let long = detail(Message.good.text(1, String(repeating: "x", count: 5000)))
    #expect(long == "user_id '\(String(repeating: "x", count: 64))'... (5000 bytes) is longer than 255 bytes")
    #expect(detail(Message.good.varint(4, 0)) == "time_ms 0 is not in 1...4102444799999")
    #expect(!detail(Message.good.data(1, [0x0a, 0xff])).contains("\n"))
  }
}
