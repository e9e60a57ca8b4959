/// What a progress bar shows, as text: no clock, no terminal.
public struct ProgressLine: Sendable {
  /// What is being read.
  public var title: String
  public var used_bytes: UInt64
  /// Nil where it is not known: no bar then, and no time left.
  public var size_bytes: UInt64?
  public var records: UInt64
  public var elapsed_s: Double
  /// Bytes that were passed over before the work began: they say nothing of its speed.
  public var skipped_bytes: UInt64 = 0
  /// Records that were counted before.
  public var skippedRecords: UInt64 = 0

  public init(title: String, used_bytes: UInt64, size_bytes: UInt64?, records: UInt64, elapsed_s: Double) {
    self.title = title
    self.used_bytes = used_bytes
    self.size_bytes = size_bytes
    self.records = records
    self.elapsed_s = elapsed_s
  }

  /// At most `width` columns: the title gives way first, then the bar.
  public func text(width: Int) -> String {
    let figures = figures
    guard let fraction else { return fit("\(title)  \(Self.bytes(used_bytes))  \(figures)", width) }
    let percent = "\(Int(fraction * 100))%"
    let tail = "\(String(repeating: " ", count: 4 - percent.count))\(percent)  \(figures)"
    let room = width - tail.count - 1
    let title = room >= 36 ? Self.shortened(self.title, to: min(24, room - 12)) + " " : ""
    let bar = min(room - title.count - 2, 40)
    guard bar >= 8 else { return fit(tail, width) }
    let filled = Int(fraction * Double(bar))
    return "\(title)[\(String(repeating: "#", count: filled))\(String(repeating: ".", count: bar - filled))] \(tail)"
  }

  private var fraction: Double? {
    guard let size_bytes, size_bytes > 0 else { return nil }
    return min(Double(used_bytes) / Double(size_bytes), 1)
  }

  private var figures: String {
    var figures = "\(Self.grouped(records)) records"
    guard elapsed_s > 0 else { return figures }
    let done = records - min(skippedRecords, records)
    figures += "  \(Self.grouped(UInt64(Double(done) / elapsed_s)))/s"
    let read = used_bytes - min(skipped_bytes, used_bytes)
    guard let size_bytes, size_bytes >= used_bytes, read > 0 else { return figures }
    return figures + "  ETA \(Self.time(Double(size_bytes - used_bytes) / Double(read) * elapsed_s))"
  }

  private func fit(_ text: String, _ width: Int) -> String { String(text.prefix(max(width, 0))) }

  /// The end says more than the beginning: it has the file's name.
  private static func shortened(_ text: String, to width: Int) -> String {
    text.count <= width ? text : "..." + text.suffix(max(width - 3, 0))
  }

  /// 1234567: 1,234,567
  static func grouped(_ value: UInt64) -> String {
    let digits = String(value)
    var grouped = ""
    for (index, digit) in digits.enumerated() {
      if index > 0 && (digits.count - index) % 3 == 0 { grouped.append(",") }
      grouped.append(digit)
    }
    return grouped
  }

  /// In the largest unit that leaves at least 1, with one digit behind the point.
  static func bytes(_ value: UInt64) -> String {
    var tenths = Double(value) * 10
    for unit in ["B", "KiB", "MiB", "GiB"] {
      if tenths < 10_240 { return unit == "B" ? "\(value) B" : "\(tenth(tenths)) \(unit)" }
      tenths /= 1_024
    }
    return "\(tenth(tenths)) TiB"
  }

  private static func tenth(_ tenths: Double) -> String {
    let whole = UInt64(tenths)
    return "\(whole / 10).\(whole % 10)"
  }

  /// 61 s: 1:01; an hour and more: 1:00:00.
  static func time(_ seconds: Double) -> String {
    let all = UInt64(min(max(seconds, 0), 359_999).rounded())
    let (hours, minutes) = (all / 3_600, all / 60 % 60)
    func two(_ value: UInt64) -> String { value < 10 ? "0\(value)" : "\(value)" }
    return hours > 0 ? "\(hours):\(two(minutes)):\(two(all % 60))" : "\(minutes):\(two(all % 60))"
  }
}
