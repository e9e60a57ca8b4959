/// Times as RFC 3339 has them: `2026-01-31T12:00:00Z`, with a fraction and an offset as wanted. Foundation's parser takes the 25th hour,
/// the 31st of September, and whatever follows a time.
enum RFC3339 {
  /// Unix milliseconds, of which a fraction is cut off; nil: the text is no such time.
  static func time_ms(_ text: String) -> Int64? {
    var rest = text.utf8[...]
    guard let day_ms = Day.begin_ms(String(text.prefix(10))) else { return nil }
    rest.removeFirst(10)
    guard take(&rest, "Tt "), let hour = number(&rest, upTo: 23), take(&rest, ":"),
      let minute = number(&rest, upTo: 59), take(&rest, ":"), let second = number(&rest, upTo: 60),
      let fraction_ms = fraction(&rest), let offset_minutes = offset(&rest), rest.isEmpty
    else { return nil }
    return day_ms + ((hour * 60 + minute - offset_minutes) * 60 + second) * 1000 + fraction_ms
  }

  private static func take(_ rest: inout Substring.UTF8View, _ allowed: StaticString) -> Bool {
    let isThere = allowed.withUTF8Buffer { allowed in rest.first.map { allowed.contains($0) } ?? false }
    if isThere { rest.removeFirst() }
    return isThere
  }

  private static func digit(_ rest: inout Substring.UTF8View) -> Int64? {
    guard let digit = rest.first.map({ Int64($0) - 48 }), (0...9).contains(digit) else { return nil }
    rest.removeFirst()
    return digit
  }

  /// Of two digits.
  private static func number(_ rest: inout Substring.UTF8View, upTo most: Int64) -> Int64? {
    guard let tens = digit(&rest), let ones = digit(&rest), tens * 10 + ones <= most else { return nil }
    return tens * 10 + ones
  }

  private static func fraction(_ rest: inout Substring.UTF8View) -> Int64? {
    if !take(&rest, ".") { return 0 }
    guard let tenths = digit(&rest) else { return nil }
    let milliseconds = tenths * 100 + (digit(&rest) ?? 0) * 10 + (digit(&rest) ?? 0)
    while digit(&rest) != nil {}
    return milliseconds
  }

  /// Minutes that the time is ahead of UTC.
  private static func offset(_ rest: inout Substring.UTF8View) -> Int64? {
    if take(&rest, "Zz") { return 0 }
    let isBehind = rest.first == UInt8(ascii: "-")
    guard take(&rest, "+-"), let hours = number(&rest, upTo: 23), take(&rest, ":"),
      let minutes = number(&rest, upTo: 59)
    else { return nil }
    return (isBehind ? -1 : 1) * (hours * 60 + minutes)
  }
}
