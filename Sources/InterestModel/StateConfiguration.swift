/// What a state is folded and read by. A state directory remembers it and refuses another (DESIGN.md section 6).
public struct StateConfiguration: Equatable, Sendable {
  public let catalog: BehaviorCatalog
  /// K: how many of a group's most recent behaviors are kept; 1...`maximumKeptBehaviors`.
  public let keptBehaviors: Int
  /// Lengths in days of the windows that a sequence counts events of, ascending; each 1...`countedDays`.
  public let windows_days: [Int]

  public static var maximumKeptBehaviors: Int { 255 }
  /// Events are counted per calendar day for so many days back from a group's newest event.
  @inlinable public static var countedDays: Int { 32 }
  @inlinable public static var day_ms: Int64 { 86_400_000 }

  public init(catalog: BehaviorCatalog, keptBehaviors: Int = 32, windows_days: [Int] = [1, 7, 30]) {
    precondition((1...Self.maximumKeptBehaviors).contains(keptBehaviors))
    precondition(windows_days.allSatisfy { (1...Self.countedDays).contains($0) })
    self.catalog = catalog
    self.keptBehaviors = keptBehaviors
    self.windows_days = windows_days
  }
}
