import InterestCodec
import InterestModel

/// Reads the parameters of a lookup from text, whether they come from a query string or from a command line.
public enum QueryParameters {
  /// Nil parameters are left at their defaults; no fields are all of them, as in Protobuf.
  public static func query(
    groups: String? = nil, behaviors: String? = nil, order: String? = nil, asOf: String? = nil,
    generation: String? = nil, fields: String? = nil
  ) throws(LookupError) -> SequenceQuery {
    var query = SequenceQuery()
    if let groups { query.groups = try integer(groups, "groups", 0...SequenceQuery.maximumGroups) }
    if let behaviors {
      query.behaviors = try integer(behaviors, "behaviors", 0...StateConfiguration.maximumKeptBehaviors)
    }
    if let order {
      guard let known = SequenceQuery.Order(rawValue: order) else {
        let names = SequenceQuery.Order.allCases.map(\.rawValue).joined(separator: " or ")
        throw LookupError(.badRequest, "'\(order)' is not \(names)", parameter: "order")
      }
      query.order = known
    }
    if let asOf { query.asOf_ms = try time(asOf) }
    if let generation {
      query.generation = UInt32(try integer(generation, "generation", 1...Int(UInt32.max)))
    }
    if let fields, !fields.isEmpty {
      query.fields = try Self.fields(fields.split(separator: ",", omittingEmptySubsequences: false))
    }
    return query
  }

  private static func fields(_ names: [Substring]) throws(LookupError) -> SequenceFields {
    var fields = SequenceFields()
    for name in names {
      guard let known = SequenceFields.names.first(where: { $0.name == name }) else {
        throw LookupError(
          .badRequest,
          "'\(name)' is not one of \(SequenceFields.names.map(\.name).joined(separator: ", "))", parameter: "fields")
      }
      fields.formUnion(known.fields)
    }
    return fields
  }

  private static func integer(_ text: String, _ name: String, _ range: ClosedRange<Int>) throws(LookupError) -> Int {
    guard let value = Int(text), range.contains(value), text.utf8.first != UInt8(ascii: "+") else {
      throw LookupError(
        .badRequest, "'\(text)' is not a whole number in \(range.lowerBound)...\(range.upperBound)", parameter: name)
    }
    return value
  }

  /// Unix milliseconds, a day (of UTC, from its beginning), or RFC 3339 with or without a fraction.
  private static func time(_ text: String) throws(LookupError) -> Int64 {
    let number = text.utf8.first == UInt8(ascii: "+") ? nil : Int64(text)
    guard let time_ms = number ?? Day.begin_ms(text) ?? RFC3339.time_ms(text), Behavior.times_ms.contains(time_ms)
    else {
      throw LookupError(
        .badRequest,
        "'\(text)' is no day like 2026-01-31, no time like 2026-01-31T12:00:00Z, and not Unix milliseconds before the year 2100",
        parameter: "as_of")
    }
    return time_ms
  }
}
