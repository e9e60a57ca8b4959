import Bytes

/// A command's arguments, the name first. They point into the client's bytes, or into those of an unquoted line, and are good until
/// the handler returns.
public struct RESPCommand: ~Copyable {
  private struct Span {
    var start: Int
    var count: Int
  }

  private var spans: [Span] = []
  /// What the spans count from.
  private var base = UnsafeRawBufferPointer(start: nil, count: 0)
  /// The words of a line, without their quotes.
  private var text: ByteBuffer?

  /// Spans that are kept from command to command.
  private static var kept: Int { 16 }

  init() {}

  public var count: Int { spans.count }

  public subscript(_ index: Int) -> UnsafeRawBufferPointer {
    let span = spans[index]
    return UnsafeRawBufferPointer(rebasing: base[span.start..<(span.start + span.count)])
  }

  /// Whether the argument is `word`, in any case of ASCII letters.
  public func matches(_ index: Int, _ word: StaticString) -> Bool { self[index].equalsIgnoringCase(word) }

  /// The argument as text, cut to what an error may say of it.
  public func shown(_ index: Int) -> String { Self.shown(self[index]) }

  /// A user's bytes, or another's, likewise.
  public static func shown(_ bytes: UnsafeRawBufferPointer) -> String {
    // An error is a line: what would end it, or look like none of it, is told as something else.
    let shown = bytes.prefix(64).map { $0 < 32 || $0 == 127 ? UInt8(ascii: "?") : $0 }
    return String(decoding: shown, as: UTF8.self)
  }

  /// The argument as a whole number, as Redis reads one.
  public func integer(_ index: Int) -> Int? {
    let bytes = self[index]
    let isNegative = bytes.first == UInt8(ascii: "-")
    let digits = bytes.dropFirst(isNegative ? 1 : 0)
    guard (1...18).contains(digits.count), digits.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
    guard digits.first != UInt8(ascii: "0") || bytes.count == 1 else { return nil }
    let value = digits.reduce(0) { $0 * 10 + Int($1 - 48) }
    return isNegative ? -value : value
  }

  // MARK: Filling

  mutating func begin() {
    if spans.count > Self.kept { spans = [] } else { spans.removeAll(keepingCapacity: true) }
    text = nil
  }

  @inline(__always)
  mutating func add(start: Int, count: Int) { spans.append(Span(start: start, count: count)) }

  @inline(__always)
  mutating func end(_ input: UnsafeRawBufferPointer) { base = input }

  /// Cuts a line into words; a word in double quotes has escapes, one in single quotes the escape \' only. False where a quote is open
  /// at the end, or followed by something else than a space, or there are too many words.
  mutating func split(line: UnsafeRawBufferPointer, limit: Int) -> Bool {
    var splitter = LineSplitter(line)
    var text = ByteBuffer(capacity: line.count)
    while true {
      let start = text.count
      switch splitter.next(into: &text) {
      case .end:
        base = text.bytes
        self.text = consume text
        return true
      case .open: return false
      case .word:
        guard spans.count < limit else { return false }
        add(start: start, count: text.count - start)
      }
    }
  }
}

extension UnsafeRawBufferPointer {
  /// Whether these are the bytes of `text`, in any case of ASCII letters.
  @inline(__always)
  func equalsIgnoringCase(_ text: StaticString) -> Bool {
    guard count == text.utf8CodeUnitCount else { return false }
    for index in 0..<count where self[index].asciiLowercased != text.utf8Start[index].asciiLowercased { return false }
    return true
  }
}

extension UInt8 {
  var asciiLowercased: UInt8 { self >= 65 && self <= 90 ? self + 32 : self }
}
