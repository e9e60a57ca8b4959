import Foundation
import Ingest
import InterestStore
import TestKit
import Testing
import Threads

@Suite("Ingestion of files")
struct FileIngestTests {
  private let state: StateFixture
  private let events: [Event]

  init() throws {
    state = try StateFixture()
    events = state.world.events(4000)
  }

  @Test(
    "folds every form of the same behaviors into the same states",
    arguments: ["b.jsonl", "b.jsonl.gz", "b.binpb", "b.binpb.gz"])
  func forms(name: String) throws {
    try state.write(name, events)
    let report = try state.ingest(name)
    #expect(report.behaviors == 4000)
    #expect(report.badRecords == 0)
    #expect(report.failures.isEmpty && report.incomplete.isEmpty && !report.isStopped)
    let unmapped = events.count { $0.behavior(state.world).group == 0 }
    #expect(unmapped > 0)
    #expect(report.unmapped == UInt64(unmapped))
    #expect(try state.dump() == state.world.expectedDump(events))
  }

  @Test("gives the same states for any size of the fold buffer", arguments: [16, 64, 1024, 3999, 4000, 4002])
  func buffers(size: Int) throws {
    try state.write("b.jsonl", events)
    try state.ingest("b.jsonl", buffer: size)
    #expect(try state.dump() == state.world.expectedDump(events))
  }

  @Test("gives the same states for any order of the records")
  func orders() throws {
    var random = SeededGenerator(seed: 5)
    try state.write("b.jsonl", events.shuffled(using: &random))
    try state.ingest("b.jsonl", buffer: 500)
    #expect(try state.dump() == state.world.expectedDump(events))
  }

  @Test("reads several inputs, of several forms, in one run")
  func severalInputs() throws {
    try state.write("a.jsonl.gz", events[..<1500])
    try state.write("b.binpb", events[1500..<1600])
    try state.write("c.jsonl", events[1600...])
    let report = try state.ingest("a.jsonl.gz", "b.binpb", "c.jsonl", buffer: 700)
    #expect(report.behaviors == 4000)
    #expect(try state.dump() == state.world.expectedDump(events))
    #expect(try state.ingest("c.jsonl", "a.jsonl.gz", "b.binpb").behaviors == 0)
  }

  @Test("counts an input that is named twice in one run once, before and after its position is durable")
  func namedTwice() throws {
    try state.write("a.jsonl", events[..<1000])
    // With this buffer, the end of `a` is on its way to the database when `a` comes again.
    try state.write("b.jsonl", events[1000..<1023])
    let report = try state.ingest("a.jsonl", "b.jsonl", "a.jsonl", "b.jsonl", "a.jsonl", buffer: 1024)
    #expect(report.behaviors == 1023)
    #expect(try state.dump() == state.world.expectedDump(Array(events[..<1023])))
  }

  @Test("goes on with the other inputs after one that cannot be read, and reports it")
  func unreadable() throws {
    try state.write("a.jsonl", events[..<100])
    try state.write("b.jsonl", gzip([1, 2, 3]))
    try state.write("c.jsonl", events[100..<200])
    let report = try state.ingest("a.jsonl", "b.jsonl", "c.jsonl")
    #expect(report.behaviors == 200)
    #expect(report.failures.count == 1)
    #expect(report.failures.first?.contains("b.jsonl.gz") == true)
    #expect(try state.dump() == state.world.expectedDump(Array(events[..<200])))
  }

  @Test("an empty file is no behaviors and no mistake", arguments: ["e.jsonl", "e.jsonl.gz", "e.binpb"])
  func empty(name: String) throws {
    try state.write(name, [Event]())
    let report = try state.ingest(name)
    #expect(report.behaviors == 0 && report.badRecords == 0 && report.failures.isEmpty)
    #expect(try state.dump() == [])
  }

