/// How often something may happen: `burst` times at once, and again once every `interval_ms`.
struct Allowance {
  private let burst: Int
  private let interval_ns: UInt64
  private var left: Int
  private var counted_ns: UInt64

  init(burst: Int, every interval_ms: Int, now_ns: UInt64) {
    self.burst = burst
    interval_ns = UInt64(interval_ms) * 1_000_000
    left = burst
    counted_ns = now_ns
  }

  /// False where it has happened too often.
  mutating func take(now_ns: UInt64) -> Bool {
    let earned = (now_ns - min(counted_ns, now_ns)) / interval_ns
    if earned > 0 {
      left = min(burst, left + Int(min(earned, UInt64(burst))))
      counted_ns = left == burst ? now_ns : counted_ns + earned * interval_ns
    }
    guard left > 0 else { return false }
    left -= 1
    return true
  }

  /// As if nothing had happened.
  mutating func refill() { left = burst }
}
