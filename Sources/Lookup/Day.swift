import Foundation

/// Days of UTC as people write them: `2026-01-31`.
enum Day {
  private static let style = Date.ISO8601FormatStyle().year().month().day()

  /// Unix milliseconds at which a day begins; nil: the text is no day.
  static func begin_ms(_ text: String) -> Int64? {
    guard let date = try? style.parse(text) else { return nil }
    let begin_ms = Int64(date.timeIntervalSince1970 * 1000)
    // The parser takes the 31st of September, and whatever follows a day.
    return Self.text(of: begin_ms) == text ? begin_ms : nil
  }

  static func text(of time_ms: Int64) -> String {
    style.format(Date(timeIntervalSince1970: Double(time_ms) / 1000))
  }
}
