import InterestStore
import Kafka
import Testing

@testable import Ingest

@Suite("A lane's partitions")
final class LanePartitionsTests {
  static func make(_ count: Int = 4, breaker: Breaker.Limits = .init()) -> LanePartitions {
    LanePartitions(topic: "events", count: count, breaker: Breaker(breaker))
  }

  var partitions = LanePartitionsTests.make()

  func status(_ partition: UInt16) throws -> PartitionStatus {
    try #require(partitions.statuses.first { $0.partition == partition })
  }

  func assign(_ partition: UInt16, stored: PartitionOffsets?, log: (low: Int64, high: Int64)) -> Int64? {
    let start = partitions.assign(partition, stored: stored, log: log)
    if start != nil { partitions.setFetched([Int32(partition)]) }
    return start
  }

  /// Without the last records, which one test of its own looks at.
  func takePositions() -> [PartitionOffsets] {
    partitions.positions().partitions.map { .init(partition: $0.partition, base: $0.base, applied: $0.applied) }
  }

  /// As the lane does it: asks, then applies.
  func apply(_ partition: Int32, _ offset: Int64, isBad: Bool = false) -> Bool {
    guard partitions.wants(partition, offset) else { return false }
    _ = partitions.apply(partition, offset, timestamp_ms: 5000 + offset, event_ms: isBad ? nil : 1000 + offset)
    return true
  }

  func refresh(ends: [UInt16: Int64] = [:], now_ms: Int64 = 77) {
    partitions.refresh(now_ms: now_ms) { ends[$0] }
  }

