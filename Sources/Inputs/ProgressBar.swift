import Glibc

/// A line on a terminal that says how far an input is read, drawn over itself; nothing where stderr is not a terminal.
public struct ProgressBar: ~Copyable {
  private static let redraw_ns: UInt64 = 100_000_000

  private let descriptor: Int32
  private let isShown: Bool
  private let start_ns: UInt64
  private var drawn_ns: UInt64?
  private let skipped_bytes: UInt64
  private let skippedRecords: UInt64

  /// - Parameters:
  ///   - now_ns: Of a monotonic clock, here and everywhere.
  ///   - used_bytes, records: What was passed over in resuming.
  ///   - isShown: Draws to a descriptor that is no terminal, too; nil: where it is a terminal.
  public init(
    now_ns: UInt64, used_bytes: UInt64 = 0, records: UInt64 = 0, descriptor: Int32 = STDERR_FILENO,
    isShown: Bool? = nil
  ) {
    self.descriptor = descriptor
    self.isShown = isShown ?? (isatty(descriptor) == 1)
    start_ns = now_ns
    skipped_bytes = used_bytes
    skippedRecords = records
  }

  /// Whether an `update` now would draw: ask before gathering what it shows.
  public func isDue(now_ns: UInt64) -> Bool {
    guard isShown else { return false }
    guard let drawn_ns else { return true }
    return now_ns >= drawn_ns + Self.redraw_ns
  }

  /// Draws, at most 10 times a second.
  public mutating func update(
    _ title: String, used_bytes: UInt64, size_bytes: UInt64?, records: UInt64, now_ns: UInt64
  ) {
    guard isDue(now_ns: now_ns) else { return }
    drawn_ns = now_ns
    var line = ProgressLine(
      title: title, used_bytes: used_bytes, size_bytes: size_bytes, records: records,
      elapsed_s: Double(now_ns - start_ns) / 1e9)
    line.skipped_bytes = skipped_bytes
    line.skippedRecords = skippedRecords
    write("\r\u{1B}[K\(line.text(width: columns - 1))")
  }

  /// Takes the line off the terminal.
  public mutating func clear() {
    guard drawn_ns != nil else { return }
    drawn_ns = nil
    write("\r\u{1B}[K")
  }

  private var columns: Int {
    var size = winsize()
    return ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
  }

  /// A terminal that does not take it misses a redraw.
  private func write(_ text: String) {
    var text = text
    text.withUTF8 { _ = Glibc.write(descriptor, $0.baseAddress, $0.count) }
  }
}
