import Bytes

/// What a protocol made of the bytes it was given.
public struct Reception: Sendable {
  public enum Verdict: Sendable {
    /// Everything consumed has been answered; no request is half read.
    case complete
    /// A request has begun and needs more bytes.
    case partial
    /// A request is complete, and its reply comes later, by `ConnectionHandler.reply`: until then nothing that follows is shown.
    case deferred
    /// There is more to send than was written: the handler is called again, with what is left of the input if anything, as soon as
    /// the peer takes it.
    case more
    /// The connection ends when its output has been sent.
    case close
  }

  /// How many bytes, from the front, need not be shown again.
  public let consumed: Int
  public let verdict: Verdict

  public init(consumed: Int, _ verdict: Verdict) {
    self.consumed = consumed
    self.verdict = verdict
  }
}

/// One connection's protocol: a state machine over bytes, without I/O. It lives on its loop's thread.
///
/// A class to derive from rather than a protocol, so that the calls per request need no existential.
open class ConnectionHandler {
  /// As long as it is open. Not weak: counting what has weak references takes several times as long.
  final var connection: Connection?
  /// Whom the peer's certificate names; nil where it has shown none. Known before the first `receive`.
  public internal(set) final var identity: PeerIdentity?

  public init() {}

  /// Takes bytes from the front of `input` and appends the reply to `output`, which may hold other bytes already.
  ///
  /// A call answers one request, or takes one step of a larger exchange, and returns: the loop calls again with the rest, at
  /// once or, where too much output waits for the peer, when that has been sent. After such a wait `input` may be empty.
  /// Bytes not consumed come again with more behind them, up to `NetworkLimits.input_bytes`: a handler that needs more than
  /// that in one piece loses the connection. `.complete` without consuming any of a non-empty input is an error of the
  /// handler and ends the connection.
  open func receive(_ input: UnsafeRawBufferPointer, _ output: inout ByteBuffer) -> Reception {
    Reception(consumed: input.count, .close)
  }

  /// What `receive` will be shown soon, after other connections have been asked the same: what the answer takes may be brought near.
  open func foresee(_ input: UnsafeRawBufferPointer) {}

  /// A request that had begun was not complete in time, or a deferred reply did not come. The connection ends after `output`.
  open func requestExpired(_ output: inout ByteBuffer) {}

  /// Whether the protocol has many requests under way at a time, with deadlines of its own, by `wake`: then the connection has only
  /// that of writing, and a drain ends it by the verdict `.close` alone.
  open var keepsTime: Bool { false }

  /// Whether requests are being answered, apart from one that is deferred: then a peer that sends no more still gets its replies.
  open var isAnswering: Bool { false }

  /// Whether a request may be on its way that the peer sent before it could know of the drain: until then a drain does not end the
  /// connection for having none.
  open var awaitsLast: Bool { false }

  /// Whether it keeps requests, at a cost in memory, for one that says what becomes of them: that one is waited for as the rest of a request
  /// is.
  open var keepsRequests: Bool { false }

  /// Whether no request has been let in yet, where not all are: then the connection has only `NetworkLimits.stranger_ms` between two.
  open var isStranger: Bool { false }

  /// The connection is there; nothing has come yet.
  open func opened() {}

  /// The loop drains: no further connections come. Followed by a call of `receive` where `keepsTime`.
  open func drain() {}

  /// The time that `wake` gave has come. Followed by a call of `receive`, where output does not wait for the peer.
  open func woken() {}

  /// The peer speaks in clear where TLS is spoken: `output` is sent to it in clear, and the connection ends.
  open func refusePlaintext(_ output: inout ByteBuffer) {}

  /// The connection is gone, and with it the peer's interest in a deferred reply.
  open func ended() {}

  /// The reply that `.deferred` has promised: `write` appends it, and answers whether the connection stays open. On the loop's thread,
  /// but not within `receive`. Without effect where the connection is gone, or no reply is owed.
  public final func reply(_ write: (inout ByteBuffer) -> Bool) { connection?.finishDeferred(write) }

  /// Whether the loop drains: what is answered now is the last, but for what has arrived behind it.
  public final var isDraining: Bool { connection?.loop.isDraining ?? false }

  /// Whether bytes have arrived behind the request whose reply is owed. Not within `receive`.
  public final var isFollowed: Bool { connection.map { $0.input.count > 0 } ?? false }

  /// Whether a reply of so many bytes may be written. Where much waits for slow peers already, a long one may not: it would end
  /// connections, perhaps its own.
  public final func hasRoom(for bytes: Int) -> Bool {
    guard bytes > Connection.piece_bytes, let connection, !connection.loop.outputs.hasRoom(for: bytes) else {
      return true
    }
    connection.loop.shedOutput()
    return false
  }

  /// Ends the connection at once: what its peer has not taken is lost. Not within `receive`.
  public final func abandon() { connection?.abort() }

  /// Has `receive` called for what it has to send by itself: at once, with the input that is left, or after output that waits for the
  /// peer. Without effect within `receive`, which sends anyway, and where the connection is gone. On the loop's thread.
  public final func transmit() { connection?.transmit() }

  /// Has `woken` called, once, at this time of `MonotonicClock`, or at an earlier one that was asked for before.
  public final func wake(at_ns: UInt64) { connection?.wake(at_ns: at_ns) }
}

/// What the connections of one listener on one loop share: made on the loop's thread and used by no other, so that it may
/// hold memory to reuse.
open class ConnectionFactory {
  public init() {}

  /// Called once, before the first connection: `dialer` opens connections on the same loop.
  open func started(_ dialer: Dialer) {}

  /// A connection has been accepted.
  open func makeConnection() -> ConnectionHandler { ConnectionHandler() }
}
