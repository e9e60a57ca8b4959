import InterestStore
import Kafka
import Testing

@testable import Ingest

/// What goes with buffers, and what rebalances, bad records, gaps and pauses do to it.
extension LanePartitionsTests {
  @Test("a buffer covers every owned partition, one without events too, and what was given up since the last, once")
  func positions() {
    for partition in [UInt16(0), 1, 3] { _ = partitions.assign(partition, stored: nil, log: (0, 50)) }
    #expect(apply(1, 0))
    partitions.remove(3)
    #expect(
      takePositions() == [
        PartitionOffsets(partition: 0, base: 0, applied: 0), PartitionOffsets(partition: 1, base: 0, applied: 1),
        PartitionOffsets(partition: 3, base: 0, applied: 0),
      ])
    #expect(takePositions().map(\.partition) == [0, 1])
  }

  @Test("what is durable is what was flushed, and only that is committed")
  func durable() throws {
    for partition in [UInt16(0), 1] { _ = partitions.assign(partition, stored: nil, log: (2, 50)) }
    #expect(apply(0, 2))
    let flushed = partitions.positions()
    #expect(apply(0, 3))
    #expect(partitions.commits(of: [0, 1]).map(\.offset) == [2, 2])
    partitions.makeDurable(flushed)
    #expect(
      partitions.commits(of: partitions.owned) == [
        PartitionOffset(partition: 0, offset: 3, metadata: "base=2"),
        PartitionOffset(partition: 1, offset: 2, metadata: "base=2"),
      ])
    #expect(try status(0).applied == 4)
    #expect(partitions.isDirty)
    // An older report, and one of a partition that was given back, change nothing.
    var older = DurablePositions()
    older.partitions = [
      PartitionOffsets(partition: 0, base: 2, applied: 2), PartitionOffsets(partition: 3, base: 0, applied: 9),
    ]
    partitions.makeDurable(older)
    #expect(partitions.commits(of: partitions.owned).map(\.offset) == [3, 2])
  }

  @Test("those that stay through a rebalance have their places after what was applied, those without history none")
  func places() throws {
    for partition in 0..<3 { _ = assign(UInt16(partition), stored: nil, log: (0, 9)) }
    _ = assign(3, stored: PartitionOffsets(partition: 3, base: 0, applied: 4), log: (5, 9))
    for offset in 0..<7 { #expect(apply(1, Int64(offset), isBad: offset == 6)) }
    #expect(partitions.places(except: [2]).map(\.partition) == [0, 1])
    #expect(partitions.places(except: [2]).map(\.offset) == [0, 7])
    #expect(partitions.places(except: [0, 1, 2]).isEmpty)
  }

  @Test("one that is being given back is read on until it is gone, then not at all")
  func revoking() throws {
    _ = partitions.assign(0, stored: nil, log: (0, 0))
    partitions.setRevoking(0)
    #expect(try status(0).state == .revoking)
    refresh()
    #expect(try status(0).state == .revoking)
    partitions.remove(0)
    #expect(partitions.statuses.isEmpty)
    #expect(!partitions.wants(0, 0))
  }

  @Test("the end as last heard is never below what is applied")
  func ends() throws {
    _ = partitions.assign(0, stored: nil, log: (0, 3))
    for offset in Int64(0)..<5 { #expect(apply(0, offset)) }
    refresh(ends: [0: 2])
    #expect(try status(0).end == 5)
    #expect(try status(0).lag == 0)
  }

  @Test("the time of the last applied event stays while nothing new is applied")
  func lastApplied() throws {
    _ = partitions.assign(0, stored: nil, log: (0, 3))
    refresh(now_ms: 10)
    #expect(try status(0).lastApplied_ms == 0)
    #expect(apply(0, 0))
    refresh(now_ms: 20)
    refresh(now_ms: 30)
    #expect(try status(0).lastApplied_ms == 20)
    #expect(try status(0).lastEvent_ms == 1000)
  }

  @Test("the last event's time is a behavior's, not a bad record's")
  func lastEvent() throws {
    _ = partitions.assign(0, stored: nil, log: (0, 3))
    #expect(apply(0, 0, isBad: true))
    #expect(try status(0).lastEvent_ms == 0)
    #expect(apply(0, 1))
    #expect(apply(0, 2, isBad: true))
    #expect(try status(0).lastEvent_ms == 1001)
  }

  @Test("one whose records are mostly bad is stopped where it is, and the others are read on")
  func breakers() throws {
    partitions = LanePartitionsTests.make(breaker: .init(records: 4, percent: 50))
    for partition in [UInt16(0), 1] { _ = assign(partition, stored: nil, log: (0, 50)) }
    for offset in Int64(0)..<3 {
      _ = (apply(0, offset, isBad: true), apply(1, offset))
    }
    let good = partitions.apply(1, 3, timestamp_ms: 0, event_ms: nil)
    #expect(good == nil)
    let tripped = partitions.apply(0, 3, timestamp_ms: 0, event_ms: 5)
    let window = try #require(tripped)
    #expect(window.records == 4)
    #expect(window.bad == 3)
    partitions.stop(0, by: "unknown_type: type 'x'")
    #expect(try status(0).state == .stopped)
    let message = try status(0).message
    for part in ["partition 0 of topic events", "at offset 4", "3 of 4 records", "type 'x'", "redrive"] {
      #expect(message.contains(part))
    }
    #expect(!apply(0, 4) && apply(1, 4))
    #expect(takePositions().map(\.applied) == [4, 5])
    #expect(partitions.commits(of: [0]).count == 1)
    // Given again, it is not tried again.
    partitions.setRevoking(0)
    partitions.remove(0)
    #expect(assign(0, stored: PartitionOffsets(partition: 0, base: 0, applied: 4), log: (0, 50)) == 4)
    #expect(try status(0).state == .stopped)
    #expect(try status(0).message.contains("is stopped"))
    #expect(!apply(0, 4))
  }

  @Test("one that another member has already is not served, nor committed, and its records are covered by their offset")
  func lost() throws {
    _ = assign(0, stored: nil, log: (0, 50))
    #expect(apply(0, 0))
    partitions.setLost(0)
    #expect(try status(0).state == .lost)
    #expect(try !status(0).state.isServed)
    #expect(partitions.commits(of: [0]).isEmpty)
    #expect(!partitions.wants(0, 1))
    #expect(takePositions() == [PartitionOffsets(partition: 0, base: 0, applied: 1)])
    partitions.remove(0)
    #expect(partitions.statuses.isEmpty)
  }

  @Test("one that is given up before the buffer was handed over has its offset go with the buffer, and waits for that")
  func departed() {
    for partition in [UInt16(0), 1, 2] { _ = assign(partition, stored: nil, log: (0, 50)) }
    #expect(takePositions().count == 3)
    #expect(apply(1, 0))
    partitions.setRevoking(1)
    partitions.remove(1)
    #expect(partitions.hasDeparted([0, 1]) && !partitions.hasDeparted([0, 2]))
    // Given again before: its place is not looked up yet, and its old offset still goes with the buffer.
    partitions.setWaiting(1)
    #expect(
      takePositions() == [
        PartitionOffsets(partition: 0, base: 0, applied: 0), PartitionOffsets(partition: 1, base: 0, applied: 1),
        PartitionOffsets(partition: 2, base: 0, applied: 0),
      ])
    #expect(!partitions.hasDeparted([1]))
    #expect(takePositions().map(\.partition) == [0, 2])
  }

  @Test("which partitions are owned goes with every buffer, and changes of it are written soon")
  func owned() {
    _ = assign(0, stored: nil, log: (0, 50))
    _ = assign(2, stored: PartitionOffsets(partition: 2, base: 0, applied: 50), log: (0, 50))
    #expect(partitions.isDirty)
    #expect(partitions.positions().owned == [0, 2])
    partitions.setLost(2)
    #expect(partitions.positions().owned == [0])
    partitions.remove(2)
    #expect(partitions.isDirty)
    #expect(partitions.positions().owned == [0])
  }

  @Test("the last record goes with the offset, also over a restart without news")
  func lastRecord() {
    let last = PartitionOffsets.Record(offset: 6, timestamp_ms: 77)
    _ = assign(0, stored: PartitionOffsets(partition: 0, base: 0, applied: 8, last: last), log: (0, 50))
    #expect(partitions.positions().partitions.first?.last == last)
    #expect(apply(0, 9))
    #expect(partitions.positions().partitions.first?.last == .init(offset: 9, timestamp_ms: 5009))
    partitions.loseHistory(0, madeAnewAt: 9)
    #expect(partitions.message(of: 0).contains("another record at offset 9"))
    #expect(!partitions.wants(0, 10))
  }

  @Test("a gap is suspect for so many records after an assignment and a seek, and not later")
  func suspects() {
    _ = assign(0, stored: nil, log: (0, 500_000))
    #expect(!partitions.isSuspect(0, 0))
    #expect(partitions.isSuspect(0, 1))
    var offset: Int64 = 0
    while partitions.isSuspect(0, offset + 1) {
      #expect(apply(0, offset))
      offset += 1
    }
    #expect(offset == 30_000)
    partitions.hold(0)
    #expect(!apply(0, offset))
    refresh()
    #expect(!apply(0, offset))
    #expect(partitions.held == [PartitionOffset(partition: 0, offset: offset)])
    partitions.setPlaced(partitions.held)
    #expect(partitions.held.isEmpty)
    #expect(partitions.isSuspect(0, offset + 1))
    #expect(apply(0, offset))
  }

  @Test("paused, nothing is applied, and afterwards everything is read again from its place")
  func paused() throws {
    for partition in [UInt16(0), 1] { _ = assign(partition, stored: nil, log: (0, 50)) }
    #expect(apply(0, 0))
    partitions.setPaused(true)
    #expect(!apply(0, 1) && !apply(1, 0))
    partitions.reachEnd(0, 50)
    #expect(partitions.held.isEmpty)
    #expect(try status(0).state == .restoring)
    partitions.setPaused(false)
    // Records that were dropped meanwhile would be jumped over by the next one.
    #expect(!apply(0, 3))
    #expect(partitions.held.map(\.offset) == [1, 0])
    partitions.setPlaced(partitions.held)
    #expect(apply(0, 1) && apply(1, 0))
  }

  @Test("where the topic has grown, no partition is served or read, and all say why")
  func grown() throws {
    for partition in [UInt16(0), 1] { _ = assign(partition, stored: nil, log: (0, 50)) }
    partitions.loseAll("topic events has more than the 2 partitions that the state was made for")
    for partition in [UInt16(0), 1] {
      #expect(try status(partition).state == .lostHistory)
      #expect(try status(partition).message.contains("more than the 2 partitions"))
      #expect(try status(partition).message.contains("new state directory"))
    }
  }
}
