import InterestCodec

/// A record that is no behavior, and why.
struct BadSample: Sendable {
  var bytes: [UInt8]
  var reason: BadRecord.Reason

  /// With a line's end.
  var line: [UInt8] { bytes + [0x0A] }

  init(_ reason: BadRecord.Reason, _ bytes: [UInt8]) {
    self.bytes = bytes
    self.reason = reason
  }

  init(_ reason: BadRecord.Reason, _ text: String) { self.init(reason, Array(text.utf8)) }

  /// A good behavior with some fields written otherwise; nil leaves one out.
  private init(_ reason: BadRecord.Reason, _ changed: [String: String?]) {
    var fields: [(name: String, value: String?)] = [
      ("user_id", #""u1""#), ("shop_id", #""42""#), ("type", #""click""#), ("time_ms", "1333476009000"),
    ]
    for (name, value) in changed.sorted(by: { $0.key < $1.key }) {
      if let index = fields.firstIndex(where: { $0.name == name }) {
        fields[index].value = value
      } else {
        fields.append((name, value))
      }
    }
    let written = fields.compactMap { field in field.value.map { "\"\(field.name)\":\($0)" } }
    self.init(reason, "{\(written.joined(separator: ","))}")
  }

  /// Whatever can be wrong with a line of JSON, every reason at least once.
  static let json: [BadSample] = [
    .init(.malformedJSON, #"{"user_id":"u1","shop_id":"4"#),
    .init(.malformedJSON, "not json"),
    .init(.malformedJSON, "{}}"),
    .init(.malformedJSON, ["time_ms": "NaN"]),
    .init(.malformedJSON, ["spend_micros": "Infinity"]),
    .init(.missingField, "{}"),
    .init(.missingField, ["shop_id": nil]),
    .init(.missingField, ["time_ms": "null"]),
    .init(.wrongType, ["time_ms": #""soon""#]),
    .init(.wrongType, ["dwell_ms": "1.5"]),
    .init(.wrongType, ["user_id": "{}"]),
    .init(.wrongType, ["type": "[1]"]),
    .init(.unknownType, ["type": #""teleport""#]),
    .init(.emptyID, ["user_id": #""""#]),
    .init(.emptyID, ["shop_id": #""""#]),
    .init(.overLongID, ["user_id": "\"\(String(repeating: "x", count: 10_240))\""]),
    .init(.overLongID, ["item_id": "\"\(String(repeating: "x", count: 256))\""]),
    .init(.timeOutOfRange, ["time_ms": "0"]),
    .init(.timeOutOfRange, ["time_ms": "-1333476009000"]),
    .init(.timeOutOfRange, ["time_ms": "4102444800000"]),
    .init(.timeOutOfRange, ["time_ms": "99999999999999999999"]),
    .init(.dwellOutOfRange, ["dwell_ms": "-1"]),
    .init(.dwellOutOfRange, ["dwell_ms": "4294967296"]),
    .init(.spendOutOfRange, ["spend_micros": "9223372036854775808"]),
    .init(.invalidUTF8, Array(#"{"user_id":"u"#.utf8) + [0xFF, 0xFE] + Array(#"","shop_id":"1"}"#.utf8)),
  ]

  /// Whatever can be wrong with a Protobuf message.
  static let protobuf: [BadSample] = {
    func message(_ change: (inout Event) -> Void) -> [UInt8] {
      var event = Event()
      change(&event)
      return event.protobuf
    }
    return [
      .init(.emptyValue, [UInt8]()),
      .init(.malformedProtobuf, Array(Event().protobuf.dropLast(1))),
      .init(.malformedProtobuf, [0x0A, 0x7F, 0x01]),
      .init(.malformedPrefix, [0, 0, 0, 1]),
      .init(.missingField, message { $0.shop = "" }),
      .init(.missingField, message { $0.time_ms = 0 }),
      .init(.emptyID, [0x0A, 0] + message { $0.user = "" }),
      .init(.overLongID, message { $0.user = String(repeating: "x", count: 10_240) }),
      .init(.unknownType, message { $0.type = "teleport" }),
      .init(.timeOutOfRange, message { $0.time_ms = -5 }),
      .init(.timeOutOfRange, message { $0.time_ms = 4_102_444_800_000 }),
      .init(.dwellOutOfRange, message { _ in } + [0x28, 0x80, 0x80, 0x80, 0x80, 0x10]),
      .init(.invalidUTF8, [0x0A, 2, 0xC3, 0x28] + message { $0.user = "" }),
    ]
  }()
}
