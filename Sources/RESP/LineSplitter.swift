import Bytes

/// The words of a line that a person typed, with quotes as redis-cli and Redis take them (sdssplitargs of its sds.c).
struct LineSplitter {
  enum Word { case word, end, open }

  private var rest: Slice<UnsafeRawBufferPointer>

  init(_ line: UnsafeRawBufferPointer) { rest = line[...] }

  /// Appends the next word's bytes.
  mutating func next(into text: inout ByteBuffer) -> Word {
    while let first = rest.first, Self.isSpace(first) { rest = rest.dropFirst() }
    guard !rest.isEmpty else { return .end }
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "'"):
        guard takeQuoted(byte, into: &text) else { return .open }
        // A closing quote ends the word.
        if let behind = rest.first, !Self.isSpace(behind) { return .open }
        return .word
      case _ where Self.isSpace(byte): return .word
      default: text.append(byte)
      }
    }
    return .word
  }

  /// False where the quote does not end.
  private mutating func takeQuoted(_ quote: UInt8, into text: inout ByteBuffer) -> Bool {
    while let byte = rest.popFirst() {
      if byte == quote { return true }
      guard byte == UInt8(ascii: "\\") else {
        text.append(byte)
        continue
      }
      if quote == UInt8(ascii: "'") {
        if rest.first == quote { rest = rest.dropFirst(); text.append(quote) } else { text.append(byte) }
      } else {
        guard let escaped = takeEscape() else { return false }
        text.append(escaped)
      }
    }
    return false
  }

  private mutating func takeEscape() -> UInt8? {
    guard let byte = rest.popFirst() else { return nil }
    switch byte {
    case UInt8(ascii: "n"): return UInt8(ascii: "\n")
    case UInt8(ascii: "r"): return UInt8(ascii: "\r")
    case UInt8(ascii: "t"): return UInt8(ascii: "\t")
    case UInt8(ascii: "b"): return 8
    case UInt8(ascii: "a"): return 7
    case UInt8(ascii: "x"):
      let digits = rest.prefix(2)
      guard digits.count == 2, let high = Self.hexadecimal(digits[digits.startIndex]),
        let low = Self.hexadecimal(digits[digits.startIndex + 1])
      else { return byte }
      rest = rest.dropFirst(2)
      return high << 4 | low
    default: return byte
    }
  }

  private static func hexadecimal(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 48...57: byte - 48
    case 65...70: byte - 55
    case 97...102: byte - 87
    default: nil
    }
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) || byte == 0 }
}
