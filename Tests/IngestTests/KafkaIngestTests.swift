import Ingest
import InterestStore
import Kafka
import Lookup
import TestKit
import Testing

@Suite("Ingestion from a topic")
struct KafkaIngestTests {
  private let kafka: KafkaFixture
  private let events: [Event]

  init() throws {
    kafka = try KafkaFixture()
    events = kafka.world.events(3000)
  }

  @Test(
    "folds every user's behaviors, however they are written and however often buffers are flushed",
    arguments: KafkaFixture.Format.allCases, [16, 200_000])
  func folds(format: KafkaFixture.Format, buffer: Int) throws {
    try kafka.produce(events, as: format)
    let counters = try kafka.run(buffer: buffer) { try $0.reach(applied: 3000) }
    #expect(counters.behaviors == 3000)
    #expect(counters.bad == 0)
    #expect(counters.misplacedUsers == 0)
    #expect(try kafka.state.dump() == kafka.world.expectedDump(events))
  }

  @Test("of both formats in one topic works, too")
  func mixedFormats() throws {
    try kafka.produce(events[..<1000], as: .json)
    try kafka.produce(events[1000...], as: .protobuf)
    try kafka.run { try $0.reach(applied: 3000) }
    #expect(try kafka.state.dump() == kafka.world.expectedDump(events))
  }

  @Test("stopped and started again goes on from the stored offsets, whatever the group's are")
  func startsAgain() throws {
    var total: UInt64 = 0
    for round in 0..<3 {
      let next = (round + 1) * 1000
      try kafka.produce(events[(next - 1000)..<next], as: round == 1 ? .protobuf : .json)
      let counters = try kafka.run(buffer: 16) {
        // A group of its own each time: nothing is committed in it.
        $0.configuration.set("group.id", "round-\(round)")
      } while: { running in
        try running.reach(applied: next)
      }
      total += counters.behaviors
    }
    #expect(total == 3000)
    #expect(try kafka.state.dump() == kafka.world.expectedDump(events))
  }

  @Test("stopped in the middle of its backlog goes on where its buffers ended", arguments: [8, 300])
  func stopsInBacklog(buffer: Int) throws {
    try kafka.produce(events)
    var total: UInt64 = 0
    for part in [1, 500, 3000] {
      let counters = try kafka.run(buffer: buffer) { running in
        try running.reach("\(part) applied") { running.pipeline.counters.behaviors + total >= UInt64(part) }
      }
      total += counters.behaviors
    }
    #expect(total == 3000)
    #expect(try kafka.state.dump() == kafka.world.expectedDump(events))
  }

  @Test("commits what is durable of every partition, an empty one too, with the base")
  func commits() throws {
    // One user is on one partition: the others stay empty.
    let own = events.filter { $0.user == "1" }
    try kafka.produce(own)
    try kafka.run { try $0.reach(applied: own.count) }
    let expected = (0..<Int32(4)).map {
      PartitionOffset(
        partition: $0, offset: $0 == kafka.partition(of: "1") ? Int64(own.count) : 0, metadata: "base=0")
    }
    #expect(try kafka.committed() == expected)
  }

  @Test("commits while it runs, at each flush and by the clock, never ahead of what is durable")
  func commitsWhileRunning() throws {
    try kafka.produce(events)
    try kafka.run(buffer: 16) {
      $0.commitInterval_ms = 50
    } while: { running in
      try running.reach(applied: 3000)
      let isCommitted = eventually {
        let offsets = (try? kafka.committed()) ?? []
        return offsets.count == 4 && offsets.reduce(0) { $0 + $1.offset } >= 2900
      }
      #expect(isCommitted)
      for offset in try kafka.committed() {
        let status = try #require(running.ingest.board.status(of: UInt16(offset.partition)))
        #expect(offset.offset <= status.durable)
      }
    }
  }

  @Test("flushes a buffer that is not full when it is old")
  func flushesByAge() throws {
    try kafka.produce(events[..<10])
    try kafka.run {
      $0.bufferAge_ms = 50
    } while: { running in
      try running.reach("durable") { running.statuses.reduce(0) { $0 + $1.durable } == 10 }
    }
  }

  @Test("is ready when all of its partitions are live, an empty one too, and tells offsets, lag and times")
  func board() throws {
    let own = events.filter { $0.user == "1" }
    let place = UInt16(kafka.partition(of: "1"))
    try kafka.run { running in
      #expect(!running.ingest.board.isReady)
      try running.reach("ready") { running.ingest.board.isReady }
      #expect(running.statuses.map(\.partition) == [0, 1, 2, 3])
      #expect(running.statuses.allSatisfy { $0.state == .live && $0.applied == 0 && $0.lastApplied_ms == 0 })
      try kafka.produce(own)
      try running.reach(applied: own.count)
      let status = try #require(running.ingest.board.status(of: place))
      #expect(status.applied == Int64(own.count))
      #expect(status.end == Int64(own.count))
      #expect(status.lag == 0)
      #expect(status.lastApplied_ms > 1_700_000_000_000)
      #expect(status.lastEvent_ms == own.last?.time_ms)
    }
  }

  @Test("of records whose keys say nothing finds a user's behaviors on every partition")
  func keysSayNothing() throws {
    let kafka = try KafkaFixture(partitioner: .none)
    let own = events[..<800]
    try kafka.publish(own.enumerated().map { (Int32($0 % 4), nil, $1.protobuf) })
    let counters = try kafka.run(buffer: 64) {
      $0.checksKey = false
    } while: { running in
      try running.reach(applied: 800)
      var lookup = UserLookup(running.pipeline.store)
      let users = Set(own.map(\.user))
      #expect(
        try users.map { try lookup.sequence(of: $0) }.sorted() == kafka.world.expectedDump(Array(own)).sorted())
    }
    #expect(counters.misplacedUsers == 0)
    #expect(try kafka.state.dump() == kafka.world.expectedDump(Array(own)))
  }

  @Test("is not ready any more when it has stopped")
  func notReadyAfterwards() throws {
    var board: PartitionBoard?
    try kafka.run {
      try $0.reach(applied: 0)
      board = $0.ingest.board
    }
    #expect(board?.isReady == false)
    #expect(board?.all == [])
  }

  @Test("of a topic with more partitions than the state was made for serves and reads nothing, and says what to do")
  func grownTopic() throws {
    try kafka.produce(kafka.world.events(100))
    try kafka.run {
      $0.partitions = 2
    } while: { running in
      try running.reach("refused") {
        !running.statuses.isEmpty && running.statuses.allSatisfy { $0.state == .lostHistory }
      }
      for status in running.statuses {
        #expect(status.message.contains("more than the 2 partitions that the state was made for"))
        #expect(status.message.contains("new state directory"))
      }
      #expect(running.ingest.board.firstUnserved(in: 0..<1) != nil)
    }
  }
}
