import Synchronization

/// Durations counted in log-linear buckets, like HdrHistogram: 32 to each power of two, so that a value is known to 3 %, up to
/// 2^40 ns (18 minutes); what is longer counts in the last bucket. Recording takes three relaxed additions, from any thread.
public final class LatencyHistogram: @unchecked Sendable {  // the memory holds atomics only, and lives as long as this
  static let bucketCount = LatencyBuckets.count
  private let buckets = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: bucketCount)
  private let sum_ns = Atomic<UInt64>(0)
  private let max_ns = Atomic<UInt64>(0)

  public init() {
    for index in 0..<Self.bucketCount { (buckets + index).initialize(to: Atomic(0)) }
  }

  deinit {
    buckets.deinitialize(count: Self.bucketCount)
    buckets.deallocate()
  }

  /// - Parameter count: How many took so long.
  public func record(_ duration_ns: UInt64, count: Int = 1) {
    buckets[LatencyBuckets.index(of: duration_ns)].add(UInt64(count), ordering: .relaxed)
    // Wraps after 584 years of recorded time.
    sum_ns.wrappingAdd(duration_ns &* UInt64(count), ordering: .relaxed)
    if duration_ns > max_ns.load(ordering: .relaxed) { max_ns.max(duration_ns, ordering: .relaxed) }
  }

  /// What has been recorded so far. What is recorded meanwhile may be in the counts and not in the sum, or the reverse.
  public var snapshot: LatencySnapshot {
    let counts = (0..<Self.bucketCount).map { buckets[$0].load(ordering: .relaxed) }
    return LatencySnapshot(
      counts: counts, sum_ns: sum_ns.load(ordering: .relaxed), max_ns: max_ns.load(ordering: .relaxed))
  }
}

/// Where the buckets lie: 0..<32 singly, then 32 of equal width in each [2^k, 2^(k+1)).
enum LatencyBuckets {
  static let subBits: UInt64 = 5
  static let maxBits: UInt64 = 40
  static let count = Int((maxBits - subBits + 1) << subBits)

  @inline(__always)
  static func index(of value: UInt64) -> Int {
    if value < 1 << subBits { return Int(value) }
    let exponent = UInt64(63 - value.leadingZeroBitCount)
    if exponent >= maxBits { return count - 1 }
    let shift = exponent - subBits
    return Int((shift << subBits) + (value >> shift))
  }

  /// The largest value that the bucket holds.
  static func upper(_ index: Int) -> UInt64 {
    let index = UInt64(index)
    if index < 2 << subBits { return index }
    let shift = (index >> subBits) - 1
    return (((index & (1 << subBits - 1)) + (1 << subBits) + 1) << shift) - 1
  }
}
