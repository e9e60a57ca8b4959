import TestKit
import Testing

@testable import Ingest

@Suite("Duplicate window")
struct DuplicateWindowTests {
  private func window(_ offsets: Int = 1_000_000, time_ms: Int64 = 3_600_000) -> DuplicateWindow {
    .make(DuplicateLimits(offsets: offsets, time_ms: time_ms))
  }

  private func record(
    _ offset: Int64, _ timestamp_ms: Int64 = 1000, user: String = "u", eventID: String = "e"
  ) -> IDRecord {
    IDRecord(user: user, eventID: eventID, offset: offset, timestamp_ms: timestamp_ms)
  }

  @Test("the same user and event id within both bounds is a duplicate, at the bound too")
  func bounds() {
    let window = window(10, time_ms: 100)
    #expect(!window.isDuplicate(record(1, 1000)))
    #expect(window.isDuplicate(record(11, 1100)))
    #expect(!window.isDuplicate(record(22, 1100)))
    #expect(!window.isDuplicate(record(32, 1201)))
    #expect(window.isDuplicate(record(33, 1301)))
    #expect(!window.isDuplicate(record(34, 1000)))
  }

  @Test("another user, or another event id, is none")
  func others() {
    let window = window()
    #expect(!window.isDuplicate(record(1, user: "ab", eventID: "c")))
    #expect(!window.isDuplicate(record(2, user: "a", eventID: "bc")))
    #expect(!window.isDuplicate(record(3, user: "ab", eventID: "d")))
    #expect(window.isDuplicate(record(4, user: "a", eventID: "bc")))
  }

  @Test("all earlier records count, not only the latest")
  func allEarlier() {
    let hour: Int64 = 3_600_000
    let window = window()
    #expect(!window.isDuplicate(record(1, 10 * hour)))
    #expect(!window.isDuplicate(record(2, 12 * hour)))
    #expect(window.isDuplicate(record(3, 10 * hour + hour / 2)))
  }

  @Test("a duplicate prolongs the window of its id")
  func duplicatesCount() {
    let window = window(10)
    #expect(!window.isDuplicate(record(1)))
    #expect(window.isDuplicate(record(9)))
    #expect(window.isDuplicate(record(18)))
    #expect(window.isDuplicate(record(27)))
    #expect(!window.isDuplicate(record(38)))
  }

  @Test("where a record has no timestamp, only offsets count")
  func untimed() {
    let window = window(10, time_ms: 100)
    #expect(!window.isDuplicate(record(1, -1)))
    #expect(window.isDuplicate(record(2, 5000)))
    #expect(window.isDuplicate(record(3, 1)))
    #expect(window.isDuplicate(record(13, -1)))
    #expect(!window.isDuplicate(record(24, -1)))
  }

  @Test("no offsets, or no event id, and nothing is a duplicate")
  func off() {
    let off = window(0)
    #expect(!off.isDuplicate(record(1)) && !off.isDuplicate(record(2)))
    #expect(off.takeNew().isEmpty && off.count == 0)
    let window = window()
    #expect(!window.isDuplicate(record(1, eventID: "")) && !window.isDuplicate(record(2, eventID: "")))
    #expect(window.takeNew().isEmpty && window.count == 0)
  }

  @Test("timestamps at the ends of their range are compared")
  func extremeTimestamps() {
    let window = window()
    #expect(!window.isDuplicate(record(1, 0)))
    #expect(!window.isDuplicate(record(2, .max)))
    #expect(window.isDuplicate(record(3, 3_600_000)))
    #expect(window.isDuplicate(record(4, .max - 1)))
  }

  struct Log {
    var name: String
    var limits: DuplicateLimits
    var ids = 100
    var steps: ClosedRange<Int64> = 1...3
    var spread_ms: Int64 = 10_000
    var untimedShare = 0.05
    var pace_ms: Int64 = 10
    var wideShare = 0.0
    var start: Int64 = 0
  }

  static let logs = [
    Log(name: "few ids", limits: .init(offsets: 300, time_ms: 1000), ids: 4),
    Log(name: "few ids, no timestamps missing", limits: .init(offsets: 300, time_ms: 300), ids: 2, untimedShare: 0),
    Log(
      name: "few ids, one moment", limits: .init(offsets: 300, time_ms: 0), ids: 4, spread_ms: 20, untimedShare: 0,
      pace_ms: 0),
    Log(name: "many ids", limits: .init(offsets: 2000, time_ms: 5000), ids: 3000),
    Log(name: "a window of one offset", limits: .init(offsets: 1), ids: 2),
    Log(name: "a tiny window", limits: .init(offsets: 7, time_ms: 2000), ids: 5),
    Log(name: "the default window", limits: .init(), ids: 500, spread_ms: 100_000_000, untimedShare: 0),
    Log(
      name: "the largest window", limits: .init(offsets: 2_000_000, time_ms: 60_000), ids: 500, spread_ms: 10_000_000),
    Log(
      name: "the largest window, wide gaps", limits: .init(offsets: 2_000_000, time_ms: .max), ids: 40,
      steps: 1...200_000),
    Log(
      name: "gaps wider than the window", limits: .init(offsets: 2_000_000), ids: 3, steps: 900_000...2_500_000,
      pace_ms: 0, start: 1 << 40),
    Log(name: "gaps around 2^22", limits: .init(offsets: 5), ids: 2, pace_ms: 0, wideShare: 0.3),
    Log(name: "no timestamps", limits: .init(offsets: 50), ids: 60, untimedShare: 1),
  ]

