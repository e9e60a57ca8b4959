/// What a listener's connections may use. Every wait has an end, and every buffer a size.
public struct NetworkLimits: Sendable {
  /// Open connections of a listener, over all loops. At the limit, clients wait in the listening queue.
  public var connections = 1024
  /// Bytes a connection may hold that its protocol has not consumed yet.
  public var input_bytes = 64 * 1024
  /// Bytes of further requests a connection may hold while replies wait for the peer, or one is owed: a peer that sends all of a
  /// long pipeline before it reads is not stuck below that. 0: none are read then but, while a reply is owed, what fits into
  /// `input_bytes`.
  public var pipelined_bytes = 0
  /// Bytes all connections of a loop may hold above 64 KiB each. Beyond it nothing more is read of those that do.
  public var held_bytes = 64 << 20
  /// A connection with more than this many bytes to send is not parsed. What it holds to send stays below this plus one
  /// reply.
  public var outputHighWater_bytes = 256 * 1024
  /// Memory of output that waits for peers, over all connections of a server, of which its own limits count. Beyond it those of a loop
  /// are ended for which most waits: the server outlasts as many slow peers as come.
  public var waiting_bytes = 64 << 20
  /// Where output has no room, connections whose peers have taken none of much for so long are ended first.
  public var stall_ms = 5_000
  /// A connection between two requests is closed after this.
  public var idle_ms = 60_000
  /// Or after this, where that is less: as long as it has had no request, or none that was let in.
  public var stranger_ms = 10_000
  /// From the first byte of a request until its last one has arrived.
  public var request_ms = 10_000
  /// From the moment the peer does not take bytes until it has taken all that are waiting.
  public var write_ms = 30_000
  /// How long a connection that the server has ended waits for the peer's end.
  public var linger_ms = 2_000
  /// While the server drains, a connection whose peer neither sends nor takes anything in this time is not waited for.
  public var drainStall_ms = 2_000
  /// From accepting a connection until TLS is agreed on.
  public var handshake_ms = 5_000

  public init() {}
}
