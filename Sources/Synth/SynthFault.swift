/// What can be wrong with a record, one way for each thing that the event contract refuses.
public enum SynthFault: UInt8, CaseIterable, Sendable {
  case garbage, truncated, unknownType, emptyUser, longShop, earlyTime, lateTime, invalidUTF8, badDwell
  /// Only what goes to Kafka can have these.
  case nullValue, nullKey, otherKey

  static let ofValues = allCases.prefix { $0 != .nullValue }
}
