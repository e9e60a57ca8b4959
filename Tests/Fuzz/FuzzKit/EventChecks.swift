import Bytes
import InterestCodec
import InterestModel

/// What holds of every record, whatever its bytes.
public final class EventChecks {
  private static let skew_ms: Int64 = 1000
  private let catalog = exampleCatalog()
  private let format: EventFormat
  private var decoder: EventDecoder
  /// Decodes something else in between, so that nothing may hang on what a decoder read before.
  private var otherDecoder: EventDecoder
  private var reader: BehaviorReader
  private var rereader = BehaviorReader(format: .auto)
  private let decoys: [[UInt8]] = [
    Array(#"{"user_id":"a-longer-user-\u00e4","shop_id":"\n","type":"order","time_ms":7,"item_id":"i\t"}"#.utf8), [0],
    Array(#"{"user_id":"#.utf8), [10, 1, 65, 18, 1, 66, 26, 5] + Array("click".utf8) + [32, 9],
  ]
  private var turn = 0

  public init(format: EventFormat) {
    self.format = format
    decoder = EventDecoder(catalog: catalog, format: format, maximumSkew_ms: Self.skew_ms)
    otherDecoder = EventDecoder(catalog: catalog, format: format, maximumSkew_ms: Self.skew_ms)
    reader = BehaviorReader(format: format, maximumSkew_ms: Self.skew_ms)
  }

  /// Decodes these bytes twice and checks all that is said of them; returns what was made of them.
  @discardableResult
  public func check(_ bytes: [UInt8]) -> Outcome {
    let outcome = Self.decode(&decoder, bytes)
    _ = Self.decode(&otherDecoder, decoys[turn % decoys.count])
    turn &+= 1
    require(Self.decode(&otherDecoder, bytes) == outcome, "decoding depends on what was decoded before")
    if case .bad(let bad) = outcome {
      require(bad.detail.utf8.count < 2048, "a reason of \(bad.detail.utf8.count) bytes")
      require(!bad.detail.contains("\n"), "a reason of two lines")
    }
    guard let fields = read(bytes) else {
      require(outcome.reason != nil, "decoded, but not to be read")
      return outcome
    }
    require(fields.keepsRules, "accepted against the rules: \(fields)")
    check(outcome, bytes, fields)
    return outcome
  }

  private func check(_ outcome: Outcome, _ bytes: [UInt8], _ fields: OwnedFields) {
    guard let entry = catalog.entries.first(where: { Array($0.type.utf8) == fields.type }) else { return }
    guard case .good(let time_ms, _, _, let spend_micros, let dwell_ms, let type, let ids) = outcome else {
      fail("to be read, of a known type, and refused: \(outcome)")
    }
    require(
      time_ms == fields.time_ms && spend_micros == fields.spend_micros && dwell_ms == fields.dwell_ms
        && type == entry.code && ids == [fields.user, fields.eventID], "decoded and read differ")
    checkRecord(bytes, fields)
    checkWriting(bytes, fields)
  }

  /// The record's key and timestamp.
  private func checkRecord(_ bytes: [UInt8], _ fields: OwnedFields) {
    let late = fields.time_ms - Self.skew_ms
    require(reason(bytes, key: fields.user, timestamp_ms: max(late, 0)) == nil, "refused beside its own key and time")
    require(reason(bytes, key: fields.user + [0]) == .keyMismatch, "a longer key passed")
    require(reason(bytes, key: nil) == .keyMismatch, "a null key passed")
    if late > 0 {
      require(reason(bytes, key: fields.user, timestamp_ms: late - 1) == .timeInFuture, "a future time passed")
    }
  }

  /// Written in either form and read again, a behavior is what it was.
  private func checkWriting(_ bytes: [UInt8], _ fields: OwnedFields) {
    withCopy(bytes) { bytes in
      var borrowed = BehaviorFields()
      _ = reader.read(EventRecord(value: bytes), into: &borrowed)
      for isJSON in [true, false] {
        var written = ByteBuffer()
        if isJSON {
          BehaviorWriter.appendJSONLine(borrowed, to: &written)
        } else {
          BehaviorWriter.appendProtobuf(borrowed, to: &written)
        }
        var again = BehaviorFields()
        let bad = rereader.read(EventRecord(value: written.bytes), into: &again)
        require(bad == nil, "written and refused: \(bad?.description ?? "")")
        require(OwnedFields(again) == fields, "written and read otherwise: \(OwnedFields(again)) not \(fields)")
      }
    }
  }

  private func read(_ bytes: [UInt8]) -> OwnedFields? {
    withCopy(bytes) { bytes in
      var fields = BehaviorFields()
      return reader.read(EventRecord(value: bytes), into: &fields) == nil ? OwnedFields(fields) : nil
    }
  }

  private func reason(_ bytes: [UInt8], key: [UInt8]?, timestamp_ms: Int64 = -1) -> BadRecord.Reason? {
    withCopy(bytes) { bytes in
      withCopy(key ?? []) { copy in
        var event = DecodedEvent()
        let record = EventRecord(
          value: bytes, key: key == nil ? nil : copy, checksKey: true, timestamp_ms: timestamp_ms)
        return decoder.decode(record, into: &event)?.reason
      }
    }
  }

  private static func decode(_ decoder: inout EventDecoder, _ bytes: [UInt8]) -> Outcome {
    withCopy(bytes) { bytes in
      var event = DecodedEvent()
      return Outcome(decoder.decode(EventRecord(value: bytes), into: &event), event)
    }
  }
}
