/// A positional argument of a command.
public struct Argument: Sendable {
  /// How often it stands on the command line. Only a command's last argument may be `repeated`.
  public enum Arity: Equatable, Sendable {
    case one, optional
    case repeated(minimum: Int)
  }

  /// In upper case, as in the help.
  public let name: String
  public let arity: Arity
  public let help: String

  public init(_ name: String, _ arity: Arity = .one, help: String) {
    self.name = name
    self.arity = arity
    self.help = help
  }

  var minimum: Int {
    switch arity {
    case .one: 1
    case .optional: 0
    case .repeated(let minimum): minimum
    }
  }

  var isRepeated: Bool { if case .repeated = arity { true } else { false } }

  /// As the usage line shows it.
  var usage: String {
    switch arity {
    case .one: name
    case .optional: "[\(name)]"
    case .repeated(let minimum): minimum == 0 ? "[\(name)...]" : "\(name)..."
    }
  }
}

/// A command line to copy, and what it does.
public struct Example: Sendable {
  public let line: String
  public let explanation: String

  public init(_ line: String, _ explanation: String) {
    self.line = line
    self.explanation = explanation
  }
}

/// One command, of one word (`ingest`) or two (`config check`).
public struct Command: Sendable {
  public let name: String
  /// One line, for the list of commands.
  public let summary: String
  /// A paragraph for the command's own help; line breaks begin new paragraphs.
  public let discussion: String
  public let arguments: [Argument]
  public let options: [Option]
  /// Names of options of which exactly one must be given, per group.
  public let oneOf: [[String]]
  public let examples: [Example]

  public init(
    _ name: String, summary: String, discussion: String, arguments: [Argument] = [], options: [Option] = [],
    oneOf: [[String]] = [], examples: [Example] = []
  ) {
    self.name = name
    self.summary = summary
    self.discussion = discussion
    self.arguments = arguments
    self.options = options
    self.oneOf = oneOf
    self.examples = examples
    if let mistake { preconditionFailure("command '\(name)': \(mistake)") }
  }

  func option(_ name: String) -> Option? { options.first { $0.name == name } }

  var words: [String] { name.split(separator: " ").map(String.init) }

  /// What a declaration gets wrong: the program's own mistake, never the user's.
  private var mistake: String? {
    if !(1...2).contains(words.count) { return "a name has one or two words" }
    let names = options.map(\.name) + arguments.map(\.name)
    if Set(names).count < names.count { return "a name is declared twice" }
    if names.contains("help") { return "--help is every command's" }
    if arguments.dropLast().contains(where: { $0.arity != .one }) {
      return "only the last argument may be left out or repeated"
    }
    for option in options {
      if let value = option.defaultValue, let refusal = option.kind.refusal(of: value) {
        return "the default of --\(option.name) \(refusal)"
      }
    }
    for name in oneOf.joined() where option(name) == nil { return "--\(name) is not declared" }
    return nil
  }
}
