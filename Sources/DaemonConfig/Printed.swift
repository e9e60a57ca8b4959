/// A configuration as it is printed: YAML and JSON come from the same tree.
enum Printed {
  case bool(Bool)
  case integer(Int)
  case text(String)
  case list([Printed])
  case map([(name: String, value: Printed)])

  static func of(_ values: [Int]) -> Printed { .list(values.map { .integer($0) }) }

  /// In one line of YAML; a text without quotes is only safe in messages.
  var text: String { if case .text(let text) = self { text } else { yaml } }

  /// In one line, flow style.
  var yaml: String {
    switch self {
    case .bool(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .text(let text): isPlain(text) ? text : inQuotes(text)
    case .list(let elements): "[\(elements.map(\.yaml).joined(separator: ", "))]"
    case .map(let entries):
      entries.isEmpty
        ? "{}" : "{ \(entries.map { "\(Printed.text($0.name).yaml): \($0.value.yaml)" }.joined(separator: ", ")) }"
    }
  }

  var json: String {
    switch self {
    case .bool, .integer: yaml
    case .text(let text): inQuotes(text)
    case .list(let elements): "[\(elements.map(\.json).joined(separator: ","))]"
    case .map(let entries): "{\(entries.map { "\(inQuotes($0.name)):\($0.value.json)" }.joined(separator: ","))}"
    }
  }

  /// As the value of a key in a file: block style for what has lines of its own. Begins right after the key's colon.
  func yamlLines(indent: Int) -> String {
    let pad = "\n" + String(repeating: " ", count: indent)
    switch self {
    case .map(let entries) where !entries.isEmpty:
      return entries.map { "\(pad)\(Printed.text($0.name).yaml):\($0.value.yamlLines(indent: indent + 2))" }.joined()
    case .list(let elements) where elements.contains(where: \.isMap):
      return elements.map { "\(pad)- \($0.yaml)" }.joined()
    default: return " \(yaml)"
    }
  }

  private var isMap: Bool { if case .map = self { true } else { false } }
}

/// Whether every YAML version reads the bare letters as this text and nothing else.
private func isPlain(_ text: String) -> Bool {
  guard let first = text.utf8.first,
    !["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(text.lowercased())
  else { return false }
  let startsWell = (65...90).contains(first) || (97...122).contains(first) || first == UInt8(ascii: "/")
  return startsWell && text.utf8.allSatisfy { KafkaProperties.isNameByte($0) || $0 == UInt8(ascii: "/") }
}

/// Double quotes, with escapes that JSON and YAML share. YAML also counts some visible characters of Unicode as line breaks or as
/// unprintable: they are escaped too.
private func inQuotes(_ text: String) -> String {
  var quoted = "\""
  for scalar in text.unicodeScalars {
    switch scalar.value {
    case 0x22: quoted += "\\\""
    case 0x5C: quoted += "\\\\"
    case 0x0A: quoted += "\\n"
    case 0..<0x20, 0x7F...0xA0, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF:
      let digits = String(scalar.value, radix: 16)
      quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    default: quoted.unicodeScalars.append(scalar)
    }
  }
  return quoted + "\""
}
