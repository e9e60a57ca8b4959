import Bytes
import InterestCodec
import InterestModel

/// The requests of `interest.v1.InterestService` from their Protobuf bytes, and back for the instance that a lookup is forwarded to.
/// Memory is reused from request to request; an unknown field is skipped, and one that is absent has its default.
public struct LookupRequest: ~Copyable {
  /// `user_id` alone, or `user_ids`.
  public var users = ByteStrings()
  public var shops = ByteStrings()
  public var query = SequenceQuery()

  public enum Kind: Sendable { case getSequence, batchGetSequences, getGroups }

  public init() {}

  public mutating func clear() {
    users.clear()
    shops.clear()
    query = SequenceQuery()
  }

  /// Replaces what is here. `getSequence` and `getGroups` leave one user.
  public mutating func read(_ kind: Kind, _ bytes: UnsafeRawBufferPointer) throws(LookupError) {
    clear()
    let selection: UInt64 = kind == .getGroups ? 3 : 2
    var single = UnsafeRawBufferPointer(start: nil, count: 0)
    if let base = bytes.baseAddress {
      var reader = ByteReader(base.assumingMemoryBound(to: UInt8.self), count: bytes.count)
      while !reader.isAtEnd {
        let tag = reader.varint()
        switch (tag, kind) {
        case (1 << 3 | 2, .batchGetSequences):
          try Self.append(reader.bytes(reader.varint()), to: &users, limit: LookupLimits.users, "user_ids")
        case (1 << 3 | 2, _): single = reader.bytes(reader.varint())
        case (2 << 3 | 2, .getGroups):
          try Self.append(reader.bytes(reader.varint()), to: &shops, limit: LookupLimits.shops, "shop_ids")
        case (selection << 3 | 2, _): try readSelection(reader.bytes(reader.varint()))
        default: reader.skip(protobufTag: tag)
        }
      }
      if reader.failed { throw Self.malformed }
    }
    if kind != .batchGetSequences { users.append(single) }
    for index in 0..<users.count where !isUTF8(users[index]) {
      let name = kind == .batchGetSequences ? "user_ids[\(index)]" : "user_id"
      throw LookupError(.badRequest, "is not UTF-8", parameter: name)
    }
  }

  private static var malformed: LookupError {
    LookupError(.badRequest, "the request is cut short or no Protobuf message")
  }

  private static func append(
    _ id: UnsafeRawBufferPointer, to list: inout ByteStrings, limit: Int, _ name: String
  ) throws(LookupError) {
    guard list.count < limit else {
      throw LookupError(.badRequest, "more than \(limit) are asked for", parameter: name)
    }
    list.append(id)
  }

  /// A message that is there twice is one whose later fields count.
  private mutating func readSelection(_ bytes: UnsafeRawBufferPointer) throws(LookupError) {
    guard let base = bytes.baseAddress else { return }
    var reader = ByteReader(base.assumingMemoryBound(to: UInt8.self), count: bytes.count)
    var fields = SequenceFields()
    while !reader.isAtEnd {
      let tag = reader.varint()
      switch tag {
      case 1 << 3: query.groups = try Self.integer(reader.varint(), "groups", SequenceQuery.maximumGroups)
      case 2 << 3:
        query.behaviors = try Self.integer(reader.varint(), "behaviors", StateConfiguration.maximumKeptBehaviors)
      case 3 << 3: query.order = try Self.order(reader.varint())
      case 4 << 3: query.generation = UInt32(try Self.integer(reader.varint(), "generation", Int(UInt32.max)))
      case 5 << 3: query.asOf_ms = try Self.time(reader.varint())
      case 6 << 3: fields.formUnion(try Self.field(reader.varint()))
      case 6 << 3 | 2:
        let packed = reader.bytes(reader.varint())
        guard let base = packed.baseAddress else { continue }
        var numbers = ByteReader(base.assumingMemoryBound(to: UInt8.self), count: packed.count)
        while !numbers.isAtEnd { fields.formUnion(try Self.field(numbers.varint())) }
        if numbers.failed { throw Self.malformed }
      default: reader.skip(protobufTag: tag)
      }
    }
    if reader.failed { throw Self.malformed }
    if !fields.isEmpty { query.fields = query.fields == .all ? fields : query.fields.union(fields) }
  }

  private static func integer(_ value: UInt64, _ name: String, _ limit: Int) throws(LookupError) -> Int {
    guard value <= UInt64(limit) else {
      throw LookupError(.badRequest, "\(value) is not a whole number in 0...\(limit)", parameter: name)
    }
    return Int(value)
  }

  private static func order(_ number: UInt64) throws(LookupError) -> SequenceQuery.Order {
    switch number {
    case 0, 1: return .recency
    case 2: return .frequency
    default: throw LookupError(.badRequest, "there is no order \(number)", parameter: "order")
    }
  }

  private static func time(_ bits: UInt64) throws(LookupError) -> Int64 {
    let time_ms = Int64(bitPattern: bits)
    guard Behavior.times_ms.contains(time_ms) else {
      throw LookupError(
        .badRequest, "\(time_ms) is not Unix milliseconds before the year 2100", parameter: "as_of_ms")
    }
    return time_ms
  }

  private static func field(_ number: UInt64) throws(LookupError) -> SequenceFields {
    guard let known = SequenceFields.names.first(where: { UInt64($0.number) == number }) else {
      throw LookupError(.badRequest, "there is no field \(number)", parameter: "fields")
    }
    return known.fields
  }
}

/// Bounds of what one request may ask for, and be answered with.
public enum LookupLimits {
  /// Shops of a request for groups.
  public static var shops: Int { 1000 }
  /// Users of a batch.
  public static var users: Int { 1000 }
  /// Bytes of a batch's answers; users whose answers do not fit fail.
  public static var batch_bytes: Int { 24 << 20 }
}
