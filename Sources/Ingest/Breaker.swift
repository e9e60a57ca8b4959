/// Stops a source of which most records are bad: a wrong file, or a wrong schema was deployed (DESIGN.md section 4). Looks at one
/// full window of records after the other.
struct Breaker {
  /// `percent` of a window of so many records must be bad, and more, to trip.
  struct Limits: Equatable, Sendable {
    var records = 1000
    var percent = 50
  }

  private let limits: Limits
  private var records = 0
  private var bad = 0
  /// Records and bad ones of the window that tripped.
  private(set) var tripped: (records: Int, bad: Int)?

  init(_ limits: Limits) { self.limits = limits }

  @inline(__always)
  mutating func count(isBad: Bool) {
    records &+= 1
    if isBad { bad &+= 1 }
    if records >= limits.records { close() }
  }

  private mutating func close() {
    if bad * 100 > records * limits.percent { tripped = (records, bad) }
    (records, bad) = (0, 0)
  }
}
