import InterestCodec
import InterestStore
import Kafka
import TestKit
import Testing
import Threads

@testable import Ingest

/// The dead letters are on a cluster of their own, which fails while the topic's does not.
@Suite("Dead letters in a topic")
struct KafkaDeadLetterTests {
  private let kafka: KafkaFixture
  private let dead: MockCluster
  private let events: [Event]
  private static let name = "events.dead"

  init() throws {
    kafka = try KafkaFixture()
    dead = try MockCluster()
    try dead.createTopic(Self.name, partitions: 4)
    events = kafka.world.events(400)
  }

  private func deadTopic(_ properties: [(name: String, value: String)] = []) -> DeadLetterTopic {
    DeadLetterTopic(
      name: Self.name, partitions: 4,
      configuration: KafkaConfiguration(
        [
          ("bootstrap.servers", dead.bootstrap), ("reconnect.backoff.max.ms", "200"), ("retry.backoff.ms", "20"),
        ] + properties))
  }

  /// Flushes soon.
  private func settings(_ topic: DeadLetterTopic) -> (inout KafkaLaneSettings) -> Void {
    {
      $0.deadLetters = topic
      $0.bufferAge_ms = 50
    }
  }

  private struct TopicLetter {
    var partition: Int32
    var timestamp_ms: Int64
    var key: [UInt8]?
    var value: [UInt8]?
    var headers: LetterHeaders?
  }

  private func letters() throws -> [TopicLetter] {
    let configuration = KafkaConfiguration([("bootstrap.servers", dead.bootstrap), ("group.id", "reader")])
    let consumer = try Consumer(topic: Self.name, configuration)
    let logs = try consumer.watermarks([0, 1, 2, 3], timeout_ms: 10_000)
    let ranges = try TopicRanges(
      Self.name, configuration, from: logs.map { PartitionOffset(partition: $0.partition, offset: $0.low) })
    ranges.setEnds(logs.map { PartitionOffset(partition: $0.partition, offset: $0.high) })
    var letters: [TopicLetter] = []
    while !ranges.isDone {
      try ranges.poll { message in
        letters.append(
          TopicLetter(
            partition: message.partition, timestamp_ms: message.timestamp_ms, key: message.key.map(Array.init),
            value: message.value.map(Array.init), headers: LetterHeaders(Letter.headers(of: message))))
      }
    }
    return letters
  }

  private var bad: [(partition: Int32?, key: [UInt8]?, value: [UInt8]?)] {
    (BadSample.json + BadSample.protobuf).filter { $0.bytes.first != UInt8(ascii: "n") }.enumerated().map {
      (Int32($0.offset % 4), Array("u\($0.offset)".utf8), $0.element.bytes)
    } + [(1, nil, nil), (2, Array("u".utf8), nil), (3, nil, [])]
  }

  private func durable(_ running: RunningIngest) -> Int64 { running.statuses.reduce(0) { $0 + $1.durable } }

  @Test("have the original's bytes, time and place, on the partition of the same number", arguments: [8, 100_000])
  func arrive(buffer: Int) throws {
    try kafka.produce(events[..<200])
    try kafka.publish(bad)
    try kafka.produce(events[200...])
    let total = events.count + bad.count
    let counters = try kafka.run(buffer: buffer, settings(deadTopic())) { try $0.reach(applied: total) }
    #expect(counters.bad == UInt64(bad.count))
    #expect(counters.lettersWaiting == 0)
    let letters = try letters()
    #expect(letters.count == bad.count)
    for partition in 0..<Int32(4) {
      let found = letters.filter { $0.partition == partition }
      let sent = bad.filter { $0.partition == partition }
      #expect(found.map(\.key) == sent.map(\.key))
      #expect(found.map(\.value) == sent.map(\.value))
      let first = Int64(events[..<200].count { kafka.partition(of: $0.user) == partition })
      #expect(found.map(\.headers?.offset) == sent.indices.map { first + Int64($0) })
      #expect(found.allSatisfy { $0.headers?.topic == "events" && $0.headers?.partition == partition })
      #expect(found.allSatisfy { $0.headers?.timestamp_ms == $0.timestamp_ms && $0.timestamp_ms > 1_700_000_000_000 })
      #expect(found.allSatisfy { BadRecord.Reason(rawValue: $0.headers?.reason ?? "") != nil })
      #expect(found.allSatisfy { $0.headers?.detail.isEmpty == false && $0.headers?.isCut == false })
    }
    #expect(try kafka.state.dump() == kafka.world.expectedDump(events))
    // Nothing is written to the state's file, nor twice to the topic.
    #expect(throws: (any Error).self) { try kafka.state.deadLetters }
    try kafka.run(buffer: buffer, settings(deadTopic())) { try $0.reach(applied: total) }
    #expect(try self.letters().count == bad.count)
  }

  @Test("keep the offsets back that cover them while their topic fails, which is told, and let them go when it is back")
  func outage() throws {
    try kafka.produce(events)
    try kafka.publish(bad)
    try dead.setDown(broker: 1)
    let total = events.count + bad.count
    try kafka.run(settings(deadTopic())) { running in
      try running.reach("applied") { running.applied == total }
      try running.reach("told") { running.ingest.board.allProblems.contains { $0.problem == .flush } }
      #expect(durable(running) == 0)
      #expect(try kafka.committed().allSatisfy { $0.offset == 0 })
      #expect(running.pipeline.counters.lettersWaiting == UInt64(bad.count))
      #expect(!running.ingest.board.isReady)
      try dead.setUp(broker: 1)
      try running.reach("durable") { durable(running) == total }
      try running.reach("ready") { running.ingest.board.isReady }
      #expect(running.pipeline.counters.lettersWaiting == 0)
    }
    #expect(try letters().count == bad.count)
    #expect(try kafka.state.dump() == kafka.world.expectedDump(events))
  }

