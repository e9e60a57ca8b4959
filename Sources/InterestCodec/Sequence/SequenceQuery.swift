import InterestModel

/// Which groups of a user a lookup returns, and how much of each (DESIGN.md section 9).
public struct SequenceQuery: Hashable, Sendable {
  public enum Order: String, CaseIterable, Sendable {
    /// The groups with the newest behaviors.
    case recency
    /// The groups with the most behaviors.
    case frequency
  }

  /// Groups at most; nil: all.
  public var groups: Int?
  /// Behaviors of each group at most; nil: all that are kept.
  public var behaviors: Int?
  public var order: Order
  /// Unix milliseconds from whose day the windows count back; nil: the user's newest event.
  public var asOf_ms: Int64?
  /// The generation that is to answer; nil: the one that is served.
  public var generation: UInt32?
  public var fields: SequenceFields

  public static var defaultGroups: Int { 100 }
  public static var maximumGroups: Int { 100_000 }

  public init(
    groups: Int? = SequenceQuery.defaultGroups, behaviors: Int? = nil, order: Order = .recency, asOf_ms: Int64? = nil,
    generation: UInt32? = nil, fields: SequenceFields = .all
  ) {
    self.groups = groups
    self.behaviors = behaviors
    self.order = order
    self.asOf_ms = asOf_ms
    self.generation = generation
    self.fields = fields
  }

  /// Whether the answer has columns of behaviors.
  public var hasBehaviors: Bool { behaviors != 0 && !fields.isDisjoint(with: .behaviors) }

  /// A user's whole sequence, uncut.
  public static var everything: SequenceQuery { SequenceQuery(groups: nil) }
}

/// Why a stored state gives no sequence.
public enum SequenceError: Error, Equatable, Sendable {
  /// Its bytes cannot be read; reading the partition again from Kafka mends it.
  case damaged
  /// `as_of` lies before the day of the user's newest event, whose windows are gone.
  case asOfTooEarly(newest_ms: Int64)
}
