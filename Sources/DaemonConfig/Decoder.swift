internal import NearestName

/// Walks a file's nodes and gives each key's node to its reader.
struct Decoder {
  private(set) var configuration: DaemonConfiguration
  /// Where each key stood, for contradictions that show only at the end.
  private(set) var origins: [String: Origin] = [:]

  /// Whether the file was a map at all.
  private(set) var isMap = false

  init(_ defaults: DaemonConfiguration) { configuration = defaults }

  /// Where a path's key stood; of `kafka.properties.sasl.password`, where the properties did.
  func origin(of path: String) -> Origin {
    let key = origins.keys.first { path == $0 || path.hasPrefix($0 + ".") }
    return key.flatMap { origins[$0] } ?? .program
  }

  mutating func decode(_ root: YAMLNode, _ problems: inout Problems) {
    guard let entries = entries(of: root, "", &problems) else { return }
    isMap = true
    for entry in entries {
      if let key = Schema.keys.first(where: { $0.path == entry.name && $0.section == nil }) {
        read(key, entry, &problems)
      } else if let section = Schema.sections.first(where: { $0.name == entry.name && !$0.name.isEmpty }) {
        decode(section, entry.value, &problems)
      } else {
        problems.add(printedName(entry.name), at: entry.origin, Self.unknown(entry.name, in: nil))
      }
    }
  }

  private mutating func decode(_ section: Section, _ node: YAMLNode, _ problems: inout Problems) {
    guard let entries = entries(of: node, section.name, &problems) else { return }
    for entry in entries {
      if let key = section.keys.first(where: { $0.name == entry.name }) {
        read(key, entry, &problems)
      } else {
        let path = "\(section.name).\(printedName(entry.name))"
        problems.add(path, at: entry.origin, Self.unknown(entry.name, in: section))
      }
    }
  }

  private mutating func read(_ key: Key, _ entry: YAMLNode.Entry, _ problems: inout Problems) {
    // A key without a value keeps its default, like one that is not there.
    if entry.value.isNull { return }
    origins[key.path] = entry.origin
    key.read(entry.value, &configuration, &problems)
  }

  /// nil where it is no map; a section left empty has no entries.
  private func entries(of node: YAMLNode, _ path: String, _ problems: inout Problems) -> [YAMLNode.Entry]? {
    if case .map(let entries) = node.content { return entries }
    if case .refused = node.content { return nil }
    if node.isNull { return [] }
    let names = path.isEmpty ? "behaviors, kafka, ..." : Self.names(in: path)
    problems.add(path, at: node.origin, "needs a map of keys (\(names)), not \(node.kind)")
    return nil
  }

  private static func names(in section: String) -> String {
    Schema.keys.filter { $0.section == section }.map(\.name).joined(separator: ", ")
  }

  /// The nearest name in the same section, or else elsewhere, or else all that could be written there.
  private static func unknown(_ name: String, in section: Section?) -> String {
    let siblings = Schema.keys.filter { $0.section == section?.name }
    let sectionNames = section == nil ? Schema.sections.map(\.name).filter { !$0.isEmpty } : []
    if name.contains("."), name.utf8.allSatisfy(KafkaProperties.isNameByte) {
      if let key = Schema.keys.first(where: { $0.path == name }) {
        return "unknown key; write \(key.name) inside the map \(key.section ?? "")"
      }
      return "unknown key; librdkafka's own properties go into the map kafka.properties"
    }
    if let near = nearestName(to: name, among: siblings.map(\.name) + sectionNames) {
      let path = section.map { "\($0.name).\(near)" } ?? near
      return "unknown key; did you mean \(path)?"
    }
    if let near = nearestName(to: name, among: Schema.keys.map(\.name)) {
      let paths = Schema.keys.filter { $0.name == near }.map(\.path)
      return "unknown key; did you mean \(paths.joined(separator: " or "))?"
    }
    let known = siblings.map(\.name) + sectionNames
    return "unknown key; \(section.map { "\($0.name) has" } ?? "there are") \(known.joined(separator: ", "))"
  }
}
