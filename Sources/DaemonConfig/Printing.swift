internal import InterestModel

extension DaemonConfiguration {
  /// Every key with its value, as a file that reads back to an equal value. Secrets are printed as `<redacted>`, which is refused
  /// when read.
  public var effectiveYAML: String {
    tree.map { "\($0.name):\($0.value.yamlLines(indent: 2))\n" }.joined()
  }

  /// The same as one line of JSON, without a line break at its end.
  public var effectiveJSON: String { Printed.map(tree).json }

  private var tree: [(name: String, value: Printed)] {
    Schema.sections.flatMap { section in
      let keys = section.keys.map { (name: $0.name, value: $0.printed(self)) }
      return section.name.isEmpty ? keys : [(name: section.name, value: .map(keys))]
    }
  }
}