  @Test("that cannot be delivered at a stop leave nothing durable that they come before, and are read again")
  func stoppedInOutage() throws {
    try kafka.produce(events)
    try kafka.publish(bad)
    try dead.setDown(broker: 1)
    let total = events.count + bad.count
    var stopped_ns: UInt64 = 0
    try kafka.run(settings(deadTopic())) { running in
      try running.reach("applied") { running.applied == total }
      stopped_ns = MonotonicClock.now_ns
    }
    #expect(MonotonicClock.now_ns - stopped_ns < 10_000_000_000)
    #expect(try kafka.state.dump() == [])
    try dead.setUp(broker: 1)
    try kafka.run(settings(deadTopic())) { try $0.reach(applied: total) }
    #expect(Set(try letters().map { "\($0.headers?.partition ?? -1) \($0.headers?.offset ?? -1)" }).count == bad.count)
    #expect(try kafka.state.dump() == kafka.world.expectedDump(events))
  }

  @Test("that their topic refuses end the ingestion with what to grant, and keep the offsets back")
  func refused() throws {
    try kafka.produce(events)
    try kafka.publish(bad)
    // TOPIC_AUTHORIZATION_FAILED
    dead.pushErrors(.produce, [Int32](repeating: 29, count: 20))
    let error = try kafka.runToFailure(settings(deadTopic()))
    #expect(error?.message.contains("events.dead") == true, "\(error?.message ?? "")")
    #expect(error?.message.contains("grant Create") == true, "\(error?.message ?? "")")
    #expect(error?.message.contains("dead_letters.to: file") == true)
    #expect(try kafka.state.dump() == [])
    dead.clearErrors(.produce)
    try kafka.run(settings(deadTopic())) { try $0.reach(applied: events.count + bad.count) }
    #expect(try kafka.state.dump() == kafka.world.expectedDump(events))
  }

  @Test("of a principal that may not produce at all end the ingestion before there is any")
  func notAdmitted() throws {
    // CLUSTER_AUTHORIZATION_FAILED
    dead.pushErrors(.initProducerID, [31])
    let error = try kafka.runToFailure(settings(deadTopic()))
    #expect(error?.message.contains("grant Create") == true, "\(error?.message ?? "")")
  }

  @Test("to a topic that is gone end the ingestion with what to do")
  func missing() throws {
    try kafka.publish(bad)
    // UNKNOWN_TOPIC_OR_PART
    dead.setTopicError(Self.name, code: 3)
    let error = try kafka.runToFailure(settings(deadTopic([("topic.metadata.propagation.max.ms", "200")])))
    #expect(error?.message.contains("start again, which creates it") == true, "\(error?.message ?? "")")
  }

  @Test("wait for room where their queue is full, and end the ingestion where that takes too long")
  func fullQueue() throws {
    try kafka.publish(bad)
    try dead.setDown(broker: 1)
    var topic = deadTopic([("queue.buffering.max.messages", "5")])
    topic.fullQueue_ms = 300
    let error = try kafka.runToFailure(settings(topic))
    #expect(error?.message.contains("full") == true, "\(error?.message ?? "")")
    topic.fullQueue_ms = 60_000
    try kafka.run(settings(topic)) { running in
      try running.reach("full") { running.pipeline.counters.lettersWaiting == 5 }
      try dead.setUp(broker: 1)
      try running.reach(applied: bad.count)
    }
    #expect(try letters().count >= bad.count)
  }

  @Test("go to a topic of fewer partitions by their partitions' numbers")
  func fewerPartitions() throws {
    try kafka.publish(bad)
    var topic = deadTopic()
    topic.partitions = 3
    try kafka.run(settings(topic)) { try $0.reach(applied: bad.count) }
    let letters = try letters()
    #expect(letters.count == bad.count)
    #expect(letters.allSatisfy { ($0.headers?.partition ?? -1) % 3 == $0.partition })
  }

  @Test("are cut where their topic has no room for all of them")
  func cut() throws {
    let value = Array("{\"user_id\":".utf8) + [UInt8](repeating: 0x20, count: 100_000)
    try kafka.publish([(1, Array("u".utf8), value)])
    var topic = deadTopic()
    topic.letter_bytes = 10_000
    try kafka.run(settings(topic)) { try $0.reach(applied: 1) }
    let letter = try #require(try letters().first)
    #expect(letter.headers?.value_bytes == value.count)
    #expect((8000..<10_000).contains(letter.value?.count ?? 0))
    #expect(letter.value == Array(value.prefix(letter.value?.count ?? 0)))
  }

  @Test("hold a marker for each user that was erased, and a file does not")
  func markers() throws {
    let user = events[0].user
    let erasure = Array("{\"user_id\":\"\(user)\",\"type\":\"$erase\",\"time_ms\":1700000000000}".utf8)
    let place = kafka.partition(of: user)
    try kafka.publish([(place, Array(user.utf8), erasure)])
    try kafka.run(settings(deadTopic())) { try $0.reach(applied: 1) }
    let letters = try letters()
    #expect(letters.count == 1)
    let marker = try #require(letters.first)
    #expect(marker.headers?.isErasure == true)
    #expect(marker.headers?.offset == 0 && marker.headers?.partition == place && marker.partition == place)
    #expect(marker.key == Array(user.utf8))
    #expect(marker.value == nil)
    try kafka.publish([(place, Array(user.utf8), erasure)])
    try kafka.run { try $0.reach(applied: 2) }
    #expect(try kafka.state.deadLetters.isEmpty)
  }
}
