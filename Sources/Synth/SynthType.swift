import InterestModel

/// The behavior types generated, in all four categories.
struct SynthType {
  let name: StaticString
  let code: UInt8
  let category: Category
  /// Of 100 behaviors.
  let share_percent: Int
  /// Longest dwell; 0: none is reported.
  let dwell_ms: UInt32
  let isPaid: Bool
  let hasItem: Bool

  static let all = [
    SynthType("click", 1, .weak, 46, dwell_ms: 60_000), SynthType("view_menu", 2, .weak, 20, dwell_ms: 180_000),
    SynthType("add_to_cart", 3, .strong, 10, hasItem: true),
    SynthType("order", 4, .payment, 7, isPaid: true, hasItem: true), SynthType("pay", 5, .payment, 5, isPaid: true),
    SynthType("skip", 6, .negative, 8, dwell_ms: 2_000), SynthType("favorite", 7, .strong, 2),
    SynthType("review", 8, .strong, 2, dwell_ms: 120_000),
  ]

  private init(
    _ name: StaticString, _ code: UInt8, _ category: Category, _ share_percent: Int, dwell_ms: UInt32 = 0,
    isPaid: Bool = false, hasItem: Bool = false
  ) {
    self.name = name
    self.code = code
    self.category = category
    self.share_percent = share_percent
    self.dwell_ms = dwell_ms
    self.isPaid = isPaid
    self.hasItem = hasItem
  }
}

extension SynthOptions {
  /// A whole configuration for what is generated: everything else has a default.
  public static var configurationText: String {
    "behaviors:\n"
      + SynthType.all.map { "  - { type: \($0.name), code: \($0.code), category: \($0.category.name) }\n" }.joined()
  }
}
