import Glibc

/// An input that cannot be read, or not from here on. Everything given before it is good.
public struct InputError: Error, Equatable, CustomStringConvertible {
  public enum Code: Sendable {
    /// The name's ending says nothing about the format.
    case unknownFormat
    /// The operating system refuses.
    case unreadable
    /// It ends inside a record or a gzip member: it may be half-written.
    case truncated
    /// Its bytes contradict the format; nothing behind them can be framed.
    case corrupt
    /// It is not what was read from it before.
    case changed
    /// It is in another format than its name says.
    case wrongFormat
  }

  public let code: Code
  /// The file, or `-`.
  public let path: String
  /// One line: what is wrong, and at which byte.
  public let problem: String
  /// What to do about it.
  public let hint: String
  /// Where it is, in decompressed bytes.
  public let offset: UInt64?
  /// Where it is, in bytes of a compressed file.
  public let compressedOffset: UInt64?

  init(
    _ code: Code, _ path: String, _ problem: String, hint: String, offset: UInt64? = nil,
    compressedOffset: UInt64? = nil
  ) {
    self.code = code
    self.path = path
    self.problem = problem
    self.hint = hint
    self.offset = offset
    self.compressedOffset = compressedOffset
  }

  /// Whether reading it again later may go further, with nothing else changed.
  public var isRetryable: Bool { code == .truncated }

  public var description: String { "cannot read \(path): \(problem); \(hint)" }

  static func system(_ path: String, _ operation: String, _ number: Int32) -> InputError {
    let hint =
      switch number {
      case ENOENT: "check the path"
      case EACCES, EPERM: "check the permissions"
      default: "check the file and its volume"
      }
    return InputError(.unreadable, path, "\(operation) failed: \(String(cString: strerror(number)))", hint: hint)
  }
}
