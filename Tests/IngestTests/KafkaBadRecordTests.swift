import Ingest
import InterestCodec
import InterestStore
import Kafka
import TestKit
import Testing
import Threads

@Suite("Bad records of a topic")
struct KafkaBadRecordTests {
  private let kafka: KafkaFixture
  private let events: [Event]

  init() throws {
    kafka = try KafkaFixture()
    events = kafka.world.events(400)
  }

  private var user: [UInt8] { Array(events[0].user.utf8) }
  private var value: [UInt8] { Array(events[0].json.dropLast()) }

  @Test(
    "are dead letters once each, with topic, offset, reason, key and bytes; everything else counts",
    arguments: [8, 100_000])
  func deadLetters(buffer: Int) throws {
    var future = events[0]
    future.time_ms = WallClock.now_ms + 3 * 86_400_000
    let records: [(reason: BadRecord.Reason, key: [UInt8]?, value: [UInt8]?)] =
      [
        (.nullValue, user, nil), (.nullValue, nil, nil), (.emptyValue, user, []), (.keyMismatch, nil, value),
        (.keyMismatch, Array("somebody".utf8), value), (.keyMismatch, [], value),
        (.timeInFuture, user, Array(future.json.dropLast())),
        (.recordTooLarge, user, value + [UInt8](repeating: 0x20, count: 1 << 19)),
      ]
      + (BadSample.json + BadSample.protobuf).filter { $0.bytes.first != UInt8(ascii: "n") }.map {
        ($0.reason, Array("u1".utf8), $0.bytes)
      }
    try kafka.produce(events[..<200])
    try kafka.publish(records.map { (2, $0.key, $0.value) })
    try kafka.produce(events[200...])
    let change: (inout KafkaLaneSettings) -> Void = { $0.record_bytes = 1 << 19 }
    let total = events.count + records.count
    let counters = try kafka.run(buffer: buffer, change) { try $0.reach(applied: total) }
    #expect(counters.behaviors == 400)
    #expect(counters.bad == UInt64(records.count))
    for reason in BadRecord.Reason.allCases {
      #expect(counters.bad(reason) == UInt64(records.count { $0.reason == reason }), "\(reason)")
    }
    let first = Int64(events[..<200].count { kafka.partition(of: $0.user) == 2 })
    // Started again, nothing is added.
    for _ in 0..<2 {
      let letters = try kafka.state.deadLetters
      #expect(letters.map(\.reason) == records.map(\.reason.rawValue))
      #expect(letters.map(\.offset) == records.indices.map { first + Int64($0) })
      #expect(letters.map(\.value) == records.map(\.value))
      #expect(letters.map(\.key) == records.map(\.key))
      #expect(letters.allSatisfy { $0.topic == "events" && $0.partition == 2 })
      #expect(letters.allSatisfy { ($0.timestamp_ms ?? 0) > 1_700_000_000_000 })
      try kafka.run(buffer: buffer, change) { try $0.reach(applied: total) }
    }
    #expect(try kafka.state.dump() == kafka.world.expectedDump(events))
  }

  @Test("keys may be anything where they are ignored")
  func keysIgnored() throws {
    let place = kafka.partition(of: events[0].user)
    try kafka.publish([(place, nil, value), (place, Array("x".utf8), value), (place, user, value)])
    let counters = try kafka.run {
      $0.checksKey = false
    } while: { running in
      try running.reach(applied: 3)
    }
    #expect(counters.behaviors == 3)
    #expect(try kafka.state.dump() == kafka.world.expectedDump([events[0], events[0], events[0]]))
  }

  @Test("a user on a partition where lookups do not look is counted")
  func misplaced() throws {
    let place = (kafka.partition(of: events[0].user) + 1) % 4
    try kafka.publish([(place, user, value), (place, user, value)])
    let counters = try kafka.run { try $0.reach(applied: 2) }
    #expect(counters.misplacedUsers == 1)
    #expect(try kafka.state.dump() == kafka.world.expectedDump([events[0], events[0]]))
  }

  @Test("a format that is pinned refuses the other", arguments: [EventFormat.json, .protobuf])
  func pinned(format: EventFormat) throws {
    try kafka.produce(events[..<10], as: .json)
    try kafka.produce(events[..<10], as: .protobuf)
    let counters = try kafka.run {
      $0.format = format
    } while: { running in
      try running.reach(applied: 20)
    }
    #expect(counters.behaviors == 10)
    #expect(counters.bad == 10)
  }

  @Test("of more than half of a partition stop that partition, and no other; put right, it goes on where it stopped")
  func breaker() throws {
    let bad = [(partition: Int32?, key: [UInt8]?, value: [UInt8]?)](
      repeating: (1, user, Array("garbage".utf8)), count: 80)
    let before = events.filter { kafka.partition(of: $0.user) == 1 }.count
    try kafka.produce(events)
    try kafka.publish(bad)
    let change: (inout KafkaLaneSettings) -> Void = { $0.breakerRecords = 40 }
    try kafka.run(buffer: 16, change) { running in
      try running.reach("stopped") { running.statuses.contains { $0.state == .stopped } }
      try running.reach("the others live") {
        running.statuses.count == 4 && running.statuses.allSatisfy { $0.partition == 1 || $0.state == .live }
      }
      let stopped = try #require(running.statuses.first { $0.state == .stopped })
      #expect(stopped.partition == 1)
      #expect(stopped.message.contains("partition 1 of topic events is stopped at offset \(stopped.applied)"))
      #expect(stopped.message.contains("malformed_protobuf"))
      #expect(stopped.applied >= before + 20 && stopped.applied < before + 80)
      #expect(!running.ingest.board.isReady)
    }
    let counters = try kafka.run(buffer: 16) { try $0.reach(applied: 480) }
    #expect(counters.bad < 80)
    #expect(try kafka.state.deadLetters.count == 80)
    #expect(try kafka.state.dump() == kafka.world.expectedDump(events))
  }
}
