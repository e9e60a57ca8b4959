/// An option of a command: `--name VALUE`, `--name=VALUE`, or a flag that takes no value.
public struct Option: Sendable {
  /// What an option's text must be; told in the help and checked as the command line is read.
  public enum Kind: Sendable {
    case flag
    case text
    case integer(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    /// A whole number with a unit (`ms`, `s`, `m`, `h`, `d`); the range is in milliseconds.
    case duration_ms(ClosedRange<Int>)
    case choice([String])
    /// A text of which the function tells what is wrong with it, as in `'x' is no day`; nil: nothing.
    case checked(@Sendable (String) -> String?)
  }

  public let name: String
  /// Stands for the value in the help, in upper case; empty for a flag.
  public let placeholder: String
  public let kind: Kind
  public let help: String
  /// As it would be written on the command line.
  public let defaultValue: String?
  public let isRequired: Bool
  /// May be given several times, each time adding a value.
  public let isRepeatable: Bool

  private init(
    _ name: String, _ placeholder: String, _ kind: Kind, _ defaultValue: String?, _ isRequired: Bool,
    _ isRepeatable: Bool, _ help: String
  ) {
    self.name = name
    self.placeholder = placeholder
    self.kind = kind
    self.help = help
    self.defaultValue = defaultValue
    self.isRequired = isRequired
    self.isRepeatable = isRepeatable
  }

  public static func flag(_ name: String, help: String) -> Option {
    Option(name, "", .flag, nil, false, false, help)
  }

  public static func text(
    _ name: String, _ placeholder: String, default value: String? = nil, required: Bool = false,
    repeatable: Bool = false, help: String
  ) -> Option {
    Option(name, placeholder, .text, value, required, repeatable, help)
  }

  public static func integer(
    _ name: String, _ placeholder: String, in range: ClosedRange<Int>, default value: Int? = nil,
    required: Bool = false, help: String
  ) -> Option {
    Option(name, placeholder, .integer(range), value.map { "\($0)" }, required, false, help)
  }

  public static func number(
    _ name: String, _ placeholder: String, in range: ClosedRange<Double>, default value: Double? = nil,
    required: Bool = false, help: String
  ) -> Option {
    Option(name, placeholder, .number(range), value.map { "\($0)" }, required, false, help)
  }

  /// `default` is written as on the command line (`5s`); `in` is in milliseconds.
  public static func duration(
    _ name: String, _ placeholder: String, in range: ClosedRange<Int>, default value: String? = nil,
    required: Bool = false, help: String
  ) -> Option {
    Option(name, placeholder, .duration_ms(range), value, required, false, help)
  }

  public static func choice(
    _ name: String, _ placeholder: String, of choices: [String], default value: String? = nil, required: Bool = false,
    help: String
  ) -> Option {
    Option(name, placeholder, .choice(choices), value, required, false, help)
  }

  public static func checked(
    _ name: String, _ placeholder: String, help: String, _ refusal: @escaping @Sendable (String) -> String?
  ) -> Option {
    Option(name, placeholder, .checked(refusal), nil, false, false, help)
  }

  var takesValue: Bool { if case .flag = kind { false } else { true } }

  /// `--name VALUE`
  var spelling: String { takesValue ? "--\(name) \(placeholder)" : "--\(name)" }
}
