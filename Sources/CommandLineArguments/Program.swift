import NearestName

/// A program's command line, declared: its commands with their arguments and options. A value: it reads no environment and prints
/// nothing; the caller prints what `parse` returns.
public struct Program: Sendable {
  public let name: String
  /// A paragraph for the program's help; line breaks begin new paragraphs.
  public let discussion: String
  /// What `--version` prints.
  public let version: String
  public let commands: [Command]
  public let examples: [Example]

  public init(_ name: String, discussion: String, version: String, commands: [Command], examples: [Example] = []) {
    self.name = name
    self.discussion = discussion
    self.version = version
    self.commands = commands
    self.examples = examples
    precondition(Set(commands.map(\.name)).count == commands.count, "a command is declared twice")
  }

  /// What a command line asks for.
  public enum Request: Sendable {
    case run(ParsedArguments)
    /// Text for standard output, ending in a line break.
    case help(String)
    case version(String)
  }

  /// Reads a command line without the program's own name (`CommandLine.arguments.dropFirst()`).
  ///
  /// The command comes first. `-h` or `--help` anywhere before `--` asks for help, whatever else is wrong.
  public func parse(_ arguments: some Sequence<String>) throws(UsageError) -> Request {
    let arguments = Array(arguments)
    guard let first = arguments.first else {
      throw UsageError("name a command: \(commandNames(commands))", help: "\(name) --help")
    }
    if first == "-h" || first == "--help" { return .help(help) }
    if first == "--version" { return .version(version + "\n") }
    if first == "help" { return .help(try help(of: Array(arguments.dropFirst()))) }
    if first.hasPrefix("-") {
      throw UsageError("options come after the command: '\(quotable(first))' is in its place", help: "\(name) --help")
    }
    let asksHelp = arguments.prefix { $0 != "--" }.contains { $0 == "-h" || $0 == "--help" }
    guard let command = command(named: arguments) else {
      if asksHelp { return .help(try help(of: arguments.prefix { !$0.hasPrefix("-") })) }
      throw unknownCommand(arguments)
    }
    if asksHelp { return .help(help(of: command)) }
    var parser = Parser(program: self, command: command)
    return .run(try parser.parse(arguments.dropFirst(command.words.count)))
  }

  /// The command that `words` begin with.
  private func command(named words: some Sequence<String>) -> Command? {
    commands.filter { words.starts(with: $0.words) }.max { $0.words.count < $1.words.count }
  }

  private func help(of words: some Collection<String>) throws(UsageError) -> String {
    guard let first = words.first else { return help }
    if let command = command(named: words) { return help(of: command) }
    let group = commands.filter { $0.words.first == first }
    if words.count == 1, !group.isEmpty { return help(of: group, named: first) }
    throw unknownCommand(words)
  }

  private func unknownCommand(_ words: some Collection<String>) -> UsageError {
    let first = words.first ?? ""
    let group = commands.filter { $0.words.first == first }
    if !group.isEmpty {
      return UsageError("'\(first)' is followed by a word: \(commandNames(group))", help: "\(name) \(first) --help")
    }
    let pair = words.prefix(2).joined(separator: " ")
    let near =
      nearestName(to: first, among: commands.map { $0.words[0] })
      ?? nearestName(to: pair, among: commands.map(\.name))
    let hint = near.map { "did you mean '\($0)'?" } ?? "commands are \(commandNames(commands))"
    return UsageError("unknown command '\(quotable(first))': \(hint)", help: "\(name) --help")
  }

  private func commandNames(_ commands: [Command]) -> String { commands.map(\.name).joined(separator: ", ") }
}
