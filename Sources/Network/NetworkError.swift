import Glibc

/// Why the network layer could not do what it was asked.
public struct NetworkError: Error, CustomStringConvertible, Sendable {
  public enum Code: Sendable {
    /// An address that cannot be parsed or resolved.
    case address
    /// An address other machines could reach, without leave.
    case remote
    /// A certificate, a key or a file of tokens that is of no use.
    case credentials
    /// The system refused.
    case system
  }

  public let code: Code
  /// What was being done, what is wrong and what to do, in one line.
  public let description: String

  init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }

  /// `action` failed with `number`.
  static func system(_ action: String, _ number: Int32, hint: String? = nil) -> NetworkError {
    let reason = String(cString: strerror(number)).lowercased()
    return NetworkError(.system, "\(action): \(reason)" + (hint.map { "; \($0)" } ?? ""))
  }
}
