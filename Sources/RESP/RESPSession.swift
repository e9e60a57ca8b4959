public import Network
import Threads

/// What a connection has told of itself.
public final class RESPSession {
  /// Of the connection, unique in the process.
  public let id: UInt64
  public internal(set) var version = RESPVersion.two
  public var access: RESPAccess
  /// Whom the peer's certificate names.
  public internal(set) var identity: PeerIdentity?
  /// What it has shown, where that is kept: the handler's.
  public var credentials: Credentials?
  var name = ""
  var libraryName = ""
  var libraryVersion = ""
  /// The name of the last command, as its specification has it.
  var lastCommand: StaticString = ""
  let opened_ns = MonotonicClock.now_ns
  /// When commands came last, by `MonotonicClock`.
  public internal(set) var active_ns: UInt64

  init(id: UInt64, access: RESPAccess) {
    self.id = id
    self.access = access
    active_ns = opened_ns
  }
}

/// What a connection may do.
public enum RESPAccess: Int, Sendable, Comparable {
  /// Say who it is.
  case none
  /// Look up.
  case read
  /// Look at other connections too.
  case admin

  public static func < (a: RESPAccess, b: RESPAccess) -> Bool { a.rawValue < b.rawValue }
}
