/// What of a sequence is answered. A group's id is in every answer; what is left out is not computed either.
public struct SequenceFields: OptionSet, Hashable, Sendable {
  public let rawValue: UInt16

  @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// All behaviors of a group.
  public static let events = SequenceFields(rawValue: 1 << 0)
  /// Behaviors per category.
  public static let counts = SequenceFields(rawValue: 1 << 1)
  public static let dwell = SequenceFields(rawValue: 1 << 2)
  public static let spend = SequenceFields(rawValue: 1 << 3)
  /// First and last.
  public static let times = SequenceFields(rawValue: 1 << 4)
  public static let windows = SequenceFields(rawValue: 1 << 5)
  public static let behaviorTime = SequenceFields(rawValue: 1 << 6)
  public static let behaviorShop = SequenceFields(rawValue: 1 << 7)
  public static let behaviorType = SequenceFields(rawValue: 1 << 8)
  public static let behaviorDwell = SequenceFields(rawValue: 1 << 9)
  public static let behaviorSpend = SequenceFields(rawValue: 1 << 10)
  public static let behaviorItem = SequenceFields(rawValue: 1 << 11)

  /// What is known of each kept behavior.
  public static let behaviors: SequenceFields = [
    .behaviorTime, .behaviorShop, .behaviorType, .behaviorDwell, .behaviorSpend, .behaviorItem,
  ]
  public static let statistics: SequenceFields = [.events, .counts, .dwell, .spend, .times, .windows]
  public static let all: SequenceFields = statistics.union(behaviors)

  /// As requests name them; the number is that of `Field` in `Schemas/interest/v1/service.proto`.
  public static let names: [(name: String, number: Int, fields: SequenceFields)] = [
    ("events", 1, .events), ("counts", 2, .counts), ("dwell", 3, .dwell), ("spend", 4, .spend), ("times", 5, .times),
    ("windows", 6, .windows), ("behaviors", 7, .behaviors), ("behavior_time", 8, .behaviorTime),
    ("behavior_shop", 9, .behaviorShop), ("behavior_type", 10, .behaviorType), ("behavior_dwell", 11, .behaviorDwell),
    ("behavior_spend", 12, .behaviorSpend), ("behavior_item", 13, .behaviorItem),
  ]
}
