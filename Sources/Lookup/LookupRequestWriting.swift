import Bytes
import InterestCodec

/// What `LookupRequest.read` reads. Every parameter is written, so that the reader's defaults do not count.
extension LookupRequest {
  public static func writeGetGroups(
    user: UnsafeRawBufferPointer, shops: borrowing ByteStrings, _ query: SequenceQuery, into output: inout ByteBuffer
  ) {
    output.append(field: 1, message: user)
    for index in 0..<shops.count { output.append(field: 2, message: shops[index]) }
    append(query, field: 3, to: &output)
  }

  /// The users of `users` at `indices`.
  public static func writeBatchGetSequences(
    users: borrowing ByteStrings, at indices: [Int], _ query: SequenceQuery, into output: inout ByteBuffer
  ) {
    for index in indices { output.append(field: 1, message: users[index]) }
    append(query, field: 2, to: &output)
  }

  private static func append(_ query: SequenceQuery, field: Int, to output: inout ByteBuffer) {
    var selection = ByteBuffer(capacity: 64)
    func append(_ field: Int, _ value: UInt64?) {
      guard let value else { return }
      selection.append(tag: field, wireType: 0)
      selection.append(varint: value)
    }
    append(1, UInt64(query.groups ?? SequenceQuery.maximumGroups))
    append(2, query.behaviors.map { UInt64($0) })
    append(3, query.order == .recency ? 1 : 2)
    append(4, query.generation.map { UInt64($0) })
    append(5, query.asOf_ms.map { UInt64(bitPattern: $0) })
    for number in query.fieldNumbers { append(6, UInt64(number)) }
    output.append(field: field, message: selection.bytes)
  }
}

extension SequenceQuery {
  /// The fewest of `SequenceFields.names` that name the fields; none where all are asked for.
  private var namedFields: [(name: String, number: Int, fields: SequenceFields)] {
    if fields == .all { return [] }
    let hasAllBehaviors = fields.isSuperset(of: .behaviors)
    return SequenceFields.names.filter { entry in
      guard fields.isSuperset(of: entry.fields) else { return false }
      return entry.fields == .behaviors || !hasAllBehaviors || entry.fields.isDisjoint(with: .behaviors)
    }
  }

  var fieldNumbers: [Int] { namedFields.map(\.number) }

  /// The query string of this query for `/v1/users/{user}/sequence`, from its `?` on.
  public var queryString: String {
    var text = "?groups=\(groups ?? Self.maximumGroups)&order=\(order.rawValue)"
    if let behaviors { text += "&behaviors=\(behaviors)" }
    if let asOf_ms { text += "&as_of=\(asOf_ms)" }
    if let generation { text += "&generation=\(generation)" }
    let names = namedFields.map(\.name)
    if !names.isEmpty { text += "&fields=\(names.joined(separator: ","))" }
    return text
  }
}
