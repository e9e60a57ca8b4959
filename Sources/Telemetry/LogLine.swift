import Bytes

/// A value as a log line shows it.
public enum LoggedValue: Sendable {
  case text(String)
  /// A number, true or false: never quoted, and the same in both formats.
  case literal(String)
}

/// What can stand in a log line's field.
public protocol LogValue {
  var logged: LoggedValue { get }
}

extension String: LogValue { public var logged: LoggedValue { .text(self) } }
extension Bool: LogValue { public var logged: LoggedValue { .literal(description) } }
extension Int: LogValue { public var logged: LoggedValue { .literal(description) } }
extension Int32: LogValue { public var logged: LoggedValue { .literal(description) } }
extension Int64: LogValue { public var logged: LoggedValue { .literal(description) } }
extension UInt32: LogValue { public var logged: LoggedValue { .literal(description) } }
extension UInt64: LogValue { public var logged: LoggedValue { .literal(description) } }
extension Double: LogValue {
  /// JSON has no infinity and no NaN: they are text.
  public var logged: LoggedValue { isFinite ? .literal(description) : .text(description) }
}

/// Writes one line, field by field.
struct LogLine {
  private let format: Log.Format
  private var isFirst = true

  /// Longer texts are cut here: a line stays readable, and small.
  private static let valueLimit_bytes = 8 * 1024

  init(format: Log.Format, time_ms: Int64, level: String, message: String, into line: inout ByteBuffer) {
    self.format = format
    if format == .json { line.append("{") }
    appendKey("time", &line)
    if format == .json { line.append("\"") }
    line.append(timestamp: time_ms)
    if format == .json { line.append("\"") }
    append("level", .text(level), into: &line)
    append("message", .text(message), into: &line)
  }

  mutating func append(_ key: StaticString, _ value: LoggedValue, into line: inout ByteBuffer) {
    appendKey(key, &line)
    switch value {
    case .literal(let text): line.append(text)
    case .text(let text):
      let cut = Self.cut(text)
      if format == .json || Self.needsQuotes(cut) { line.append(jsonString: cut) } else { line.append(cut) }
    }
  }

  func end(_ line: inout ByteBuffer) { line.append(format == .json ? "}\n" : "\n") }

  private mutating func appendKey(_ key: StaticString, _ line: inout ByteBuffer) {
    if !isFirst { line.append(format == .json ? "," : " ") }
    isFirst = false
    if format == .json { line.append("\"") }
    line.append(key)
    line.append(format == .json ? "\":" : "=")
  }

  /// logfmt leaves plain words bare; quoted, they are escaped as in JSON.
  private static func needsQuotes(_ text: String) -> Bool {
    text.isEmpty
      || text.utf8.contains { byte in
        byte <= 0x20 || byte == 0x7f || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "=")
          || byte == UInt8(ascii: "\\")
      }
  }

  private static func cut(_ text: String) -> String {
    guard text.utf8.count > valueLimit_bytes else { return text }
    return String(decoding: text.utf8.prefix(valueLimit_bytes), as: UTF8.self) + "..."
  }
}
