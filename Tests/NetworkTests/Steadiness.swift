import Testing

/// How steadily a test that plays a peer has gone on: a busy machine may let it wait for longer than what it tests allows.
struct Steadiness {
  private let clock = ContinuousClock()
  private var last: ContinuousClock.Instant
  private(set) var longest = Duration.zero

  init() { last = clock.now }

  mutating func note() {
    longest = max(longest, clock.now - last)
    last = clock.now
  }
}

/// Tries until `body` succeeds; that it fails says something only where none of its pauses was longer than `limit`.
func steadily(pausing limit: Duration, _ body: (inout Steadiness) throws -> Bool) rethrows {
  for _ in 0..<10 {
    var steadiness = Steadiness()
    if try body(&steadiness) { return }
    steadiness.note()
    if steadiness.longest <= limit { break }
  }
  Issue.record("it has failed, though the peer went on")
}
