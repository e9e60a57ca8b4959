/// Why a lookup has no answer, and whose doing it is.
public struct LookupError: Error, Equatable, CustomStringConvertible {
  public enum Code: String, CaseIterable, Sendable {
    /// A parameter is out of place.
    case badRequest = "bad_request"
    /// There is no such generation.
    case noGeneration = "no_generation"
    /// This instance has no cluster map to find groups by.
    case noClusterMap = "no_cluster_map"
    /// The answer would be larger than answers may be.
    case tooLarge = "too_large"
    /// Nobody can answer at the moment: an instance starts, partitions move, or an owner is gone.
    case unavailable
    /// As many requests are under way as may be.
    case busy
    /// The time that the caller gave is over.
    case deadline
    /// The user's stored bytes cannot be read.
    case damaged
    /// The store failed.
    case storage
    /// The state has given the user's partition up.
    case notOwned = "not_owned"
    /// The user's records are not where the partitioner says, or may not be.
    case misplaced
    /// The owner of the user's partition has sent what is no answer.
    case badAnswer = "bad_answer"
  }

  public let code: Code
  /// The parameter at fault.
  public let parameter: String?
  public let message: String
  /// When it may be tried again; nil: not by itself.
  public let retryAfter_s: Int?

  public init(_ code: Code, _ message: String, parameter: String? = nil, retryAfter_s: Int? = nil) {
    self.code = code
    self.message = message
    self.parameter = parameter
    self.retryAfter_s = retryAfter_s
  }

  public var description: String { message }
}
