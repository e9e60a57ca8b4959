import Ingest
import InterestStore
import Kafka
import TestKit
import Testing
import Threads

@Suite("Ingestion from brokers that come and go")
struct KafkaOutageTests {
  private let kafka: KafkaFixture
  private let events: [Event]

  init() throws {
    kafka = try KafkaFixture()
    events = kafka.world.events(2000)
  }

  @Test("ends within ten seconds and without an error where the broker is dead, and keeps all that it applied")
  func deadBroker() throws {
    try kafka.produce(events)
    var stopped_ns: UInt64 = 0
    try kafka.run {
      // Nothing but the stop flushes.
      $0.bufferAge_ms = 3_600_000
    } while: { running in
      try running.reach(applied: 2000)
      try kafka.cluster.setDown(broker: 1)
      stopped_ns = MonotonicClock.now_ns
    }
    #expect(MonotonicClock.now_ns - stopped_ns < 10_000_000_000)
    #expect(try kafka.state.dump() == kafka.world.expectedDump(events))
    try kafka.cluster.setUp(broker: 1)
    let counters = try kafka.run { try $0.reach(applied: 2000) }
    #expect(counters.behaviors == 0)
  }

  @Test("ends within ten seconds where no broker ever answered")
  func neverThere() throws {
    try kafka.cluster.setDown(broker: 1)
    var stopped_ns: UInt64 = 0
    try kafka.run { running in
      #expect(!running.ingest.board.isReady)
      stopped_ns = MonotonicClock.now_ns
    }
    #expect(MonotonicClock.now_ns - stopped_ns < 10_000_000_000)
    #expect(try kafka.state.dump() == [])
  }

  @Test("goes on when the broker is back")
  func comesBack() throws {
    try kafka.produce(events[..<1000])
    try kafka.run(buffer: 64) { running in
      try running.reach(applied: 1000)
      try kafka.cluster.setDown(broker: 1)
      try kafka.cluster.setUp(broker: 1)
      try kafka.produce(events[1000...])
      try running.reach(applied: 2000)
    }
    #expect(try kafka.state.dump() == kafka.world.expectedDump(events))
  }

  @Test("counts once what was read of partitions that were lost to the group and came back")
  func lostPartitions() throws {
    try kafka.produce(events[..<1000])
    try kafka.run {
      $0.bufferAge_ms = 3_600_000
    } while: { running in
      try running.reach(applied: 1000)
      // Longer than the session lasts.
      try kafka.cluster.setDown(broker: 1)
      try running.reach("lost") { running.statuses.isEmpty }
      try kafka.cluster.setUp(broker: 1)
      try running.reach("given again") { running.statuses.count == 4 && running.ingest.board.isReady }
      try kafka.produce(events[1000...])
      try running.reach(applied: 2000)
      #expect(running.pipeline.counters.behaviors == 2000)
    }
    #expect(try kafka.state.dump() == kafka.world.expectedDump(events))
  }

  @Test("without a state, refuses a log that no longer begins where its group once began")
  func lostBase() throws {
    // The group has folded from offset 0 on; the mock keeps its commits and the topic.
    try kafka.produce(events[..<100])
    let offsets = (0..<Int32(4)).map { PartitionOffset(partition: $0, offset: 0, metadata: "base=-5") }
    let consumer = try Consumer(topic: kafka.topic, kafka.settings().configuration)
    try consumer.commit(offsets, timeout_ms: 10_000)
    try kafka.run { running in
      try running.reach("assigned") { running.statuses.count == 4 }
      #expect(running.statuses.allSatisfy { $0.state == .lostHistory })
      #expect(running.pipeline.counters.behaviors == 0)
    }
  }

  @Test("serves nothing of a partition whose log ends before the state, and says what to do")
  func lostHistory() throws {
    try kafka.produce(events)
    try kafka.run { try $0.reach(applied: 2000) }
    // A topic of the same name that was made anew.
    let other = try MockCluster()
    try other.createTopic("events", partitions: 4)
    let own = events[..<100].filter { kafka.partition(of: $0.user) == 0 }
    try kafka.produce(own, to: other)
    try kafka.run(on: other) { running in
      try running.reach("assigned") { running.statuses.count == 4 }
      #expect(running.statuses.allSatisfy { $0.state == .lostHistory })
      #expect(running.statuses.allSatisfy { $0.message.contains("the topic was truncated or made anew") })
      #expect(!running.ingest.board.isReady)
      #expect(running.pipeline.counters.behaviors == 0)
    }
    // Back at the right one it goes on.
    let counters = try kafka.run { try $0.reach(applied: 2000) }
    #expect(counters.behaviors == 0)
    #expect(try kafka.state.dump() == kafka.world.expectedDump(events))
  }
}
