/// Help texts, for terminals of 100 columns.
extension Program {
  static var columns: Int { 100 }

  /// The program's own help: what it is, its commands, examples.
  public var help: String {
    var page = Page(usage: "\(name) COMMAND [OPTION...]", pieces: [])
    page.paragraphs(discussion)
    page.table("commands", commands.map { ($0.name, $0.summary) })
    page.table(
      "options",
      [
        ("-h, --help", "print this, or after a command its own help"),
        ("--version", "print the version"),
      ])
    page.examples(examples)
    return page.text
  }

  public func help(of command: Command) -> String {
    var page = Page(usage: "\(name) \(command.name)", pieces: command.usage)
    page.paragraphs(command.discussion)
    page.table("arguments", command.arguments.map { ($0.name, $0.help) })
    page.table(
      "options",
      command.options.map { ($0.spelling, $0.help + $0.remark) } + [("-h, --help", "print this")])
    page.examples(command.examples)
    return page.text
  }

  /// The commands that share their first word.
  func help(of group: [Command], named word: String) -> String {
    var page = Page(usage: "\(name) \(word) COMMAND [OPTION...]", pieces: [])
    page.table("commands", group.map { ($0.name, $0.summary) })
    return page.text
  }
}

extension Command {
  /// What the usage line lists: what is required first, arguments last.
  fileprivate var usage: [String] {
    let grouped = Set(oneOf.joined())
    let required = options.filter { $0.isRequired }.map(\.spelling)
    let groups = oneOf.map { names in
      "(" + names.compactMap { option($0)?.spelling }.joined(separator: " | ") + ")"
    }
    let others = options.filter { !$0.isRequired && !grouped.contains($0.name) }
    let optional = others.map { "[\($0.spelling)]" + ($0.isRepeatable ? "..." : "") }
    return required + groups + optional + arguments.map(\.usage)
  }
}

extension Option {
  /// Choices, default and whether it must be given, in parentheses after the help.
  fileprivate var remark: String {
    var remarks: [String] = []
    if case .choice(let choices) = kind { remarks.append("one of \(choices.joined(separator: ", "))") }
    if isRequired { remarks.append("required") }
    if isRepeatable { remarks.append("may be repeated") }
    if let defaultValue { remarks.append("default: \(defaultValue)") }
    return remarks.isEmpty ? "" : " (\(remarks.joined(separator: "; ")))"
  }
}

/// A help text as it grows.
private struct Page {
  var text: String

  init(usage: String, pieces: [String]) {
    let head = "usage: \(usage)"
    // Long commands would leave no room beside them.
    let indent = min(head.count + 1, 24)
    text = wrapped([head] + pieces, indent: indent, firstIndent: 0)
  }

  mutating func paragraphs(_ discussion: String) {
    for paragraph in discussion.split(separator: "\n") {
      text += "\n" + wrapped(words(String(paragraph)), indent: 0, firstIndent: 0)
    }
  }

  mutating func table(_ title: String, _ rows: [(name: String, help: String)]) {
    if rows.isEmpty { return }
    text += "\n\(title):\n"
    let width = rows.map(\.name.count).filter { $0 <= 28 }.max() ?? 28
    for (name, help) in rows {
      let column = width + 4
      let pad = String(repeating: " ", count: max(0, column - 2 - name.count))
      if name.count <= width {
        text += "  \(name)\(pad)" + wrapped(words(help), indent: column, firstIndent: 0, taken: column)
      } else {
        text += "  \(name)\n" + wrapped(words(help), indent: column, firstIndent: column)
      }
    }
  }

  mutating func examples(_ examples: [Example]) {
    if examples.isEmpty { return }
    text += "\nexamples:\n"
    for example in examples {
      // A line to copy is never broken.
      text += "  \(example.line)\n" + wrapped(words(example.explanation), indent: 6, firstIndent: 6)
    }
  }
}

private func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }

/// Pieces joined by spaces in lines of at most 100 columns; a piece is never broken. `taken` columns of the first line are
/// already written.
private func wrapped(_ pieces: [String], indent: Int, firstIndent: Int, taken: Int = 0) -> String {
  var text = String(repeating: " ", count: firstIndent)
  var column = firstIndent + taken
  var isFirst = true
  for piece in pieces {
    if !isFirst && column + 1 + piece.count > Program.columns {
      text += "\n" + String(repeating: " ", count: indent)
      column = indent
    } else if !isFirst {
      text += " "
      column += 1
    }
    text += piece
    column += piece.count
    isFirst = false
  }
  return text + "\n"
}
