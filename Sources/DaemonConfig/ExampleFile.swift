internal import InterestModel

extension DaemonConfiguration {
  /// The commented example, `Ops/interestd.example.yaml`: every key, with its default and what it means.
  public static var exampleYAML: String { ExampleFile.yaml }
}

enum ExampleFile {
  /// Stands for the one key without a default.
  static let catalog: BehaviorCatalog = {
    let entries: [BehaviorCatalog.Entry] = [
      .init(type: "order", code: 1, category: .payment),
      .init(type: "add_to_cart", code: 2, category: .strong),
      .init(type: "click", code: 3, category: .weak),
      .init(type: "quick_exit", code: 4, category: .negative),
    ]
    guard let catalog = try? BehaviorCatalog(entries) else { preconditionFailure("the example's catalog is valid") }
    return catalog
  }()

  static var yaml: String {
    let configuration = DaemonConfiguration(behaviors: catalog)
    var text = comment(introduction, indent: 0)
    for section in Schema.sections {
      if !section.name.isEmpty { text += "\n" + comment(section.documentation, indent: 0) + "\(section.name):\n" }
      let indent = section.name.isEmpty ? 0 : 2
      for (place, key) in section.keys.enumerated() {
        if place > 0 || section.name.isEmpty { text += "\n" }
        let value = key.printed(configuration).yamlLines(indent: indent + 2)
        text += comment("\(key.documentation)\nNeeds \(key.need).", indent: indent)
        text += String(repeating: " ", count: indent) + "\(key.name):\(value)\n"
      }
    }
    return text
  }

  private static let introduction = """
    Every key of interestd's configuration, with its default. A file needs only `behaviors`; leave out what need not differ.
    A variable INTERESTD_SECTION__KEY overrides a key (INTERESTD_KAFKA__BROKERS is kafka.brokers, INTERESTD_CLUSTER_MAP is \
    cluster_map); flags override both. `interestd config check` prints what results.
    """

  /// Comment lines of at most 100 columns; each line of `text` begins a new one.
  private static func comment(_ text: String, indent: Int) -> String {
    let start = String(repeating: " ", count: indent) + "#"
    var lines = ""
    for paragraph in text.split(separator: "\n") {
      var line = start
      for word in paragraph.split(separator: " ") {
        if line.count + 1 + word.count > 100 {
          lines += line + "\n"
          line = start
        }
        line += " " + word
      }
      lines += line + "\n"
    }
    return lines
  }
}
