import Bytes

extension ByteBuffer {
  /// Unix milliseconds as RFC 3339 in UTC: `2026-01-02T03:04:05.678Z`. For the years 0 to 9999.
  public mutating func append(timestamp time_ms: Int64) {
    let day_ms: Int64 = 86_400_000
    let day = (time_ms >= 0 ? time_ms : time_ms - day_ms + 1) / day_ms
    let rest = time_ms - day * day_ms
    let (year, month, dayOfMonth) = Self.civil(day)
    append(year, digits: 4)
    append("-")
    append(month, digits: 2)
    append("-")
    append(dayOfMonth, digits: 2)
    append("T")
    append(rest / 3_600_000, digits: 2)
    append(":")
    append(rest / 60_000 % 60, digits: 2)
    append(":")
    append(rest / 1_000 % 60, digits: 2)
    append(".")
    append(rest % 1_000, digits: 3)
    append("Z")
  }

  private mutating func append(_ value: Int64, digits: Int) {
    var divisor: Int64 = 1
    for _ in 1..<digits { divisor *= 10 }
    while divisor > 0 {
      append(UInt8(truncatingIfNeeded: (value / divisor % 10).magnitude) + 48)
      divisor /= 10
    }
  }

  /// The Gregorian date of a day since 1970-01-01, by eras of 400 years that begin in March, so that a leap day comes last
  /// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
  private static func civil(_ day: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = day + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
  }
}
