/// A command's arguments, complete and checked: required ones are there, and every value is of its option's kind. Asking for a name
/// or a type that the command does not declare is the program's own mistake, and stops it.
public struct ParsedArguments: Sendable {
  public let command: Command
  /// By option or argument; flags have one empty value.
  private let values: [String: [String]]

  init(command: Command, values: [String: [String]]) {
    self.command = command
    self.values = values
  }

  /// Whether the command line itself names the option or argument; its default does not count.
  public func isGiven(_ name: String) -> Bool {
    precondition(
      command.option(name) != nil || command.arguments.contains { $0.name == name },
      "'\(command.name)' declares no '\(name)'")
    return values[name]?.isEmpty == false
  }

  public func flag(_ name: String) -> Bool {
    precondition(!declared(name).takesValue, "--\(name) is no flag")
    return values[name] != nil
  }

  /// A text or choice option's value, its default, or nil.
  public func text(_ name: String) -> String? { value(of: declared(name)) }

  /// All values of a repeatable option.
  public func texts(_ name: String) -> [String] {
    let option = declared(name)
    return values[name] ?? option.defaultValue.map { [$0] } ?? []
  }

  public func integer(_ name: String) -> Int? {
    let option = declared(name)
    guard case .integer = option.kind else { preconditionFailure("--\(name) is no integer") }
    return value(of: option).flatMap(parsedInteger)
  }

  public func number(_ name: String) -> Double? {
    let option = declared(name)
    guard case .number = option.kind else { preconditionFailure("--\(name) is no number") }
    return value(of: option).flatMap(parsedNumber)
  }

  public func duration_ms(_ name: String) -> Int? {
    let option = declared(name)
    guard case .duration_ms = option.kind else { preconditionFailure("--\(name) is no duration") }
    return value(of: option).flatMap(parsedDuration_ms)
  }

  /// A positional argument, nil where it is optional and left out.
  public func argument(_ name: String) -> String? { arguments(name).first }

  /// A repeated positional argument, in order.
  public func arguments(_ name: String) -> [String] {
    precondition(command.arguments.contains { $0.name == name }, "'\(command.name)' declares no \(name)")
    return values[name] ?? []
  }

  private func value(of option: Option) -> String? { values[option.name]?.last ?? option.defaultValue }

  private func declared(_ name: String) -> Option {
    guard let option = command.option(name) else { preconditionFailure("'\(command.name)' declares no --\(name)") }
    return option
  }
}
