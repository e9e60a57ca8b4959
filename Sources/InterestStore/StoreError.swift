import Failpoints
import RocksDB

/// What a state directory cannot do, in words for whoever runs it.
public struct StoreError: Error, CustomStringConvertible, Sendable {
  public enum Code: Sendable {
    /// Another process has the directory open.
    case inUse
    /// The directory was made with another configuration, cluster map or source.
    case different
    /// There is no state, or what is there is not one.
    case notFound
    /// Stored bytes cannot be read.
    case damaged
    /// The operating system or RocksDB failed.
    case storage
    /// Not waited for, as the process ends. What was not kept is read again.
    case interrupted
  }

  public let code: Code
  public let message: String
  /// Whether the same call may succeed later.
  public let isRetryable: Bool

  public var description: String { message }

  public init(_ code: Code, _ message: String, isRetryable: Bool = false) {
    self.code = code
    self.message = message
    self.isRetryable = isRetryable
  }

  /// Like a failure of the system that may go away.
  static func failpoint(_ point: Failpoint) -> StoreError {
    StoreError(.storage, "failpoint \(point.rawValue)", isRetryable: true)
  }

  init(_ error: RocksDBError) {
    self.init(error.code == .corruption ? .damaged : .storage, error.description, isRetryable: error.isRetryable)
  }
}

/// Bounds of a store, with defaults for a budget of 512 MB.
public struct StoreLimits: Equatable, Sendable {
  public var buffer = FoldBufferLimits()
  /// Buffers that exist at once: one fills while the other is flushed.
  public var buffers = 2
  public var blockCache_bytes = 96 << 20
  /// Flushers wait while level 0 holds more files.
  public var level0Files = 40

  public init() {}
}
