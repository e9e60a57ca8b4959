import InterestModel

/// A state configuration with all four categories, one of them twice, and codes at both ends.
public enum TestConfiguration {
  public static func make(keptBehaviors: Int = 32, windows_days: [Int] = [1, 7, 30]) -> StateConfiguration {
    StateConfiguration(catalog: catalog, keptBehaviors: keptBehaviors, windows_days: windows_days)
  }

  // The entries are right by the eye: the catalog's own tests show what it refuses.
  private static let catalog: BehaviorCatalog = {
    let entries = [
      ("click", 1, Category.weak), ("favorite", 2, .strong), ("menu", 7, .weak), ("order", 128, .payment),
      ("leave", 255, .negative),
    ]
    guard
      let catalog = try? BehaviorCatalog(
        entries.map { BehaviorCatalog.Entry(type: $0.0, code: UInt8($0.1), category: $0.2) })
    else { preconditionFailure("the catalog of the tests is none") }
    return catalog
  }()
}

/// Seeded behaviors of one user that make ties, refunds and extremes likely.
public struct BehaviorMaker {
  public var random: SeededGenerator
  private let codes: [UInt8]

  public init(seed: UInt64, _ configuration: StateConfiguration) {
    random = SeededGenerator(seed: seed)
    codes = configuration.catalog.entries.map(\.code)
  }

  /// - Parameters:
  ///   - groups: Group ids are drawn from so many, 0 and the largest id among them.
  ///   - span_days: Times lie in so many days; 0: all at one moment.
  public mutating func behaviors(_ count: Int, groups: Int, span_days: Int64) -> [Behavior] {
    let ids = (0..<groups).map { index -> UInt32 in
      switch index {
      case 0: 0
      case 1: .max
      default: UInt32.random(in: 1...20_000, using: &random)
      }
    }
    let start_ms = span_days == 0 ? 1 : Int64.random(in: 1...1_600_000_000_000, using: &random)
    // Few moments and few shops: many behaviors differ only in what the total order compares last.
    let moments = (0..<max(count / 3, 1)).map { _ in
      start_ms + Int64.random(in: 0...span_days * 86_400_000, using: &random)
    }
    let shops = [0, 1, 1 << 63, .max] + (0..<6).map { _ in random.next() }
    return (0..<count).map { _ in
      var behavior = Behavior()
      behavior.time_ms = moments.randomElement(using: &random) ?? 1
      behavior.shop = shops.randomElement(using: &random) ?? 0
      behavior.group = ids.randomElement(using: &random) ?? 0
      behavior.type = codes.randomElement(using: &random) ?? 1
      behavior.dwell_ms = pick([0, 0, 1, 2000, .max])
      behavior.spend_micros = pick([0, 0, 1, -1, 12_500_000, -12_500_000, .max, .min])
      behavior.item = pick([0, 0, 1, .max])
      return behavior
    }
  }

  private mutating func pick<Number>(_ choices: [Number]) -> Number {
    choices[Int.random(in: 0..<choices.count, using: &random)]
  }
}
