/// A `LatencyHistogram`'s content at one moment.
public struct LatencySnapshot: Sendable {
  private var counts: [UInt64]
  public private(set) var sum_ns: UInt64
  public private(set) var max_ns: UInt64

  init(counts: [UInt64], sum_ns: UInt64, max_ns: UInt64) {
    self.counts = counts
    self.sum_ns = sum_ns
    self.max_ns = max_ns
  }

  public var count: UInt64 { counts.reduce(0, +) }

  /// Adds another's durations, as if all had been recorded in one.
  public mutating func merge(_ other: LatencySnapshot) {
    for index in counts.indices { counts[index] += other.counts[index] }
    sum_ns &+= other.sum_ns
    max_ns = max(max_ns, other.max_ns)
  }

  /// The duration that a share of `quantile` (0...1) does not exceed: at most 3 % too long, and never above `max_ns`. 0 where
  /// nothing was recorded.
  public func quantile_ns(_ quantile: Double) -> UInt64 {
    let total = count
    guard total > 0 else { return 0 }
    let rank = UInt64(max(1, (min(max(quantile, 0), 1) * Double(total)).rounded(.up)))
    var seen: UInt64 = 0
    for (index, count) in counts.enumerated() {
      seen += count
      // The last bucket has no upper bound.
      if seen >= rank { return index == counts.count - 1 ? max_ns : min(LatencyBuckets.upper(index), max_ns) }
    }
    return max_ns
  }

  /// How many were shorter than `bound_ns`: exact where that is a power of two from 32 to 2^40.
  func count(below_ns bound_ns: UInt64) -> UInt64 {
    counts[..<LatencyBuckets.index(of: bound_ns)].reduce(0, +)
  }
}
