import Bytes
import InterestCodec
import InterestModel

/// A catalog for tests that are not about catalogs.
func testCatalog() throws -> BehaviorCatalog {
  try BehaviorCatalog([
    .init(type: "click", code: 1, category: .weak),
    .init(type: "order", code: 2, category: .payment),
    .init(type: "like", code: 3, category: .strong),
    .init(type: "leave", code: 255, category: .negative),
  ])
}

/// A decoded event with copies of what is borrowed, so that tests can compare and keep it.
struct CopiedEvent: Equatable {
  var time_ms: Int64
  var shop: UInt64
  var item: UInt64
  var spend_micros: Int64
  var dwell_ms: UInt32
  var type: UInt8
  var user: [UInt8]
  var eventID: [UInt8]
  var isErasure: Bool

  init(_ event: DecodedEvent) {
    time_ms = event.behavior.time_ms
    shop = event.behavior.shop
    item = event.behavior.item
    spend_micros = event.behavior.spend_micros
    dwell_ms = event.behavior.dwell_ms
    type = event.behavior.type
    user = Array(event.user)
    eventID = Array(event.eventID)
    isErasure = event.isErasure
  }
}

/// The fields of a behavior, owned: what tests write and read back.
struct OwnedFields: Equatable {
  var user: [UInt8] = Array("u1".utf8)
  var shop: [UInt8] = Array("42".utf8)
  var type: [UInt8] = Array("click".utf8)
  var time_ms: Int64 = 1_333_476_009_000
  var dwell_ms: UInt32 = 0
  var spend_micros: Int64 = 0
  var eventID: [UInt8] = []
  var item: [UInt8] = []

  init() {}

  init(_ fields: BehaviorFields) {
    user = Array(fields.user)
    shop = Array(fields.shop)
    type = Array(fields.type)
    time_ms = fields.time_ms
    dwell_ms = fields.dwell_ms
    spend_micros = fields.spend_micros
    eventID = Array(fields.eventID)
    item = Array(fields.item)
  }

  /// `body` sees them borrowed.
  func borrowed<Result>(_ body: (BehaviorFields) -> Result) -> Result {
    user.withUnsafeBytes { user in
      shop.withUnsafeBytes { shop in
        type.withUnsafeBytes { type in
          eventID.withUnsafeBytes { eventID in
            item.withUnsafeBytes { item in
              var fields = BehaviorFields()
              (fields.user, fields.shop, fields.type, fields.eventID, fields.item) = (user, shop, type, eventID, item)
              (fields.time_ms, fields.dwell_ms, fields.spend_micros) = (time_ms, dwell_ms, spend_micros)
              return body(fields)
            }
          }
        }
      }
    }
  }
}

/// A decoder whose results can be kept.
struct TestDecoder: ~Copyable {
  private var decoder: EventDecoder
  private var reader: BehaviorReader

  init(format: EventFormat = .auto, maximumRecordBytes: Int = 1 << 20, catalog: BehaviorCatalog? = nil) throws {
    decoder = EventDecoder(
      catalog: try catalog ?? testCatalog(), format: format, maximumRecordBytes: maximumRecordBytes)
    reader = BehaviorReader(format: format, maximumRecordBytes: maximumRecordBytes)
  }

  mutating func decode(_ bytes: [UInt8]) -> Result<CopiedEvent, BadRecord> {
    bytes.withUnsafeBytes { decode(EventRecord(value: $0)) }
  }

  mutating func decode(_ text: String) -> Result<CopiedEvent, BadRecord> { decode(Array(text.utf8)) }

  mutating func decode(_ record: EventRecord) -> Result<CopiedEvent, BadRecord> {
    var event = DecodedEvent()
    if let bad = decoder.decode(record, into: &event) { return .failure(bad) }
    return .success(CopiedEvent(event))
  }

  /// The fields as written.
  mutating func read(_ bytes: [UInt8]) -> Result<OwnedFields, BadRecord> {
    bytes.withUnsafeBytes { bytes in
      var fields = BehaviorFields()
      if let bad = reader.read(EventRecord(value: bytes), into: &fields) { return .failure(bad) }
      return .success(OwnedFields(fields))
    }
  }

  /// Nil where the record is good.
  mutating func reason(_ bytes: [UInt8]) -> BadRecord.Reason? {
    guard case .failure(let bad) = decode(bytes) else { return nil }
    return bad.reason
  }

  mutating func reason(_ text: String) -> BadRecord.Reason? { reason(Array(text.utf8)) }
}
