/// What one command may use. All of it must be below `NetworkLimits.input_bytes`.
public struct RESPLimits: Sendable {
  /// Its name included. Some more than any command takes, so that too long a list of keys is told by a name, and not as an
  /// error of the protocol.
  public var arguments = 4096
  /// One argument.
  public var argument_bytes = 64 * 1024
  /// All arguments with their framing.
  public var request_bytes = 512 * 1024
  /// Memory of the commands between MULTI and EXEC, above 4 KiB each, of all connections of a loop. Beyond it: BUSY.
  public var queues_bytes = 32 << 20
  /// A command as a line of text.
  public var inline_bytes = 64 * 1024

  public init() {}

  /// What those may use who have not said who they are; as Redis has it.
  static var strangers: RESPLimits {
    var limits = RESPLimits()
    limits.arguments = 10
    limits.argument_bytes = 16 * 1024
    limits.request_bytes = 64 * 1024
    return limits
  }
}
