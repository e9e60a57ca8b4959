import TestKit
import Testing

@testable import Telemetry

@Suite("Latency histogram")
struct LatencyHistogramTests {
  @Test("every value lies in a bucket that ends at most 3 % above it")
  func precision() {
    var random = SeededGenerator(seed: 21)
    for _ in 0..<10_000 {
      let value = UInt64.random(in: 0...UInt64.max, using: &random) >> UInt64.random(in: 25...63, using: &random)
      let index = LatencyBuckets.index(of: value)
      let upper = LatencyBuckets.upper(index)
      #expect(value <= upper && upper - value <= value / 32)
      #expect(index == 0 || LatencyBuckets.upper(index - 1) < value)
    }
  }

  @Test("quantiles are those of the recorded values, to 3 %")
  func quantiles() {
    let histogram = LatencyHistogram()
    #expect(histogram.snapshot.quantile_ns(0.5) == 0)
    for value in 1...10_000 { histogram.record(UInt64(value) * 1_000) }
    let snapshot = histogram.snapshot
    #expect(snapshot.count == 10_000)
    #expect(snapshot.sum_ns == 50_005_000_000)
    #expect(snapshot.max_ns == 10_000_000)
    for (quantile, exact) in [(0.5, 5_000_000.0), (0.99, 9_900_000), (0.0001, 1_000)] {
      let found = Double(snapshot.quantile_ns(quantile))
      #expect(found >= exact && found <= exact * 1.032, "\(quantile)")
    }
    #expect(snapshot.quantile_ns(1) == 10_000_000)
  }

  @Test("a duration beyond the last bucket is counted, and its length is kept as the maximum")
  func beyond() {
    let histogram = LatencyHistogram()
    histogram.record(1 << 50)
    #expect(histogram.snapshot.quantile_ns(0.5) == 1 << 50)
    #expect(histogram.snapshot.count == 1)
  }

  @Test("merging is as recording into one")
  func merging() {
    var random = SeededGenerator(seed: 22)
    let (left, right, both) = (LatencyHistogram(), LatencyHistogram(), LatencyHistogram())
    for round in 0..<1_000 {
      let value = UInt64.random(in: 0...10_000_000_000, using: &random)
      (round % 3 == 0 ? left : right).record(value)
      both.record(value)
    }
    var merged = left.snapshot
    merged.merge(right.snapshot)
    #expect(merged.count == both.snapshot.count)
    #expect(merged.sum_ns == both.snapshot.sum_ns)
    for quantile in [0, 0.1, 0.5, 0.9, 0.999, 1] {
      #expect(merged.quantile_ns(quantile) == both.snapshot.quantile_ns(quantile))
    }
  }
}