  @Test("tells progress: records, bytes used and the size of each input")
  func progress() throws {
    let many = state.world.events(20_000)
    let path = try state.write("b.jsonl", many)
    let size = try #require(FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
    var told: [(name: String, used: UInt64, size: UInt64?, records: UInt64)] = []
    try state.ingest("b.jsonl", progress: { told.append(($0, $1, $2, $3)) })
    #expect(told.count >= 2)
    #expect(told.allSatisfy { $0.name == path && $0.size == UInt64(size) && $0.used <= UInt64(size) })
    #expect(zip(told, told.dropFirst()).allSatisfy { $0.records < $1.records && $0.used <= $1.used })
  }

  @Test("refuses a state of another cluster map, configuration or source, naming the difference")
  func otherState() throws {
    try state.write("b.jsonl", events)
    try state.ingest("b.jsonl")
    var wrong = state.identity
    wrong.clusterMap = "0123"
    #expect(refusal(of: wrong).contains("cluster map: the state has \(state.world.clusterMap.hash), wanted is 0123"))
    wrong = state.identity
    wrong.configuration = TestConfiguration.make(keptBehaviors: 31)
    #expect(refusal(of: wrong).contains("state.kept_behaviors: the state has 32, wanted is 31"))
    wrong = state.identity
    wrong.source = .kafka(clusterID: "c", topic: "t", partitions: 4, partitioner: .murmur2)
    #expect(refusal(of: wrong).contains("source: the state has files, wanted is Kafka cluster c, topic t"))
  }

  private func refusal(of identity: StateIdentity) -> String {
    do {
      _ = try InterestStore.open(writing: state.path, identity: identity, holder: "a test")
      return ""
    } catch {
      return error.message
    }
  }
}

@Suite("Ingestion of files that is stopped")
struct StoppedFileIngestTests {
  private let state: StateFixture
  private let events: [Event]

  init() throws {
    state = try StateFixture()
    events = state.world.events(20_000, users: 200)
  }

  @Test("at any moment, goes on from there to the same states", arguments: [0, 1, 2], [64, 5000, 200_000])
  func resumes(steps: Int, buffer: Int) throws {
    try state.write("b.jsonl", events)
    let stop = Flag()
    if steps == 0 { stop.set() }
    var told = 0
    let first = try state.ingest(
      "b.jsonl", buffer: buffer, isCancelled: { stop.isSet },
      progress: { _, _, _, _ in
        told += 1
        if told == steps { stop.set() }
      })
    #expect(first.isStopped)
    #expect(first.behaviors < 20_000)
    if steps > 0 { #expect(first.behaviors >= 8192) }
    let second = try state.ingest("b.jsonl", buffer: buffer)
    #expect(first.behaviors + second.behaviors == 20_000)
    #expect(!second.isStopped)
    #expect(try state.dump() == state.world.expectedDump(events))
  }

  @Test("while it waits for the flusher, ends without an error")
  func whileWaiting() throws {
    try state.write("b.jsonl", events)
    // With such a buffer most of the time goes into waiting.
    var total: UInt64 = 0
    for moment_ms in [UInt64(2), 13, 40] {
      let end_ns = MonotonicClock.now_ns + moment_ms * 1_000_000
      let report = try state.ingest("b.jsonl", buffer: 8, isCancelled: { MonotonicClock.now_ns > end_ns })
      total += report.behaviors
      #expect(report.isStopped == (total < 20_000))
    }
    try state.ingest("b.jsonl")
    #expect(try state.dump() == state.world.expectedDump(events))
  }

  @Test("leaves the inputs that it did not come to for the next run")
  func betweenInputs() throws {
    try state.write("a.jsonl", events[..<10_000])
    try state.write("b.jsonl", events[10_000...])
    let stop = Flag()
    let first = try state.ingest(
      "a.jsonl", "b.jsonl", isCancelled: { stop.isSet }, progress: { _, _, _, _ in stop.set() })
    #expect(first.isStopped)
    try state.ingest("a.jsonl", "b.jsonl")
    #expect(try state.dump() == state.world.expectedDump(events))
  }
}
