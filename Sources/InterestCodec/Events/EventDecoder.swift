import InterestModel

/// Records to events that count: the only way into the state, from files as from Kafka. Owned by one thread; its memory is reused, so
/// that a good record allocates nothing.
public struct EventDecoder: ~Copyable, Sendable {
  private var reader: BehaviorReader
  private let types: TypeTable

  /// - Parameters:
  ///   - maximumSkew_ms: how far an event's time may lie after its record's timestamp; not negative.
  ///   - maximumRecordBytes: longer values are bad.
  public init(
    catalog: BehaviorCatalog, format: EventFormat, maximumSkew_ms: Int64 = 86_400_000, maximumRecordBytes: Int = 1 << 20
  ) {
    reader = BehaviorReader(format: format, maximumSkew_ms: maximumSkew_ms, maximumRecordBytes: maximumRecordBytes)
    types = TypeTable(catalog)
  }

  /// Of the records that follow; a file's name pins it.
  public var format: EventFormat {
    get { reader.format }
    set { reader.format = newValue }
  }

  /// Nil where the record is good; otherwise the event is not to be used.
  public mutating func decode(_ record: EventRecord, into event: inout DecodedEvent) -> BadRecord? {
    var fields = BehaviorFields()
    if let bad = reader.read(record, into: &fields) { return bad }
    let code = types.code(of: fields.type)
    event.isErasure = code == 0 && fields.isErasure
    guard code != 0 || event.isErasure else { return RecordRules.unknownType(fields.type) }
    var behavior = Behavior()
    behavior.time_ms = fields.time_ms
    behavior.shop = FeatureID.of(fields.shop)
    behavior.item = FeatureID.of(fields.item)
    behavior.spend_micros = fields.spend_micros
    behavior.dwell_ms = fields.dwell_ms
    behavior.type = code
    event.behavior = behavior
    event.user = fields.user
    event.eventID = fields.eventID
    return nil
  }
}