  @Test("a window answers as the list of all earlier records does", arguments: logs, 0..<6)
  func asReference(log: Log, seed: Int) {
    var maker = IDLogMaker(seed: UInt64(seed))
    (maker.ids, maker.steps, maker.spread_ms) = (log.ids, log.steps, log.spread_ms)
    (maker.untimedShare, maker.pace_ms) = (log.untimedShare, log.pace_ms)
    (maker.wideShare, maker.offset) = (log.wideShare, log.start)
    let window = DuplicateWindow.make(log.limits)
    var reference = ReferenceDuplicates(log.limits)
    var duplicates = 0
    for _ in 0..<4000 {
      let record = maker.next()
      let expected = reference.isDuplicate(record)
      duplicates += expected ? 1 : 0
      guard window.isDuplicate(record) == expected else {
        Issue.record("\(log.name), seed \(seed): \(record) is \(expected ? "a" : "no") duplicate")
        return
      }
    }
    #expect(duplicates > 0 && duplicates < 4000, "\(log.name) shows nothing")
  }

  @Test("memory is bounded by the records in the window")
  func memory() {
    let window = window(10_000)
    for offset in 0..<60_000 {
      _ = window.isDuplicate(record(Int64(offset), eventID: "\(offset)"))
      if offset % 1000 == 0 { _ = window.takeNew() }
    }
    _ = window.takeNew()
    #expect(window.count >= 10_000 && window.count <= 11_800)
    #expect(window.memory_bytes <= 14_000 * 16 + (1 << 17))
    #expect(!window.isDuplicate(record(10_000_000, eventID: "9")))
    #expect(window.count == 1)
  }

  enum Flood: CaseIterable { case rising, falling, random, far, still }

  @Test("a flood of one id is answered as by the reference, and is not quadratic", arguments: Flood.allCases)
  func flood(_ flood: Flood) {
    let limits = DuplicateLimits(offsets: 50_000, time_ms: 1000)
    let window = DuplicateWindow.make(limits)
    var oracle = FloodOracle(limits)
    var random = SeededGenerator(seed: 7)
    for offset in Int64(0)..<200_000 {
      let timestamp_ms: Int64 =
        switch flood {
        case .rising: 1 + offset
        case .falling: 1_000_000_000 - offset
        case .random: Int64.random(in: 0...20_000_000, using: &random)
        case .far: offset * 1001
        case .still: 5
        }
      let expected = oracle.isDuplicate(offset, timestamp_ms)
      guard window.isDuplicate(record(offset, timestamp_ms)) == expected else {
        Issue.record("offset \(offset) is \(expected ? "a" : "no") duplicate")
        return
      }
      if offset % 10_000 == 0 { _ = window.takeNew() }
    }
    #expect(window.memory_bytes <= 65_536 * 32 + (1 << 20))
    #expect(!window.isDuplicate(record(400_000, 0)))
    #expect(window.memory_bytes < 1 << 19, "what a flood took is given back")
  }
}

/// The records of one id by moments of `time_ms`: each moment's latest offset, so that a flood is judged in constant time a record.
/// Exact for neighbors by looking at all records of the two moments beside.
private struct FloodOracle {
  let limits: DuplicateLimits
  private var moments: [Int64: [(offset: Int64, time_ms: Int64)]] = [:]

  init(_ limits: DuplicateLimits) { self.limits = limits }

  mutating func isDuplicate(_ offset: Int64, _ time_ms: Int64) -> Bool {
    let moment = time_ms / limits.time_ms
    var isDuplicate = false
    for near in moment - 1...moment + 1 {
      // The latest first: in most floods it decides.
      for record in (moments[near] ?? []).reversed() {
        if offset - record.offset > limits.offsets { break }
        if abs(record.time_ms - time_ms) <= limits.time_ms {
          isDuplicate = true
          break
        }
      }
    }
    moments[moment, default: []].append((offset, time_ms))
    return isDuplicate
  }
}
