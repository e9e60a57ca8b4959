/// What a key's value is: how it is read, what it must be, how it is printed.
struct Kind<Value: Sendable>: Sendable {
  /// Completes "needs ..." in messages and in the example's comments.
  let need: String
  /// nil after a problem has been added.
  let read: @Sendable (_ node: YAMLNode, _ path: String, _ problems: inout Problems) -> Value?
  /// What is wrong with a value that is of the type, as (what to add to the path, message).
  let refusals: @Sendable (Value) -> [(suffix: String, message: String)]
  let printed: @Sendable (Value) -> Printed
}

extension Kind {
  /// A value that is one scalar. `parse` answers nil for what is not of the type, `accepts` tells the rest.
  static func scalar(
    _ need: String, parse: @escaping @Sendable (_ text: String, _ isPlain: Bool) -> Value?,
    accepts: @escaping @Sendable (Value) -> Bool = { _ in true }, printed: @escaping @Sendable (Value) -> Printed
  ) -> Kind {
    Kind(
      need: need,
      read: { node, path, problems in
        if case .refused = node.content { return nil }
        if case .scalar(let text, let isPlain) = node.content, let value = parse(text, isPlain), accepts(value) {
          return value
        }
        problems.add(path, at: node.origin, "needs \(need), not \(node.found)")
        return nil
      },
      refusals: { accepts($0) ? [] : [("", "needs \(need), not \(quoted(printed($0).text))")] },
      printed: printed)
  }
}

extension Kind where Value == Int {
  /// `unit` reads after "a whole number", as in "of bytes".
  static func integer(_ range: ClosedRange<Int>, _ unit: String = "") -> Kind {
    let unit = unit.isEmpty ? "" : " \(unit)"
    return .scalar(
      "a whole number\(unit) from \(range.lowerBound) to \(range.upperBound)",
      parse: { text, isPlain in isPlain ? decimal(text) : nil }, accepts: range.contains, printed: { .integer($0) })
  }
}

/// Without a plus, an underscore or leading zeros: no other notation is read in two ways by different YAML versions.
private func decimal(_ text: String) -> Int? {
  guard let value = Int(text), "\(value)" == text else { return nil }
  return value
}

extension Kind where Value == Bool {
  static var bool: Kind {
    .scalar(
      "true or false", parse: { text, isPlain in isPlain ? ["true": true, "false": false][text] : nil },
      printed: { .bool($0) })
  }
}

extension Kind where Value == String {
  /// Any scalar is a text as it is written, so that `group: 42` means "42". Control characters are refused: they end C strings,
  /// paths and lines.
  static func text(_ need: String, _ accepts: @escaping @Sendable (String) -> Bool) -> Kind {
    .scalar(
      need, parse: { text, _ in text },
      accepts: { text in
        text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control } && accepts(text)
      }, printed: { .text($0) })
  }

  static var path: Kind { .text("a path of at most 4095 bytes") { $0.utf8.count <= 4095 } }
}

extension Kind where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
  static var choice: Kind {
    let names = Value.allCases.map(\.rawValue)
    return .scalar(
      "one of " + names.joined(separator: ", "), parse: { text, _ in Value(rawValue: text) },
      printed: { .text($0.rawValue) })
  }
}

extension Kind where Value == [Int] {
  /// A list of distinct whole numbers in ascending order.
  static func ascending(_ range: ClosedRange<Int>, atMost: Int) -> Kind {
    let need = "1 to \(atMost) whole numbers from \(range.lowerBound) to \(range.upperBound), each larger than the last"
    let element = Kind<Int>.integer(range)
    @Sendable func isAscending(_ values: [Int]) -> Bool {
      (1...atMost).contains(values.count) && zip(values, values.dropFirst()).allSatisfy { $0 < $1 }
    }
    return Kind(
      need: "a list of \(need)",
      read: { node, path, problems in
        guard case .list(let nodes) = node.content else {
          if case .refused = node.content { return nil }
          problems.add(path, at: node.origin, "needs a list of \(need), not \(node.found)")
          return nil
        }
        let values = nodes.enumerated().compactMap { element.read($1, "\(path)[\($0)]", &problems) }
        if values.count < nodes.count { return nil }
        if isAscending(values) { return values }
        problems.add(path, at: node.origin, "needs a list of \(need), not \(Printed.of(values).text)")
        return nil
      },
      refusals: { values in
        isAscending(values) && values.allSatisfy(range.contains)
          ? [] : [("", "needs a list of \(need), not \(Printed.of(values).text)")]
      },
      printed: { .of($0) })
  }
}
