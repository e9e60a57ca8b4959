internal import NearestName

/// Overrides by environment variables: `INTERESTD_KAFKA__BROKERS` is `kafka.brokers`, `INTERESTD_CLUSTER_MAP` is `cluster_map`,
/// `INTERESTD_KAFKA__PROPERTIES__SASL_PASSWORD` is librdkafka's `sasl.password`.
///
/// - A value is read as the plain YAML scalar it would be in the file, except that nothing in it is syntax: `#`, `:` and `*` are
///   themselves. One that begins with a quote or an opening bracket is read as YAML, for lists and for texts with spaces at
///   their ends. A property of librdkafka is always taken as it is.
/// - An empty value leaves the key as it is: that is what `${X:-}` gives in a compose file.
/// - A name that begins with the prefix but is no key is refused, like an unknown key in the file.
enum Environment {
  static let prefix = "INTERESTD_"
  private static let propertiesPrefix = "INTERESTD_KAFKA__PROPERTIES__"

  /// `root` with the overrides in place of what the file says.
  static func override(_ root: YAMLNode?, _ environment: [String: String], _ problems: inout Problems) -> YAMLNode {
    var root = root ?? YAMLNode(content: .map([]), origin: .file)
    // In order of name: the map of properties comes before a single one of them.
    for (name, text) in environment.sorted(by: { $0.key < $1.key })
    where name.hasPrefix(prefix) && !isForeign(name, text) {
      let origin = Origin.environment(printedName(name))
      if name.hasPrefix(propertiesPrefix) {
        let property = name.dropFirst(propertiesPrefix.count).lowercased().split(separator: "_").joined(separator: ".")
        if text.isEmpty { continue }
        let value = YAMLNode(content: .scalar(text, isPlain: false), origin: origin)
        root.set(["kafka", "properties", property], to: value)
      } else if let key = Schema.keys.first(where: { $0.environmentName == name }) {
        guard let value = value(text, origin, &problems) else { continue }
        root.set(key.path.split(separator: ".").map(String.init), to: value)
      } else {
        let near = nearestName(to: name, among: Schema.keys.map(\.environmentName))
        let hint = near.map { "did you mean \($0)?" } ?? "variables are named \(prefix)SECTION__KEY"
        problems.add("", at: origin, "no key has this variable; \(hint)")
      }
    }
    return root
  }

  /// nil where there is no override.
  private static func value(_ text: String, _ origin: Origin, _ problems: inout Problems) -> YAMLNode? {
    let trimmed = String(text.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    guard let first = trimmed.first else { return nil }
    if "\"'[{".contains(first) { return YAMLReader.read(Array(trimmed.utf8), origin: origin, &problems) }
    return YAMLNode(content: .scalar(trimmed, isPlain: true), origin: origin)
  }

  /// What Kubernetes tells every container of a service named `interestd` or `interestd-...` (`..._SERVICE_HOST`,
  /// `..._PORT=tcp://10.0.0.1:80`, `..._PORT_80_TCP_ADDR`), and what this project's own build and tests use.
  private static func isForeign(_ name: String, _ text: String) -> Bool {
    if name.contains("__") { return false }
    if ["INTERESTD_SANITIZED", "INTERESTD_COMMIT", "INTERESTD_BINARY", "INTERESTD_FAILPOINTS"].contains(name) {
      return true
    }
    if name.hasPrefix("INTERESTD_TEST_") { return true }
    if name.hasSuffix("_SERVICE_HOST") || name.contains("_SERVICE_PORT") { return true }
    if name.hasSuffix("_PORT") { return text.contains("://") }
    return name.contains("_PORT_") && ["_TCP", "_UDP", "_SCTP"].contains { name.contains($0) }
  }
}

extension YAMLNode {
  /// Puts a value in the place that the names lead to. Where something other than a map is in the way, it stays: reading the tree
  /// reports it.
  fileprivate mutating func set(_ path: [String], to value: YAMLNode) {
    guard let name = path.first else {
      self = value
      return
    }
    if isNull { content = .map([]) }
    guard case .map(var entries) = content else { return }
    let place = entries.firstIndex { $0.name == name } ?? entries.endIndex
    if place == entries.endIndex {
      entries.append(Entry(name: name, origin: value.origin, value: YAMLNode(content: .map([]), origin: value.origin)))
    }
    if path.count == 1 {
      entries[place] = Entry(name: name, origin: value.origin, value: value)
    } else {
      entries[place].value.set(Array(path.dropFirst()), to: value)
    }
    content = .map(entries)
  }
}
