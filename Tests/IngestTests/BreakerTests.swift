import Testing

@testable import Ingest

@Suite("The breaker")
struct BreakerTests {
  /// Counts records; tells the number of the record that trips, from 1.
  private func trip(_ limits: Breaker.Limits, _ isBad: [Bool]) -> Int? {
    var breaker = Breaker(limits)
    for (index, bad) in isBad.enumerated() {
      breaker.count(isBad: bad)
      if breaker.tripped != nil { return index + 1 }
    }
    return nil
  }

  private func bad(_ count: Int, of total: Int) -> [Bool] { (0..<total).map { $0 < count } }

  @Test("trips at the end of a window of which more than half is bad, and tells the window")
  func trips() {
    #expect(trip(.init(), bad(501, of: 1000)) == 1000)
    var breaker = Breaker(.init())
    for isBad in bad(600, of: 1000) { breaker.count(isBad: isBad) }
    #expect(breaker.tripped?.records == 1000)
    #expect(breaker.tripped?.bad == 600)
  }

  @Test("does not trip at exactly half, nor before a full window")
  func holds() {
    #expect(trip(.init(), bad(500, of: 1000)) == nil)
    #expect(trip(.init(), bad(999, of: 999)) == nil)
  }

  @Test("looks at one window after the other: the good past does not excuse a bad present")
  func windows() {
    #expect(trip(.init(), bad(0, of: 100_000) + bad(501, of: 1000)) == 101_000)
    // 700 bad in a row, but half of each window.
    #expect(trip(.init(), bad(0, of: 650) + bad(700, of: 1350)) == nil)
  }

  @Test("takes its limits from outside", arguments: [(10, 90, 10, 10), (10, 0, 1, 10), (1, 50, 1, 1)])
  func limits(records: Int, percent: Int, badRecords: Int, trips: Int) {
    #expect(trip(.init(records: records, percent: percent), bad(badRecords, of: records)) == trips)
    if percent > 0 && percent < 100 && records > 1 {
      #expect(trip(.init(records: records, percent: percent), bad(badRecords - 1, of: records)) == nil)
    }
  }

  @Test("never trips where all records may be bad")
  func never() {
    #expect(trip(.init(records: 10, percent: 100), bad(1000, of: 1000)) == nil)
  }
}
