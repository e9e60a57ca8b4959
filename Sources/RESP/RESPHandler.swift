import Network

/// What answers commands. One object per network loop, called on its thread only, so that it may keep memory to reuse.
///
/// A class to derive from rather than a protocol, so that the calls per command need no existential.
open class RESPHandler {
  public init() {}

  /// Those answered by `respond`; the connection's own come in addition. Asked for once.
  open var commands: [RESPCommandSpec] { [] }

  /// What greetings tell: who answers, and the newest Redis whose commands these are, by which clients choose what they may send.
  open var product: (name: String, redisVersion: String) { ("resp", "0") }

  /// Called once, before the first command: `dialer` opens connections on the handler's loop.
  open func started(_ dialer: Dialer) {}

  /// Answers one command, whose number of arguments its specification has let pass: writes one value, or defers that. What the command's
  /// arguments point to is good until this returns. Other connections of the loop wait meanwhile.
  ///
  /// - Parameter verb: The specification's.
  open func respond(
    to verb: Int, _ command: borrowing RESPCommand, _ session: RESPSession, into reply: inout RESPReply
  ) {}

  /// The name, in lower case, of the command with one key that clients send many of in a row; nil: there is none.
  open var foreseenCommand: StaticString? { nil }

  /// A `foreseenCommand` with this key, which is not empty, is likely to come soon, perhaps of another connection.
  open func foresee(key: UnsafeRawBufferPointer) {}

  /// Those that are foreseen come now: what they take may be brought near.
  open func foreseen() {}

  /// What a connection may do that has shown nothing, not even a certificate.
  open var initialAccess: RESPAccess { .admin }

  /// A connection is there, or has been reset: sets `session.access` where the peer's certificate (`session.identity`) gives more.
  open func opened(_ session: RESPSession) {}

  /// Commands have come, at `session.active_ns`: sets `session.access` where what the connection has shown counts no more.
  open func refresh(_ session: RESPSession) {}

  /// What a connection may do that has this password; nil where it is wrong.
  ///
  /// - Parameter user: `default` where only a password was given.
  open func access(
    user: UnsafeRawBufferPointer, password: UnsafeRawBufferPointer, of session: RESPSession
  ) -> RESPAccess? { nil }

  /// Why commands that write are refused.
  ///
  /// - Parameter removing: Whether one would remove a key.
  open func refusalOfWrites(removing: Bool) -> String { "nothing is written here" }

  /// The sections of INFO, in order, each with lines of a name and a value.
  ///
  /// - Parameter access: Of the connection that asks.
  open func info(for access: RESPAccess) -> [RESPInfoSection] { [] }
}

/// A part of INFO's text.
public struct RESPInfoSection: Sendable {
  public let name: String
  public var lines: [(name: String, value: String)]

  public init(_ name: String, _ lines: [(name: String, value: String)]) {
    self.name = name
    self.lines = lines
  }
}
