/// What gRPC calls and their connections may use. Every wait has an end, and every buffer a size.
public struct GRPCLimits: Sendable {
  /// A request's message, inflated or not. Above it a call ends with RESOURCE_EXHAUSTED.
  public var message_bytes = 1 << 20
  /// Requests of one connection that are not complete, or wait for their turn.
  public var connectionRequests_bytes = 4 << 20
  /// Likewise, of all connections of a loop.
  public var loopRequests_bytes = 64 << 20
  /// A connection whose replies have more bytes to send computes no further ones: its complete requests wait.
  public var connectionReplies_bytes = 1 << 20
  /// Replies of all connections of a loop that their clients have not taken. Above it calls end with RESOURCE_EXHAUSTED, and so do
  /// answers that come late, which may be long, above three quarters of it.
  public var loopReplies_bytes = 64 << 20
  /// Where replies have no room, a connection whose client has taken none for so long is ended.
  public var stall_ms = 1000
  /// A request's header fields, with 32 bytes more for each (RFC 9113 section 6.5.2).
  public var header_bytes = 16 << 10
  /// Calls under way of one connection; a client waits with others.
  public var streams = 100
  /// Calls of a loop that are being answered: their requests are complete, and their answers are not. Above it calls end with
  /// RESOURCE_EXHAUSTED.
  public var calls = 4096
  /// Likewise, from their header until their reply is taken: a client that does not go on takes no other's place among the former.
  public var begunCalls = 32_768
  /// Calls of a loop that stay open to tell of changes.
  public var watches = 1024
  /// From the connection's beginning until the client's settings have come.
  public var preface_ms = 10_000
  /// From a call's header until its request is complete.
  public var request_ms = 10_000
  /// A call without a deadline of its own has this one.
  public var call_ms = 10_000
  /// A client that does not take a reply in this time loses it.
  public var reply_ms = 30_000
  /// A connection on which nothing came for so long is asked for a sign of life.
  public var keepalive_ms = 60_000
  /// It has so long to give one.
  public var keepaliveAnswer_ms = 20_000
  /// A connection without calls is ended after this.
  public var idle_ms = 300_000
  /// A connection is ended after this, calls under way excepted; 0: never.
  public var age_ms = 0
  /// The end of a connection waits so long for its client to show that it knows of it, by the answer to a ping.
  public var lastCalls_ms = 2000
  /// And then so long for calls that the client had begun by then: some write the answer to a ping before those.
  public var lastWrites_ms = 100
  /// How often open watches look for changes.
  public var watch_ms = 200
  /// A connection with much to answer gives others their turn after this.
  public var turn_ms = 2

  public init() {}
}
