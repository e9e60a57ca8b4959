import Synchronization

/// What has become of a listener's connections; read from any thread, at any time.
public final class NetworkCounters: Sendable {
  let accepted = Atomic<UInt64>(0)
  let open = Atomic<Int>(0)
  let idleExpired = Atomic<UInt64>(0)
  let requestsExpired = Atomic<UInt64>(0)
  let writesExpired = Atomic<UInt64>(0)
  let shed = Atomic<UInt64>(0)
  let acceptPauses = Atomic<UInt64>(0)
  let received_bytes = Atomic<UInt64>(0)
  let sent_bytes = Atomic<UInt64>(0)
  let handshakes = Atomic<UInt64>(0)
  let handshakesFailed = Atomic<UInt64>(0)
  let plaintextRefused = Atomic<UInt64>(0)

  public init() {}

  public struct Values: Sendable {
    public var accepted: UInt64 = 0
    public var open = 0
    /// Connections ended because no request came.
    public var idleExpired: UInt64 = 0
    /// Connections ended because a request was not complete in time.
    public var requestsExpired: UInt64 = 0
    /// Connections ended because the peer did not take its replies.
    public var writesExpired: UInt64 = 0
    /// Connections ended because too much output waited, and most of it for their peers.
    public var shed: UInt64 = 0
    /// How often accepting stopped, at the limit of connections or for want of descriptors.
    public var acceptPauses: UInt64 = 0
    public var received_bytes: UInt64 = 0
    public var sent_bytes: UInt64 = 0
    /// TLS handshakes that were completed.
    public var handshakes: UInt64 = 0
    /// Those that were not, in time or at all: a certificate was wanting, or nothing in common.
    public var handshakesFailed: UInt64 = 0
    /// Connections that spoke in clear where TLS is spoken.
    public var plaintextRefused: UInt64 = 0

    public init() {}

    static func + (left: Values, right: Values) -> Values {
      var sum = left
      sum.accepted += right.accepted
      sum.open += right.open
      sum.idleExpired += right.idleExpired
      sum.requestsExpired += right.requestsExpired
      sum.writesExpired += right.writesExpired
      sum.shed += right.shed
      sum.acceptPauses += right.acceptPauses
      sum.received_bytes += right.received_bytes
      sum.sent_bytes += right.sent_bytes
      sum.handshakes += right.handshakes
      sum.handshakesFailed += right.handshakesFailed
      sum.plaintextRefused += right.plaintextRefused
      return sum
    }
  }

  /// Each exact, but not all of the same moment.
  public var values: Values {
    var values = Values()
    values.accepted = accepted.load(ordering: .relaxed)
    values.open = open.load(ordering: .relaxed)
    values.idleExpired = idleExpired.load(ordering: .relaxed)
    values.requestsExpired = requestsExpired.load(ordering: .relaxed)
    values.writesExpired = writesExpired.load(ordering: .relaxed)
    values.shed = shed.load(ordering: .relaxed)
    values.acceptPauses = acceptPauses.load(ordering: .relaxed)
    values.received_bytes = received_bytes.load(ordering: .relaxed)
    values.sent_bytes = sent_bytes.load(ordering: .relaxed)
    values.handshakes = handshakes.load(ordering: .relaxed)
    values.handshakesFailed = handshakesFailed.load(ordering: .relaxed)
    values.plaintextRefused = plaintextRefused.load(ordering: .relaxed)
    return values
  }
}

/// The counters of several listeners as one.
public struct NetworkTotals: Sendable {
  let parts: [NetworkCounters]

  public var values: NetworkCounters.Values { parts.reduce(NetworkCounters.Values()) { $0 + $1.values } }
}
