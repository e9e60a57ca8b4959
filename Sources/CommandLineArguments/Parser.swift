import NearestName

/// Reads the arguments of one command.
struct Parser {
  let program: Program
  let command: Command
  private var positionals: [String] = []
  private var values: [String: [String]] = [:]

  init(program: Program, command: Command) {
    self.program = program
    self.command = command
  }

  mutating func parse(_ arguments: ArraySlice<String>) throws(UsageError) -> ParsedArguments {
    var rest = arguments
    while let argument = rest.popFirst() {
      if argument == "--" {
        positionals += rest
        break
      }
      // A lone dash is standard input.
      if argument.hasPrefix("-") && argument != "-" {
        try readOption(argument, &rest)
      } else {
        positionals.append(argument)
      }
    }
    try checkOptions()
    return ParsedArguments(command: command, values: values.merging(try assignPositionals()) { $1 })
  }

  private mutating func readOption(_ argument: String, _ rest: inout ArraySlice<String>) throws(UsageError) {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts[0].hasPrefix("--"), let option = command.option(String(parts[0].dropFirst(2))) else {
      throw unknownOption(parts[0])
    }
    if values[option.name] != nil && option.takesValue && !option.isRepeatable {
      throw error("--\(option.name) is given twice")
    }
    guard option.takesValue else {
      if parts.count == 2 { throw error("--\(option.name) takes no value") }
      values[option.name] = [""]
      return
    }
    let value = parts.count == 2 ? parts[1] : try nextValue(of: option, &rest)
    if let refusal = option.kind.refusal(of: value) {
      let near = option.kind.suggestion(for: value).map { "; did you mean '\($0)'?" } ?? ""
      throw error("--\(option.name) \(refusal)\(near)")
    }
    values[option.name, default: []].append(value)
  }

  /// What follows the option, unless it looks like another option: a forgotten value must not swallow it.
  private func nextValue(of option: Option, _ rest: inout ArraySlice<String>) throws(UsageError) -> String {
    guard let value = rest.first else { throw error("--\(option.name) needs a value: \(option.spelling)") }
    if value.hasPrefix("-") && value != "-" && parsedNumber(value) == nil {
      throw error(
        "--\(option.name) needs a value, not the option '\(quotable(value))' "
          + "(if it is the value, write --\(option.name)=\(quotable(value)))")
    }
    rest.removeFirst()
    return value
  }

  private func checkOptions() throws(UsageError) {
    for option in command.options where option.isRequired && values[option.name] == nil {
      throw error("\(option.spelling) is missing")
    }
    for group in command.oneOf {
      let given = group.filter { values[$0] != nil }
      let spellings = group.compactMap { command.option($0)?.spelling }.joined(separator: " or ")
      if given.isEmpty { throw error("give \(spellings)") }
      if given.count > 1 {
        throw error("--\(given[0]) and --\(given[1]) exclude each other: give \(spellings)")
      }
    }
  }

  private func assignPositionals() throws(UsageError) -> [String: [String]] {
    var rest = positionals[...]
    var assigned: [String: [String]] = [:]
    for argument in command.arguments {
      let taken = argument.isRepeated ? rest : rest.prefix(1)
      if taken.count < argument.minimum { throw error("\(argument.name) is missing") }
      assigned[argument.name] = Array(taken)
      rest = rest.dropFirst(taken.count)
    }
    if let extra = rest.first {
      let takes = command.arguments.isEmpty ? "takes no arguments" : "takes only \(usage(of: command.arguments))"
      throw error("unexpected argument '\(quotable(extra))': '\(command.name)' \(takes)")
    }
    return assigned
  }

  private func unknownOption(_ written: String) -> UsageError {
    let bare = String(written.drop { $0 == "-" })
    let names = command.options.map(\.name) + ["help"]
    var hint = ""
    if let near = nearestName(to: bare, among: names) {
      hint = "; did you mean --\(near)?"
    } else {
      let owners = program.commands.filter { $0.option(bare) != nil }.map { "'\($0.name)'" }
      if !owners.isEmpty { hint = "; it is an option of \(owners.joined(separator: ", "))" }
    }
    return error("'\(command.name)' has no option '\(quotable(written))'\(hint)")
  }

  private func usage(of arguments: [Argument]) -> String { arguments.map(\.usage).joined(separator: " ") }

  private func error(_ message: String) -> UsageError {
    UsageError(message, help: "\(program.name) \(command.name) --help")
  }
}

/// What a user wrote, fit for one line of a message: control characters replaced, at most 80 characters.
func quotable(_ text: String) -> String {
  let scalars = text.unicodeScalars
  return printable(String(String.UnicodeScalarView(scalars.prefix(80)))) + (scalars.count > 80 ? "..." : "")
}

/// Without control characters.
func printable(_ text: String) -> String {
  String(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : Character($0) })
}
