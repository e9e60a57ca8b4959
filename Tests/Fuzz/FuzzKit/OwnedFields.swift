import InterestCodec
import InterestModel

/// What decoding made of a record, with copies of all that is borrowed.
public enum Outcome: Equatable {
  case good(
    time_ms: Int64, shop: UInt64, item: UInt64, spend_micros: Int64, dwell_ms: UInt32, type: UInt8, ids: [[UInt8]])
  case bad(BadRecord)

  init(_ bad: BadRecord?, _ event: DecodedEvent) {
    if let bad {
      self = .bad(bad)
    } else {
      let behavior = event.behavior
      self = .good(
        time_ms: behavior.time_ms, shop: behavior.shop, item: behavior.item, spend_micros: behavior.spend_micros,
        dwell_ms: behavior.dwell_ms, type: behavior.type, ids: [Array(event.user), Array(event.eventID)])
    }
  }

  public var reason: BadRecord.Reason? {
    guard case .bad(let bad) = self else { return nil }
    return bad.reason
  }
}

/// The fields of a record that is good, owned.
struct OwnedFields: Equatable {
  var user, shop, type, eventID, item: [UInt8]
  var time_ms: Int64
  var dwell_ms: UInt32
  var spend_micros: Int64

  init(_ fields: BehaviorFields) {
    user = Array(fields.user)
    shop = Array(fields.shop)
    type = Array(fields.type)
    eventID = Array(fields.eventID)
    item = Array(fields.item)
    (time_ms, dwell_ms, spend_micros) = (fields.time_ms, fields.dwell_ms, fields.spend_micros)
  }

  /// The event contract (DESIGN.md section 4), but for the catalog.
  var keepsRules: Bool {
    let isErasure = type == Array("$erase".utf8)
    let ids = [user, shop, type, eventID, item]
    return ids.allSatisfy { $0.count <= 255 && String(validating: $0, as: UTF8.self) != nil }
      && !user.isEmpty && !type.isEmpty && (isErasure || !shop.isEmpty) && (1...4_102_444_799_999).contains(time_ms)
  }
}
