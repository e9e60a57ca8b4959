import Bytes
import Glibc

/// What people and scripts read: results on standard output, complaints on standard error.
enum Terminal {
  static func complain(_ message: String) { note("interestd: \(message)") }

  static func note(_ line: String) {
    var bytes = ByteBuffer()
    bytes.append(line)
    bytes.append("\n")
    _ = write(bytes.bytes, to: STDERR_FILENO)
  }

  /// All of it. False where nobody reads any more, or the disk is full.
  static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = Glibc.write(descriptor, bytes.baseAddress.unsafelyUnwrapped + done, bytes.count - done)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return false }
      done += count
    }
    return true
  }
}

/// A command's result: aligned lines for people, or one JSON object on one line, in the same order.
struct CommandResult {
  enum Value {
    case count(UInt64)
    case bytes(UInt64)
    case rate(Double, unit: String)
    case decimal(Double)
    case text(String)
    case list([String])
  }

  private var fields: [(key: String, label: String, value: Value)] = []

  mutating func add(_ key: String, _ label: String, _ value: Value) { fields.append((key, label, value)) }

  func print(asJSON: Bool) {
    var output = ByteBuffer()
    if asJSON { appendJSON(&output) } else { appendText(&output) }
    _ = Terminal.write(output.bytes, to: STDOUT_FILENO)
  }

  private func appendJSON(_ output: inout ByteBuffer) {
    output.append("{")
    for (index, field) in fields.enumerated() {
      if index > 0 { output.append(",") }
      output.append(jsonString: field.key)
      output.append(":")
      switch field.value {
      case .count(let count), .bytes(let count): output.append(decimal: count)
      case .rate(let value, _), .decimal(let value): output.append(value.isFinite ? Self.hundredths(value) : "null")
      case .text(let text): output.append(jsonString: text)
      case .list(let items):
        output.append("[")
        for (index, item) in items.enumerated() {
          if index > 0 { output.append(",") }
          output.append(jsonString: item)
        }
        output.append("]")
      }
    }
    output.append("}\n")
  }

  private func appendText(_ output: inout ByteBuffer) {
    let width = (fields.map(\.label.count).max() ?? 0) + 2
    for field in fields {
      let values: [String] =
        switch field.value {
        case .count(let count): [Self.grouped(count)]
        case .bytes(let bytes): [Self.size(bytes)]
        case .rate(let rate, let unit): ["\(Self.grouped(UInt64(max(rate, 0)))) \(unit)"]
        case .decimal(let value): [Self.hundredths(value)]
        case .text(let text): [text]
        case .list(let items): items
        }
      for (index, value) in values.enumerated() {
        let label = index == 0 ? field.label : ""
        output.append(label + String(repeating: " ", count: width - label.count) + value + "\n")
      }
    }
  }

  private static func hundredths(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }

  /// 1234567 as 1,234,567.
  static func grouped(_ count: UInt64) -> String {
    var text = ""
    for (index, digit) in String(count).reversed().enumerated() {
      if index > 0 && index % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return String(text.reversed())
  }

  static func size(_ bytes: UInt64) -> String {
    let units = ["bytes", "KB", "MB", "GB", "TB"]
    var value = Double(bytes)
    var unit = 0
    while value >= 1000 && unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    return unit == 0 ? "\(bytes) bytes" : "\((value * 10).rounded() / 10) \(units[unit])"
  }
}