  @Test("without state one is read from the log's beginning, and live at the end seen then")
  func fromNothing() throws {
    #expect(assign(2, stored: nil, log: (5, 9)) == 5)
    #expect(partitions.owned == [2])
    var begun = PartitionStatus(partition: 2, state: .restoring, applied: 5, durable: 5, end: 9)
    begun.isWhole = false
    #expect(try status(2) == begun && !begun.isAnswered)
    for offset in Int64(5)..<9 { #expect(apply(2, offset)) }
    refresh(ends: [2: 12])
    var expected = PartitionStatus(partition: 2, state: .live, applied: 9, durable: 5, end: 12)
    expected.lastApplied_ms = 77
    expected.lastEvent_ms = 1008
    #expect(try status(2) == expected && expected.isAnswered)
    #expect(try status(2).lag == 3)
  }

  @Test("with state one goes on at its offset, whatever the log's beginning is before it")
  func fromStored() throws {
    let stored = PartitionOffsets(partition: 1, base: 3, applied: 8)
    #expect(assign(1, stored: stored, log: (6, 20)) == 8)
    var begun = PartitionStatus(partition: 1, state: .catchingUp, applied: 8, durable: 8, end: 20)
    begun.isWhole = false
    #expect(try status(1) == begun && !begun.isAnswered)
    #expect(partitions.commits(of: [1]) == [PartitionOffset(partition: 1, offset: 8, metadata: "base=3")])
  }

  @Test("one that is applied to its end is live at once, an empty one too", arguments: [(0, 0, nil), (7, 7, 7)])
  func liveAtOnce(low: Int64, high: Int64, applied: Int64?) throws {
    let stored = applied.map { PartitionOffsets(partition: 0, base: 0, applied: $0) }
    #expect(assign(0, stored: stored, log: (low, high)) == high)
    #expect(try status(0).state == .live)
  }

  @Test("an empty one without state is written down: its base is known from then on")
  func emptyIsDirty() {
    #expect(!partitions.isDirty)
    _ = partitions.assign(0, stored: nil, log: (4, 4))
    #expect(partitions.isDirty)
    #expect(takePositions() == [PartitionOffsets(partition: 0, base: 4, applied: 4)])
    #expect(!partitions.isDirty)
  }

  @Test("one with state and nothing new leaves nothing to write")
  func knownIsClean() {
    _ = partitions.assign(0, stored: PartitionOffsets(partition: 0, base: 0, applied: 4), log: (0, 4))
    #expect(!partitions.isDirty)
  }

  @Test(
    "a log that begins behind or ends before the needed offset is lost history, and says what to do",
    arguments: [(Int64(9), Int64(20), "the log begins at offset 9"), (0, 7, "the log ends at offset 7")])
  func lostHistory(low: Int64, high: Int64, message: String) throws {
    let stored = PartitionOffsets(partition: 3, base: 0, applied: 8)
    #expect(assign(3, stored: stored, log: (low, high)) == nil)
    let status = try status(3)
    #expect(status.state == .lostHistory)
    #expect(status.message.contains(message))
    #expect(status.message.contains("from offset 8"))
    #expect(status.message.contains("partition 3 of topic events"))
    #expect(status.message.contains("new state directory"))
    #expect(!partitions.wants(3, 8))
    #expect(!partitions.wants(3, 9))
    #expect(partitions.commits(of: [3]).isEmpty)
    refresh(ends: [3: 30])
    #expect(try self.status(3).state == .lostHistory)
  }

  @Test(
    "without state the log must still begin where the group once began",
    arguments: [(Int64(4), Int64(9), nil), (9, 9, 9), (12, 9, 9)] as [(Int64, Int64, Int64?)])
  func committedBase(base: Int64, low: Int64, start: Int64?) throws {
    let decided = partitions.assign(0, stored: nil, committedBase: base, log: (low, 20))
    #expect(decided == start)
    #expect(try status(0).state == (start == nil ? .lostHistory : .restoring))
    if start == nil {
      #expect(try status(0).message.contains("the log begins at offset 9"))
      #expect(!partitions.wants(0, 9))
    }
  }

  @Test("a stored state does not need what the group once began with")
  func committedBaseWithState() {
    let stored = PartitionOffsets(partition: 0, base: 6, applied: 10)
    let start = partitions.assign(0, stored: stored, committedBase: 2, log: (8, 20))
    #expect(start == 10)
    #expect(partitions.commits(of: [0]).map(\.metadata) == ["base=6"])
  }

  @Test(
    "the base is read from a commit's metadata as it is written",
    arguments: [
      ("base=0", 0), ("base=42", 42), ("", nil), ("something else", nil), ("base=", nil), ("base=x", nil),
    ] as [(String, Int64?)])
  func metadata(text: String, base: Int64?) {
    #expect(LanePartitions.base(in: text) == base)
  }

  @Test("lost while it is read, one keeps what it has and is read no more")
  func lostLater() throws {
    _ = partitions.assign(0, stored: nil, log: (0, 50))
    #expect(apply(0, 0))
    partitions.loseHistory(0, log: (10, 50))
    #expect(try status(0).state == .lostHistory)
    #expect(!partitions.wants(0, 10))
    // What was applied is in the buffer, and covered by its offset.
    #expect(takePositions() == [PartitionOffsets(partition: 0, base: 0, applied: 1)])
  }

  @Test("given again after it was lost to history, one starts over with a clean message")
  func recovers() throws {
    let stored = PartitionOffsets(partition: 3, base: 0, applied: 8)
    _ = partitions.assign(3, stored: stored, log: (0, 7))
    #expect(assign(3, stored: stored, log: (0, 8)) == 8)
    #expect(try status(3).message == "")
    #expect(try status(3).state == .live)
  }

  @Test("a record below the applied offset is dropped, and a gap is passed over")
  func drops() throws {
    _ = partitions.assign(0, stored: PartitionOffsets(partition: 0, base: 0, applied: 5), log: (0, 50))
    #expect(!apply(0, 4))
    #expect(!partitions.isDirty)
    #expect(apply(0, 5))
    #expect(!apply(0, 5))
    #expect(apply(0, 9))
    #expect(!apply(0, 8))
    #expect(try status(0).applied == 10)
  }

  @Test("a record of a partition that is not owned or does not exist is dropped", arguments: [Int32(-1), 1, 4, 99])
  func dropsForeign(partition: Int32) {
    _ = partitions.assign(0, stored: nil, log: (0, 50))
    #expect(!partitions.wants(partition, 0))
    partitions.reachEnd(partition, 40)
    #expect(takePositions() == [PartitionOffsets(partition: 0, base: 0, applied: 0)])
  }

  @Test("the end of a partition moves the applied offset over what is no record, never back")
  func reachesEnd() throws {
    _ = partitions.assign(0, stored: PartitionOffsets(partition: 0, base: 0, applied: 0), log: (0, 12))
    #expect(apply(0, 9))
    partitions.reachEnd(0, 12)
    refresh()
    #expect(try status(0).applied == 12)
    #expect(try status(0).state == .live)
    partitions.reachEnd(0, 11)
    #expect(try status(0).applied == 12)
    #expect(partitions.isDirty)
    #expect(takePositions().first?.applied == 12)
    partitions.reachEnd(0, 12)
    #expect(!partitions.isDirty)
  }
}
