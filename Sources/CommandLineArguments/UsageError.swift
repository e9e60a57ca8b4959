/// A command line that cannot be understood: one line that says what is wrong and where the help is. The caller prints it on
/// standard error and exits with `exitCode`.
public struct UsageError: Error, Equatable, Sendable, CustomStringConvertible {
  public let message: String
  /// The command line that prints the help, such as `interestd ingest --help`.
  public let help: String

  public init(_ message: String, help: String) {
    self.message = message
    self.help = help
  }

  public var exitCode: Int32 { 2 }

  public var description: String { "\(message) (see '\(help)')" }
}
