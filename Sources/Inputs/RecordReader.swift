import Bytes

/// Cuts an input into records, one after the other and without allocating for each.
///
///     var reader = try RecordReader(input, resumingAt: remembered)
///     while let frame = try reader.next() { use(frame.bytes) }
///     remember(reader.checkpoint())
public struct RecordReader: ~Copyable, @unchecked Sendable {  // owns all that it uses; moves between threads whole
  public let input: Input
  let limits: RecordLimits
  var window: ByteWindow
  /// Lines or records consumed.
  var number: UInt64
  /// The beginning of an oversized record.
  var prefix: ByteBuffer
  /// How far it is read while the window is ahead of that: inside an oversized record, or behind a line that was left.
  var held: Checkpoint?
  /// Before the unterminated last line.
  var beforeLast: Checkpoint?
  private var isBegun: Bool
  private var failure: InputError?

  /// Opens an input. Resuming, it is read up to the checkpoint, and refused (`changed`) if those bytes are not the same.
  ///
  /// - Parameter isInterrupted: Asked while waiting for an input that is no file, such as a pipe: true is its end.
  public init(
    _ input: Input, limits: RecordLimits = RecordLimits(), resumingAt checkpoint: Checkpoint? = nil,
    isInterrupted: @escaping @Sendable () -> Bool = { false }
  ) throws(InputError) {
    let file = try FileBytes(input, isInterrupted: isInterrupted)
    let source: any ByteSource = input.format.isCompressed ? GzipBytes(file) : file
    // 16: its line's end, or the length before it.
    var window = ByteWindow(source, largest: limits.record_bytes + 16)
    number =
      if let checkpoint, checkpoint.position > 0 { try Self.resume(&window, of: input, at: checkpoint) } else { 0 }
    isBegun = window.position > 0
    prefix = ByteBuffer()
    self.window = window
    self.input = input
    self.limits = limits
  }

  /// The next record; nil at the end. Empty lines are passed over.
  ///
  /// Throws where the rest cannot be framed, and then at every call; what was given before stands.
  public mutating func next() throws(InputError) -> Frame? {
    if let failure { throw failure }
    do {
      if !isBegun { try begin() }
      if held != nil { return nil }
      return switch input.format.framing {
      case .lines: try nextLine()
      case .lengths: try nextMessage()
      }
    } catch {
      failure = error
      throw error
    }
  }

  /// Leaves the unterminated line that `next` has just given to a later run: it does not count as consumed, and is the end.
  public mutating func leaveUnterminated() {
    guard let beforeLast else { return }
    held = beforeLast
  }

  /// The end of the last frame given, with its terminator, in decompressed bytes (empty lines before the next may count, too).
  public var consumed: UInt64 { held?.position ?? window.position }

  /// What to remember to go on from here. Cheap: hashes what was consumed since the last time, at most what the window holds.
  public mutating func checkpoint() -> Checkpoint {
    if let held { return held }
    let (high, low) = window.consumedHash()
    return Checkpoint(position: window.position, number: number, high: high, low: low)
  }

  /// `ContentHash` of the bytes before `consumed`.
  public mutating func consumedHash() -> (high: UInt64, low: UInt64) {
    let checkpoint = checkpoint()
    return (checkpoint.high, checkpoint.low)
  }

  /// Bytes used of the file as it lies on disk, and its size where it has one.
  public var progress: (used_bytes: UInt64, size_bytes: UInt64?) {
    (window.source.used_bytes, window.source.size_bytes)
  }

  /// Goes to the checkpoint, and returns the number of lines or records up to there.
  private static func resume(_ window: inout ByteWindow, of input: Input, at checkpoint: Checkpoint)
    throws(InputError) -> UInt64
  {
    let missing = try window.skip(checkpoint.position)
    let hint = "inputs may only be appended to: restore it, or ingest the new content under another name or state"
    guard missing == 0 else {
      throw InputError(
        .changed, input.name,
        "it has \(checkpoint.position - missing) bytes, but \(checkpoint.position) of it were ingested already",
        hint: hint, offset: checkpoint.position - missing)
    }
    guard window.consumedHash() == (checkpoint.high, checkpoint.low) else {
      throw InputError(
        .changed, input.name,
        "its first \(checkpoint.position) bytes changed since they were ingested",
        hint: hint, offset: checkpoint.position)
    }
    // A line that was taken before its newline came: what follows is still that line.
    let isInLine = input.format.framing == .lines && checkpoint.number > 0 && window.lastConsumed != 0x0A
    return isInLine ? checkpoint.number - 1 : checkpoint.number
  }

  /// Passes over a byte order mark, and refuses what is compressed though its name does not say so.
  private mutating func begin() throws(InputError) {
    isBegun = true
    guard input.format.framing == .lines else { return }
    try window.refill(toHold: 3)
    let first = window.prefix(min(window.count, 3))
    if first.starts(with: [0xEF, 0xBB, 0xBF]) {
      window.consume(3)
    } else if first.starts(with: [0x1F, 0x8B]) && !input.format.isCompressed {
      let hint = input.name == "-" ? "decompress it first (zcat)" : "name it \(input.name).gz"
      throw InputError(.wrongFormat, input.name, "it is compressed by gzip", hint: hint, offset: 0)
    }
  }
}
