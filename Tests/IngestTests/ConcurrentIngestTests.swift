import Ingest
import Inputs
import InterestStore
import Kafka
import Lookup
import TestKit
import Testing

/// What runs under the thread sanitizer: `swift test --sanitize=thread --filter Concurrent`.
@Suite("Concurrent ingestion and lookups")
struct ConcurrentIngestTests {
  private let world: World
  private let events: [Event]
  private let users: [String]

  init() throws {
    world = try World()
    events = world.events(6000, users: 12)
    users = Set(events.map(\.user)).sorted()
  }

  @Test("a lane fills, a flusher writes, and readers see every applied event once", arguments: [16, 700, 100_000])
  func topic(buffer: Int) throws {
    let kafka = try KafkaFixture()
    try kafka.produce(events[..<3000])
    try kafka.run(buffer: buffer) {
      $0.bufferAge_ms = 20
      $0.commitInterval_ms = 20
    } while: { running in
      let store = running.pipeline.store
      let readers = (0..<2).map { _ in ConcurrentReader(store, users: users + ["nobody"]) }
      defer { for reader in readers { #expect(reader.stop() == []) } }
      try running.reach(applied: 3000)
      try kafka.produce(events[3000...], as: .protobuf)
      try running.reach(applied: 6000)
      try running.reach("looked up") { readers.allSatisfy { $0.count > 100 } }
      // What is not flushed yet is in lookups as well.
      var lookup = UserLookup(store)
      #expect(try users.map { try lookup.sequence(of: $0) }.sorted() == world.expectedDump(events).sorted())
    }
    #expect(try kafka.state.dump() == world.expectedDump(events))
  }

  @Test("a lane hands dead letters over while the flusher waits for them", arguments: [16, 100_000])
  func deadLetters(buffer: Int) throws {
    let kafka = try KafkaFixture()
    try kafka.cluster.createTopic("events.dead", partitions: 4)
    for part in stride(from: 0, to: 3000, by: 300) {
      try kafka.produce(events[part..<part + 300])
      try kafka.publish((0..<100).map { (Int32($0 % 4), Array("u".utf8), Array("bad \($0)".utf8)) })
    }
    let counters = try kafka.run(buffer: buffer) {
      $0.bufferAge_ms = 20
      $0.breakerPercent = 100
      $0.deadLetters = DeadLetterTopic(
        name: "events.dead", partitions: 4,
        configuration: KafkaConfiguration([("bootstrap.servers", kafka.cluster.bootstrap)]))
    } while: { running in
      try running.reach(applied: 4000)
    }
    #expect(counters.bad == 1000)
    #expect(counters.lettersWaiting == 0)
    let dead = try Consumer(topic: "events.dead", kafka.settings().configuration)
    #expect(try dead.watermarks([0, 1, 2, 3], timeout_ms: 10_000).reduce(0) { $0 + $1.high } == 1000)
    #expect(try kafka.state.dump() == world.expectedDump(Array(events[..<3000])))
  }

  @Test("files are folded and flushed on two threads while others look users up", arguments: [16, 2000])
  func files(buffer: Int) throws {
    let state = try StateFixture()
    try state.write("b.jsonl", events)
    do {
      let pipeline = try state.open(buffer: buffer)
      let readers = (0..<2).map { _ in ConcurrentReader(pipeline.store, users: users) }
      defer { for reader in readers { #expect(reader.stop() == []) } }
      let report = try FileIngest(pipeline).run([try Input(state.folder.file("b.jsonl"))])
      #expect(report.behaviors == 6000)
    }
    #expect(try state.dump() == world.expectedDump(events))
  }
}
