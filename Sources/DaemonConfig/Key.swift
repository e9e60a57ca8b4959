/// One key of the file: its place in the tree, its value, what it means. The documentation is the comment in the example file.
struct Key: Sendable {
  /// `section.key`, or `key` at the top.
  let path: String
  let documentation: String
  /// What a value must be, as in "a whole number from 1 to 255".
  let need: String
  let read: @Sendable (YAMLNode, inout DaemonConfiguration, inout Problems) -> Void
  let refusals: @Sendable (DaemonConfiguration) -> [(suffix: String, message: String)]
  let printed: @Sendable (DaemonConfiguration) -> Printed

  init<Value>(
    _ path: String, _ property: WritableKeyPath<DaemonConfiguration, Value> & Sendable, _ kind: Kind<Value>,
    _ documentation: String
  ) {
    self.path = path
    self.documentation = documentation
    need = kind.need
    read = { node, configuration, problems in
      if let value = kind.read(node, path, &problems) { configuration[keyPath: property] = value }
    }
    refusals = { kind.refusals($0[keyPath: property]) }
    printed = { kind.printed($0[keyPath: property]) }
  }

  /// nil at the top.
  var section: String? {
    path.firstIndex(of: ".").map { String(path[..<$0]) }
  }

  /// The last part of the path.
  var name: String {
    path.firstIndex(of: ".").map { String(path[path.index(after: $0)...]) } ?? path
  }

  /// The variable that overrides it.
  var environmentName: String {
    Environment.prefix + path.split(separator: ".").map { $0.uppercased() }.joined(separator: "__")
  }
}

/// Keys that belong together, or one key at the top of the file.
struct Section: Sendable {
  /// Empty at the top.
  let name: String
  let documentation: String
  let keys: [Key]

  init(_ name: String, _ documentation: String, _ keys: [Key]) {
    self.name = name
    self.documentation = documentation
    self.keys = keys
  }
}
