/// What a connection waits for, and until when. One timer serves all kinds, since only one is meant at a time.
///
/// The timer is not moved when the deadline moves away, as it does with every request: it fires early, looks, and is set again.
/// So a request costs no work on the timer.
struct Deadline: ~Copyable {
  enum Kind { case handshake, idle, request, write, linger }

  var event: Event?
  private var kind: Kind?
  private var at_ns = UInt64.max
  /// When the timer will fire.
  private var armed_ns = UInt64.max

  init() {}

  /// The next `begin` starts anew, whatever its kind.
  mutating func clear() { kind = nil }

  /// Waiting for the same thing as before goes on with the deadline it has: only then does a slow drip, of requests or of
  /// reads, meet it.
  mutating func begin(_ kind: Kind, _ after_ms: Int, now_ns: UInt64) {
    guard kind != self.kind else { return }
    self.kind = kind
    at_ns = now_ns + UInt64(after_ms) * 1_000_000
    arm(now_ns)
  }

  /// The timer has fired: what has expired, if anything has.
  mutating func fired(now_ns: UInt64) -> Kind? {
    armed_ns = .max
    if now_ns >= at_ns { return kind }
    arm(now_ns)
    return nil
  }

  private mutating func arm(_ now_ns: UInt64) {
    guard at_ns < armed_ns else { return }
    armed_ns = at_ns
    event?.add(after_ns: at_ns - now_ns)
  }
}
