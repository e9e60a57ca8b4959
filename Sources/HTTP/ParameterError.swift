/// A part of a request that is not as it must be; for `HTTPResponse.fail`.
public struct ParameterError: Error, Sendable, Equatable {
  /// The query parameter, path part or field.
  public let parameter: String
  /// What is wrong and what is expected, in one line.
  public let message: String

  public init(_ parameter: String, _ message: String) {
    self.parameter = parameter
    self.message = message
  }
}
