import Bytes
import InterestCodec
import InterestModel
import Synth

extension SynthOptions {
  static func sample(events: Int = 200_000, users: Int = 2_000, shops: Int = 100_000) -> SynthOptions {
    SynthOptions(events: events, users: users, shops: shops)
  }

  /// Calls `body` with each record and its bytes, which are the generator's.
  func forEach(
    _ form: SynthForm = .protobuf, _ body: (_ record: SynthRecord, _ bytes: UnsafeRawBufferPointer) throws -> Void
  ) throws {
    var generator = try SynthGenerator(self)
    var buffer = ByteBuffer()
    while let record = generator.appendNext(form, to: &buffer) {
      try body(record, buffer.bytes)
      buffer.clear()
    }
  }

  /// What the records are to the daemon: an event, or why not.
  func decoded(_ form: SynthForm = .protobuf) throws -> [DecodedRecord] {
    let configuration = try DecodedRecord.catalog()
    var decoder = EventDecoder(catalog: configuration, format: .auto)
    var records: [DecodedRecord] = []
    try forEach(form) { record, bytes in
      var event = DecodedEvent()
      let bad = decoder.decode(
        EventRecord(value: record.isNull ? nil : bytes, key: record.key, checksKey: true), into: &event)
      records.append(
        DecodedRecord(
          kind: record.kind, isOutOfOrder: record.isOutOfOrder, reason: bad?.reason, behavior: event.behavior,
          user: bad == nil ? String(decoding: event.user, as: UTF8.self) : "",
          event: bad == nil ? String(decoding: event.eventID, as: UTF8.self) : ""))
    }
    return records
  }
}

struct DecodedRecord {
  let kind: SynthRecord.Kind
  let isOutOfOrder: Bool
  let reason: BadRecord.Reason?
  let behavior: Behavior
  let user: String
  let event: String
}
