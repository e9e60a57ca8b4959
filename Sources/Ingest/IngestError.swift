import InterestStore

/// Why ingestion stopped.
public struct IngestError: Error, Equatable, CustomStringConvertible, Sendable {
  public enum Code: Sendable {
    /// The state cannot be written or read.
    case storage
    /// An input cannot be read, or is not what it was.
    case input
    /// Kafka refuses something that waiting does not mend.
    case kafka
    /// Not waited for, as the process ends. What was not kept is read again.
    case interrupted
    /// Most records are bad: a wrong file, or a wrong schema was deployed.
    case breaker
  }

  public let code: Code
  public let message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  init(_ error: StoreError) { self.init(error.code == .interrupted ? .interrupted : .storage, error.message) }

  public var description: String { message }
}
