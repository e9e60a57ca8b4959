import Synchronization

/// What a server's loops have done; read from any thread, at any time.
public final class NetworkCounters: Sendable {
  let accepted = Atomic<UInt64>(0)
  let open = Atomic<Int>(0)
  let idleExpired = Atomic<UInt64>(0)
  let requestsExpired = Atomic<UInt64>(0)
  let writesExpired = Atomic<UInt64>(0)
  let acceptPauses = Atomic<UInt64>(0)
  let received_bytes = Atomic<UInt64>(0)
  let sent_bytes = Atomic<UInt64>(0)

  public struct Values: Sendable {
    public var accepted: UInt64
    public var open: Int
    /// Connections ended because no request came.
    public var idleExpired: UInt64
    /// Connections ended because a request was not complete in time.
    public var requestsExpired: UInt64
    /// Connections ended because the peer did not take its replies.
    public var writesExpired: UInt64
    /// How often accepting stopped, at the limit of connections or for want of descriptors.
    public var acceptPauses: UInt64
    public var received_bytes: UInt64
    public var sent_bytes: UInt64
  }

  /// Each exact, but not all of the same moment.
  public var values: Values {
    Values(
      accepted: accepted.load(ordering: .relaxed), open: open.load(ordering: .relaxed),
      idleExpired: idleExpired.load(ordering: .relaxed), requestsExpired: requestsExpired.load(ordering: .relaxed),
      writesExpired: writesExpired.load(ordering: .relaxed), acceptPauses: acceptPauses.load(ordering: .relaxed),
      received_bytes: received_bytes.load(ordering: .relaxed), sent_bytes: sent_bytes.load(ordering: .relaxed))
  }
}
