import NearestName

extension Option.Kind {
  /// What is wrong with `text` as a value of this kind, to be read behind the option's name; or nil.
  func refusal(of text: String) -> String? {
    if case .checked(let refusal) = self { return refusal(text).map { "is refused: \(printable($0))" } }
    return accepts(text) ? nil : "needs \(need), not '\(quotable(text))'"
  }

  private func accepts(_ text: String) -> Bool {
    switch self {
    case .flag, .text, .checked: true
    case .integer(let range): parsedInteger(text).map(range.contains) ?? false
    case .number(let range): parsedNumber(text).map(range.contains) ?? false
    case .duration_ms(let range): parsedDuration_ms(text).map(range.contains) ?? false
    case .choice(let choices): choices.contains(text)
    }
  }

  /// What a value must be.
  private var need: String {
    switch self {
    case .flag: "no value"
    case .text, .checked: "a text"
    case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .number(let range): "a number from \(range.lowerBound) to \(range.upperBound)"
    case .duration_ms(let range):
      "a time from \(written(duration_ms: range.lowerBound)) to \(written(duration_ms: range.upperBound)), "
        + "with its unit: ms, s, m, h or d"
    case .choice(let choices): "one of " + choices.joined(separator: ", ")
    }
  }

  /// The value that `text` was most likely meant to be.
  func suggestion(for text: String) -> String? {
    guard case .choice(let choices) = self else { return nil }
    return nearestName(to: text, among: choices)
  }
}

/// Decimal digits with an optional minus; nil for anything else or beyond 64 bits.
func parsedInteger(_ text: String) -> Int? {
  text.first == "+" ? nil : Int(text)
}

/// A finite decimal number such as `0.25` or `1e-3`.
func parsedNumber(_ text: String) -> Double? {
  let isDecimal = text.utf8.allSatisfy { (48...57).contains($0) || ".eE+-".utf8.contains($0) }
  guard isDecimal, let value = Double(text), value.isFinite else { return nil }
  return value
}

private let units_ms: [(suffix: String, length_ms: Int)] = [
  ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
]

/// A whole number followed by its unit, in milliseconds; nil for anything else or beyond 64 bits.
func parsedDuration_ms(_ text: String) -> Int? {
  let digits = text.prefix { ("0"..."9").contains($0) }
  guard let count = Int(digits), let unit = units_ms.first(where: { $0.suffix == text.dropFirst(digits.count) })
  else { return nil }
  let (length_ms, overflow) = count.multipliedReportingOverflow(by: unit.length_ms)
  return overflow ? nil : length_ms
}

/// In the largest unit that gives a whole number.
func written(duration_ms: Int) -> String {
  guard duration_ms != 0, let unit = units_ms.last(where: { duration_ms % $0.length_ms == 0 }) else { return "0ms" }
  return "\(duration_ms / unit.length_ms)\(unit.suffix)"
}
