internal import InterestModel
internal import NearestName

extension Kind where Value == BehaviorCatalog {
  /// A list of `{ type, code, category }`.
  static var catalog: Kind {
    let need = "a list of behavior types, as in [{ type: click, code: 1, category: weak }]"
    return Kind(
      need: need,
      read: { node, path, problems in
        guard case .list(let nodes) = node.content else {
          if case .refused = node.content { return nil }
          problems.add(path, at: node.origin, "needs \(need), not \(node.kind)")
          return nil
        }
        let entries = nodes.enumerated().compactMap { index, node in
          catalogEntry(node, "\(path)[\(index)]", &problems).map { (index: index, origin: node.origin, entry: $0) }
        }
        // An empty list is a fault of its own; one whose entries are all refused has been reported.
        if entries.isEmpty && !nodes.isEmpty { return nil }
        return assembled(entries, path, at: node.origin, &problems)
      },
      refusals: { _ in [] },
      printed: { catalog in
        .list(
          catalog.entries.map { entry in
            .map([
              ("type", .text(entry.type)), ("code", .integer(Int(entry.code))),
              ("category", .text(entry.category.name)),
            ])
          })
      })
  }
}

/// The catalog says what is wrong with one entry at a time: each is reported and left out, until the rest is right.
private func assembled(
  _ entries: [(index: Int, origin: Origin, entry: BehaviorCatalog.Entry)], _ path: String, at origin: Origin,
  _ problems: inout Problems
) -> BehaviorCatalog? {
  var rest = entries
  while true {
    do throws(BehaviorCatalog.Fault) {
      let catalog = try BehaviorCatalog(rest.map(\.entry))
      return rest.count == entries.count ? catalog : nil
    } catch {
      guard error.index < rest.count else {
        if entries.isEmpty { problems.add(path, at: origin, error.message) }
        return nil
      }
      let fault = rest.remove(at: error.index)
      problems.add("\(path)[\(fault.index)]", at: fault.origin, error.message)
    }
  }
}

private func catalogEntry(_ node: YAMLNode, _ path: String, _ problems: inout Problems) -> BehaviorCatalog.Entry? {
  let names = ["type", "code", "category"]
  guard case .map(let fields) = node.content else {
    if case .refused = node.content { return nil }
    problems.add(path, at: node.origin, "needs { type, code, category }, not \(node.found)")
    return nil
  }
  for field in fields where !names.contains(field.name) {
    let hint =
      nearestName(to: field.name, among: names).map { "did you mean '\($0)'?" }
      ?? "it has \(names.joined(separator: ", "))"
    problems.add("\(path).\(printedName(field.name))", at: field.origin, "unknown key; \(hint)")
  }
  func field<Value>(_ name: String, _ kind: Kind<Value>) -> Value? {
    guard let field = fields.first(where: { $0.name == name }) else {
      problems.add("\(path).\(name)", at: node.origin, "is missing: needs \(kind.need)")
      return nil
    }
    return kind.read(field.value, "\(path).\(name)", &problems)
  }
  let type = field("type", .text("a name of 1 to 255 bytes") { !$0.isEmpty })
  let code = field("code", .integer(1...255))
  let category = field("category", .category)
  guard let type, let code, let category else { return nil }
  return BehaviorCatalog.Entry(type: type, code: UInt8(code), category: category)
}

extension Kind where Value == Category {
  static var category: Kind {
    .scalar(
      "one of " + Category.allCases.map(\.name).joined(separator: ", "), parse: { text, _ in Category(name: text) },
      printed: { .text($0.name) })
  }
}
