/// Finds the end of a header in bytes that come in pieces, and refuses what smuggles: bare line feeds and carriage
/// returns, control bytes, folded lines. The parser behind it sees whole headers only, so what is refused does not depend on
/// how the bytes were cut (RFC 9112 sections 2.2 and 5.2).
struct HeaderScanner {
  enum Outcome: Equatable {
    case more
    /// The header, with its empty line, has this many bytes.
    case header(Int)
    case bad(String)
    /// Over the limit, in the first line or behind it.
    case tooLong(inRequestLine: Bool)
  }

  private var at = 0
  private var lineStart = 0
  private var previous: UInt8 = 0

  private static let lineFeed = UInt8(ascii: "\n")
  private static let carriageReturn = UInt8(ascii: "\r")
  private static let tab = UInt8(ascii: "\t")
  private static let space = UInt8(ascii: " ")

  /// `bytes` begin where the header does; those of the last call have come again, and are not looked at twice.
  mutating func scan(_ bytes: UnsafeRawBufferPointer, limit: Int) -> Outcome {
    while at < bytes.count {
      if at == limit { return .tooLong(inRequestLine: lineStart == 0) }
      let byte = bytes[at]
      if byte > Self.space && byte != 0x7f && previous != Self.carriageReturn {
        previous = byte
        at += 1
        continue
      }
      if let refusal = refuse(byte) { return .bad(refusal) }
      previous = byte
      at += 1
      guard byte == Self.lineFeed else { continue }
      if at - lineStart == 2 { return .header(at) }
      lineStart = at
    }
    return .more
  }

  private func refuse(_ byte: UInt8) -> String? {
    if previous == Self.carriageReturn && byte != Self.lineFeed { return "a carriage return without a line feed" }
    switch byte {
    case Self.lineFeed: return previous == Self.carriageReturn ? nil : "a line feed without a carriage return"
    case Self.carriageReturn: return nil
    case Self.tab, Self.space: return at == lineStart && at > 0 ? "a folded header line" : nil
    default: return byte < Self.space || byte == 0x7f ? "a control byte in the header" : nil
    }
  }
}
