import InterestCodec
import InterestModel
import Testing

/// A good event with one field replaced, or added where it has none of that name.
private func event(_ name: String, _ value: String) -> String {
  var fields = ["user_id": "\"u1\"", "shop_id": "\"42\"", "type": "\"click\"", "time_ms": "1333476009000"]
  fields[name] = value
  return "{" + fields.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
}

/// A good event with `extra` before its end.
private func event(plus extra: String) -> String {
  #"{"user_id":"u1","shop_id":"42","type":"click","time_ms":1333476009000,"# + extra + "}"
}

@Suite("JSON events")
struct JSONEventTests {
  @Test("every field is read")
  func allFields() throws {
    var decoder = try TestDecoder()
    let json = """
      {"user_id":"u1","shop_id":"42","type":"order","time_ms":1333476009000,"dwell_ms":4294967295,\
      "spend_micros":-9223372036854775808,"event_id":"e-1","item_id":"x"}
      """
    let event = try decoder.decode(json).get()
    #expect(event.user == Array("u1".utf8))
    #expect(event.shop == 42)
    #expect(event.type == 2)
    #expect(event.time_ms == 1_333_476_009_000)
    #expect(event.dwell_ms == .max)
    #expect(event.spend_micros == .min)
    #expect(event.eventID == Array("e-1".utf8))
    #expect(event.item != 0)
  }

  @Test("white space, any order of fields and fields of others do not matter")
  func layout() throws {
    var decoder = try TestDecoder()
    let json = """
      {\n "x":{"a":[1,-2.5e-3,{"b":null}],"":[],"c":{}}, "time_ms" : 1333476009000 ,\t"type":"click"\r\n,
      "shop_id":42,"nested":[[[{"user_id":"not me"}]]],"user_id":"u1","t":true,"f":false} \n
      """
    #expect(try decoder.decode(json).get() == decoder.decode(event("shop_id", "42")).get())
  }

  @Test(
    "ids may be integers, which keep their text",
    arguments: [
      ("7", "7"), ("-7", "-7"), ("0", "0"), ("-0", "0"), ("18446744073709551616", "18446744073709551616"),
      ("123456789012345678901234567890", "123456789012345678901234567890"),
    ])
  func integerIDs(token: String, text: String) throws {
    var decoder = try TestDecoder(format: .json)
    let wanted = Array(text.utf8)
    #expect(try decoder.read(Array(event("user_id", token).utf8)).get().user == wanted)
    #expect(try decoder.read(Array(event("shop_id", token).utf8)).get().shop == wanted)
    #expect(try decoder.read(Array(event("item_id", token).utf8)).get().item == wanted)
    #expect(try decoder.read(Array(event("event_id", token).utf8)).get().eventID == wanted)
  }

  @Test("an optional field may be null", arguments: ["dwell_ms", "spend_micros", "event_id", "item_id"])
  func optionalNull(name: String) throws {
    var decoder = try TestDecoder()
    #expect(try decoder.decode(event(name, "null")).get() == decoder.decode(event("shop_id", "42")).get())
  }

  @Test("a required field may not be null or absent", arguments: ["user_id", "shop_id", "type", "time_ms"])
  func requiredFields(name: String) throws {
    var decoder = try TestDecoder()
    #expect(decoder.reason(event(name, "null")) == .missingField)
    let renamed = event("shop_id", "42").replacing("\"\(name)\"", with: "\"other\"")
    #expect(decoder.reason(renamed) == .missingField)
  }

  @Test("the last of equal keys wins, its errors too")
  func equalKeys() throws {
    var decoder = try TestDecoder()
    #expect(try decoder.decode(event(plus: #""shop_id":7,"shop_id":"9""#)).get().shop == 9)
    #expect(try decoder.decode(event(plus: #""dwell_ms":-1,"dwell_ms":5"#)).get().dwell_ms == 5)
    #expect(try decoder.decode(event(plus: #""dwell_ms":5,"dwell_ms":null"#)).get().dwell_ms == 0)
    #expect(decoder.reason(event(plus: #""dwell_ms":5,"dwell_ms":1.5"#)) == .wrongType)
    #expect(decoder.reason(event(plus: #""user_id":null"#)) == .missingField)
    #expect(decoder.reason(event(plus: #""user_id":"""#)) == .emptyID)
    #expect(decoder.reason(event(plus: #""dwell_ms":nul,"dwell_ms":5"#)) == .malformedJSON)
  }

