/// The rows of a CSV file (RFC 4180): fields in quotes may hold commas, line ends and doubled quotes. Blank lines are skipped.
struct CSVRows {
  private let bytes: UnsafeRawBufferPointer
  private let name: String
  private var at = 0
  /// The line on which the last row began.
  private(set) var line = 0
  private var nextLine = 1

  init(_ bytes: UnsafeRawBufferPointer, name: String) {
    self.bytes = bytes
    self.name = name
    if bytes.count >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF { at = 3 }  // byte order mark
  }

  /// Nil behind the last row.
  mutating func next() throws(ClusterMapError) -> [[UInt8]]? {
    while at < bytes.count {
      line = nextLine
      let row = try readRow()
      if row != [[]] { return row }
    }
    return nil
  }

  private mutating func readRow() throws(ClusterMapError) -> [[UInt8]] {
    var row: [[UInt8]] = []
    while true {
      row.append(peek == UInt8(ascii: "\"") ? try readQuoted() : readPlain())
      if peek == UInt8(ascii: "\r") { at += 1 }
      guard let separator = peek else { return row }
      at += 1
      switch separator {
      case UInt8(ascii: ","): continue
      case UInt8(ascii: "\n"):
        nextLine += 1
        return row
      default: throw ClusterMapError(name, nextLine, "a field goes on behind its closing quote")
      }
    }
  }

  private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

  private mutating func readPlain() -> [UInt8] {
    let start = at
    while at < bytes.count {
      let byte = bytes[at]
      if byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\n") { break }
      if byte == UInt8(ascii: "\r") && (at + 1 == bytes.count || bytes[at + 1] == UInt8(ascii: "\n")) { break }
      at += 1
    }
    return Array(bytes[start..<at])
  }

  private mutating func readQuoted() throws(ClusterMapError) -> [UInt8] {
    let opened = nextLine
    var field: [UInt8] = []
    at += 1
    while let byte = peek {
      at += 1
      if byte == UInt8(ascii: "\n") { nextLine += 1 }
      if byte == UInt8(ascii: "\"") {
        if peek != byte { return field }
        at += 1
      }
      field.append(byte)
    }
    throw ClusterMapError(name, opened, "a quote is opened and never closed")
  }
}
