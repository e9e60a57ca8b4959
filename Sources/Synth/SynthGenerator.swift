import Bytes
import InterestCodec

/// How records are written.
public enum SynthForm: Sendable {
  /// Files: JSON with a line feed, Protobuf after its length.
  case jsonLine, delimitedProtobuf
  /// Kafka: the value alone; keys and null values can be wrong too.
  case json, protobuf

  var isForKafka: Bool { self == .json || self == .protobuf }
  var isJSON: Bool { self == .json || self == .jsonLine }
}

/// A record that has just been appended.
public struct SynthRecord {
  public enum Kind: Equatable, Sendable {
    case behavior
    /// The same bytes as an earlier record.
    case duplicate
    case bad(SynthFault)
  }

  public let kind: Kind
  /// Whether its time lies before an earlier record's, other than as a duplicate.
  public let isOutOfOrder: Bool
  /// The key for Kafka; nil: null. Good until the generator's next call.
  public let key: UnsafeRawBufferPointer?
  /// Whether the value for Kafka is null; nothing has been appended then.
  public let isNull: Bool
}

/// Seeded behaviors (DESIGN.md section 4): users and shops by power laws, two thirds of behaviors on shops that the user has seen before, all
/// four categories, dwell and spend, over 2024. Users are "000000000000" (the most active one) and on, shops "1" and on.
///
/// Pure: no I/O, no clock. Forms other than the one written do not change what is told of. Takes 64 bytes of memory a user.
public struct SynthGenerator: ~Copyable {
  public let options: SynthOptions
  private var random: SynthRandom
  private var behaviors: SynthBehaviors
  private var encoder = SynthEncoder()
  private var written: UInt64 = 0
  /// The last records that were neither bad nor duplicates, for duplicates to repeat; a ring.
  private var recent: [SynthBehavior] = []
  private var recentCount: UInt64 = 0
  private var current = SynthBehavior()
  private var newest_ms: Int64 = 0

  private static let recentLimit: UInt64 = 1_024

  public init(_ options: SynthOptions) throws(SynthOptionsError) {
    try options.validate()
    self.options = options
    random = SynthRandom(seed: options.seed)
    behaviors = SynthBehaviors(options)
    if options.duplicateShare > 0 { recent = .init(repeating: SynthBehavior(), count: Int(Self.recentLimit)) }
  }

  /// How many records there have been.
  public var count: Int { Int(written) }

  /// Appends the next record; nil after the last one.
  public mutating func appendNext(_ form: SynthForm, to buffer: inout ByteBuffer) -> SynthRecord? {
    if written >= UInt64(options.events) { return nil }
    defer { written += 1 }
    let odds = options.badShare + options.duplicateShare > 0 ? random.fraction() : 1
    if odds >= options.badShare && odds < options.badShare + options.duplicateShare && recentCount > 0 {
      let index = Int(random.below(min(recentCount, Self.recentLimit)))
      return record(.duplicate, recent[index], isOutOfOrder: false, form, &buffer)
    }
    let isOutOfOrder = behaviors.next(written, newest_ms: newest_ms, &random, into: &current)
    if odds < options.badShare {
      let faults = SynthFault.allCases.prefix(form.isForKafka ? SynthFault.allCases.count : SynthFault.ofValues.count)
      return bad(faults[Int(random.below(UInt64(faults.count)))], form, &buffer)
    }
    if options.duplicateShare > 0 {
      recent[Int(recentCount % Self.recentLimit)] = current
      recentCount += 1
    }
    newest_ms = max(newest_ms, current.time_ms)
    return record(.behavior, current, isOutOfOrder: isOutOfOrder, form, &buffer)
  }

  private mutating func record(
    _ kind: SynthRecord.Kind, _ behavior: SynthBehavior, isOutOfOrder: Bool, _ form: SynthForm,
    _ buffer: inout ByteBuffer
  ) -> SynthRecord {
    let fields = encoder.fields(behavior)
    SynthEncoder.append(fields, form, to: &buffer)
    return SynthRecord(kind: kind, isOutOfOrder: isOutOfOrder, key: fields.user, isNull: false)
  }

  private mutating func bad(_ fault: SynthFault, _ form: SynthForm, _ buffer: inout ByteBuffer) -> SynthRecord {
    let key = encoder.fields(current).user
    encoder.appendBad(fault, current, form, to: &buffer)
    return SynthRecord(
      kind: .bad(fault), isOutOfOrder: false,
      key: fault == .nullKey ? nil : fault == .otherKey ? encoder.otherKey : key, isNull: fault == .nullValue)
  }
}