  @Test("a key with escapes is the key that it spells")
  func escapedKeys() throws {
    var decoder = try TestDecoder()
    #expect(try decoder.decode(event(plus: #""user\u005fid":"other""#)).get().user == Array("other".utf8))
    #expect(try decoder.decode(event(plus: #""\u0064well_ms":3"#)).get().dwell_ms == 3)
    #expect(try decoder.decode(event(plus: #""user_id\u0000":"other","user_id\"":"x""#)).get().user == Array("u1".utf8))
    #expect(decoder.reason(event(plus: #""\ud800":1"#)) == .malformedJSON)
    #expect(decoder.reason(event(plus: #""a\x":1"#)) == .malformedJSON)
  }

  @Test(
    "text may be escaped",
    arguments: [
      (#""\u0000\u001f""#, "\u{0}\u{1f}"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
      (#""\u00e9\u20ac\uD83D\uDE00""#, "é€😀"), (#""é€😀""#, "é€😀"), (#""\u0061\\""#, "a\\"),
    ])
  func escapes(token: String, text: String) throws {
    var decoder = try TestDecoder()
    let read = try decoder.read(Array(event("user_id", token).utf8)).get()
    #expect(read.user == Array(text.utf8))
  }

  @Test(
    "half a surrogate pair is refused, in fields of others too",
    arguments: [
      #"\ud800"#, #"\udc00"#, #"\ud800\u0041"#, #"\udc00\ud800"#, #"\ud800\ud800"#, #"\ud83dx"#, #"\ud83d\n"#,
    ])
  func surrogates(escape: String) throws {
    var decoder = try TestDecoder()
    for name in ["user_id", "shop_id", "event_id", "other"] {
      #expect(decoder.reason(event(name, "\"a\(escape)b\"")) == .malformedJSON)
    }
    #expect(decoder.reason(event(plus: "\"a\(escape)b\":1")) == .malformedJSON)
    #expect(decoder.reason(event(plus: "\"x\":{\"a\(escape)b\":1}")) == .malformedJSON)
  }

  @Test(
    "only integers in exact decimal are numbers of ours",
    arguments: ["1.0", "1e3", "1E0", "-0.0", "true", "false", "\"5\"", "[]", "{}", "[5]", "{\"a\":1}", "0.5"])
  func inexactNumbers(token: String) throws {
    var decoder = try TestDecoder()
    for name in ["time_ms", "dwell_ms", "spend_micros"] { #expect(decoder.reason(event(name, token)) == .wrongType) }
  }

  @Test(
    "what is no JSON value is malformed wherever it stands",
    arguments: [
      "NaN", "Infinity", "-Infinity", "nan", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "-", "0x10", "1_000", "tru",
      "truex",
      "nulll", "undefined", "'a'", "\"a", "\"\\x\"", "\"\\u12g4\"", "\"a\tb\"", "1 2", "\"a\"1", "1\"a\"", "\"a\"\"b\"",
      "", ":",
      ",", "[1,]", "[,1]", "[1 2]", "[1", "]", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:2}",
      "{\"a\" 1}",
      "{\"a\":1 \"b\":2}", "{\"a\":\"b\":1}", "\"b\":1", "[1}", "{\"a\":1]", "/**/1", "1//",
    ])
  func malformedValues(token: String) throws {
    var decoder = try TestDecoder()
    for name in ["time_ms", "user_id", "zzz", "aaa"] {
      #expect(decoder.reason(event(name, token)) == .malformedJSON, "\(name)")
    }
    #expect(decoder.reason(event("zzz", "[\(token)\(token.isEmpty ? "," : "")]")) == .malformedJSON)
    #expect(decoder.reason(event("zzz", "{\"a\":\(token)}")) == .malformedJSON)
  }

  @Test(
    "what surrounds the object is malformed",
    arguments: ["{}", "}", "]", "1", ",", "x", "\"a\"", "null", "\u{0}", " {}", "\n}", "}}"])
  func trailing(text: String) throws {
    var decoder = try TestDecoder(format: .json)
    #expect(decoder.reason(event("shop_id", "42") + text) == .malformedJSON)
    #expect(decoder.reason(text + event("shop_id", "42")) == .malformedJSON)
  }

  @Test("only an object is a behavior", arguments: ["[]", "1", "\"a\"", "null", "true", "[{}]", "   ", "\n"])
  func otherDocuments(text: String) throws {
    var decoder = try TestDecoder(format: .json)
    #expect(decoder.reason(text) == .malformedJSON)
  }

  @Test("bytes that are not UTF-8 are refused wherever they stand")
  func invalidUTF8() throws {
    var decoder = try TestDecoder(format: .json)
    for bad in [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80]] as [[UInt8]] {
      for name in ["user_id", "event_id", "other"] {
        let parts = event(name, "\"a?b\"").split(separator: "?")
        #expect(decoder.reason(Array(parts[0].utf8) + bad + Array(parts[1].utf8)) == .invalidUTF8)
      }
    }
  }

  @Test("values out of range are told apart")
  func ranges() throws {
    var decoder = try TestDecoder()
    for token in [
      "-1", "0", "-0", "4102444800000", "9223372036854775808", "-99999999999999999999",
      "1" + String(repeating: "0", count: 400),
    ] {
      #expect(decoder.reason(event("time_ms", token)) == .timeOutOfRange)
    }
    for token in ["-1", "4294967296", "99999999999999999999999"] {
      #expect(decoder.reason(event("dwell_ms", token)) == .dwellOutOfRange)
    }
    for token in ["9223372036854775808", "-9223372036854775809", "18446744073709551616"] {
      #expect(decoder.reason(event("spend_micros", token)) == .spendOutOfRange)
    }
    #expect(try decoder.decode(event("time_ms", "1")).get().time_ms == 1)
    #expect(try decoder.decode(event("time_ms", "4102444799999")).get().time_ms == 4_102_444_799_999)
    #expect(try decoder.decode(event("spend_micros", "9223372036854775807")).get().spend_micros == .max)
    #expect(try decoder.decode(event("dwell_ms", "-0")).get().dwell_ms == 0)
  }

  @Test("types and ids of the wrong kind are refused")
  func wrongKinds() throws {
    var decoder = try TestDecoder()
    for name in ["user_id", "shop_id", "event_id", "item_id"] {
      for token in ["1.5", "true", "[]", "{}", "[\"a\"]", "1e2"] {
        #expect(decoder.reason(event(name, token)) == .wrongType)
      }
    }
    for token in ["1", "true", "[]"] { #expect(decoder.reason(event("type", token)) == .wrongType) }
  }

  @Test("a deeply nested or huge record is refused without harm")
  func deepAndHuge() throws {
    var decoder = try TestDecoder(maximumRecordBytes: 16 << 20)
    let depth = 5_000_000
    let nested = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    #expect(decoder.reason(event("zzz", nested)) == .malformedJSON)
    #expect(decoder.reason(event("zzz", String(repeating: "{\"a\":", count: 100_000))) == .malformedJSON)
    #expect(decoder.reason(event("user_id", "\"" + String(repeating: "x", count: 10 << 20) + "\"")) == .overLongID)
    let shallow = String(repeating: "[", count: 63) + String(repeating: "]", count: 63)
    #expect(decoder.reason(event("zzz", shallow)) == nil)
    #expect(decoder.reason(event("zzz", "[" + shallow + "]")) == .malformedJSON)
    #expect(try decoder.decode(event("shop_id", "42")).get().shop == 42)
  }

  @Test("a truncated record is never taken for a whole one")
  func truncation() throws {
    var decoder = try TestDecoder(format: .json)
    let whole = Array(event(plus: #""spend_micros":12,"item_id":"a\u00e9\"é","x":{"y":[1,{}]}"#).utf8)
    #expect(decoder.reason(whole) == nil)
    for length in 0..<whole.count { #expect(decoder.reason(Array(whole[..<length])) != nil, "\(length)") }
  }
}
