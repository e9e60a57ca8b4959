import Foundation
import InterestCodec
import InterestModel
import InterestStore
import RocksDB
import TestKit
import Testing

@Suite("Buffers and database as one")
struct RoundTripTests {
  private let fixture = StoreFixture()

  private func events(_ count: Int, users: Int, seed: UInt64) -> [Event] {
    var maker = BehaviorMaker(seed: seed, fixture.identity.configuration)
    return maker.behaviors(count, groups: 6, span_days: 90).map { behavior in
      Event(user: "user \(Int.random(in: 0..<users, using: &maker.random))", behavior: behavior)
    }
  }

  @Test("what was flushed is there after closing and opening, in every way of opening")
  func reopen() throws {
    let events = events(3000, users: 40, seed: 1)
    try fixture.fill(try fixture.open(), events)
    let users = Dictionary(grouping: events, by: \.user)
    let openings = [
      { try fixture.open() }, { try InterestStore.open(serving: fixture.path, holder: "another") },
      { try InterestStore.open(reading: fixture.path) },
    ]
    for open in openings {
      let store = try open()
      #expect(store.identity == fixture.identity)
      for (user, events) in users {
        #expect(try store.json(user) == fixture.expected(user, events.map(\.behavior)))
      }
      #expect(try store.json("nobody") == fixture.expected("nobody", []))
    }
  }

  @Test("indices and filters stay in the block cache, and it is told where they leave the states little of it")
  func pinned() throws {
    let events = (0..<500).map { Event(user: "user \($0)", behavior: .at(Int64($0))) }
    try fixture.fill(try fixture.open(), events)
    let small = try fixture.open().blockCache
    #expect(small.capacity_bytes == fixture.limits.blockCache_bytes)
    #expect((500..<100_000).contains(small.pinned_bytes) && small.used_bytes >= small.pinned_bytes)
    #expect(!small.isMostlyPinned)
    fixture.limits.blockCache_bytes = small.pinned_bytes
    #expect(try fixture.open().blockCache.isMostlyPinned)
  }

  @Test("a buffer that was full, then had little and gave its memory back, takes as much as before and keeps all")
  func memoryGivenBack() throws {
    let store = try fixture.open()
    var applied: [Event] = []
    for (seed, count) in [9000, 50, 300, 50, 9000, 50, 50].enumerated() {
      let events = events(count, users: 40, seed: UInt64(seed + 1))
      try fixture.fill(store, events)
      applied += events
      for (user, events) in Dictionary(grouping: applied, by: \.user) {
        #expect(try store.json(user) == fixture.expected(user, events.map(\.behavior)))
      }
    }
  }

  @Test("after every append of a random schedule a lookup gives all that was appended", arguments: 1...4)
  func schedule(seed: Int) throws {
    fixture.limits.buffer.run = 8
    let applied = try runSchedule(seed: seed)
    let store = try fixture.open()
    for (user, behaviors) in applied { #expect(try store.json(user) == fixture.expected(user, behaviors)) }
    #expect(try store.json("lost") == fixture.expected("lost", []))
  }

  private func runSchedule(seed: Int) throws -> [String: [Behavior]] {
    let store = try fixture.open()
    let events = events(1200, users: 5, seed: UInt64(seed))
    var random = SeededGenerator(seed: UInt64(seed))
    var applied: [String: [Behavior]] = [:]
    var flusher = Flusher(store.generation)
    var buffer = try store.generation.buffer()
    for (index, event) in events.enumerated() {
      buffer.append(event)
      applied[event.user, default: []].append(event.behavior)
      switch Int.random(in: 0..<60, using: &random) {
      case 0:
        try flusher.flush(buffer)
        buffer = try store.generation.buffer()
      case 1:
        // While the full one waits for its flusher, the next one fills.
        let next = try store.generation.buffer()
        #expect(try store.json(event.user) == fixture.expected(event.user, applied[event.user] ?? []))
        try flusher.flush(buffer)
        buffer = next
      case 2: try store.generation.compact()
      default: break
      }
      #expect(try store.json(event.user) == fixture.expected(event.user, applied[event.user] ?? []), "event \(index)")
    }
    // What is in a buffer only goes with the process, and nothing else.
    try flusher.flush(buffer)
    try store.generation.buffer().append(Event(user: "lost", behavior: .at(1)))
    return applied
  }

  @Test("a user whose behaviors are on any partition is read from all of them, buffers and database")
  func anyPartition() throws {
    let fixture = StoreFixture(source: .kafka(clusterID: "c", topic: "t", partitions: 5, partitioner: .none))
    fixture.limits.buffer.run = 8
    let store = try fixture.open()
    var flusher = Flusher(store.generation)
    var buffer = try store.generation.buffer()
    var random = SeededGenerator(seed: 8)
    var applied: [String: [Behavior]] = [:]
    for event in events(400, users: 3, seed: 8) {
      let partition = UInt16.random(in: 0..<5, using: &random)
      buffer.append(Event(user: event.user, partition: partition, behavior: event.behavior))
      applied[event.user, default: []].append(event.behavior)
      if Int.random(in: 0..<40, using: &random) == 0 {
        try flusher.flush(buffer)
        buffer = try store.generation.buffer()
      }
      #expect(try store.json(event.user) == fixture.expected(event.user, applied[event.user] ?? []))
    }
    #expect(try store.json("nobody") == fixture.expected("nobody", []))
    try flusher.flush(buffer)
    for (user, state) in try store.generation.users() { #expect(state == fixture.state(of: applied[user] ?? [])) }
  }

  @Test("queries select from buffer and database together")
  func queries() throws {
    let store = try fixture.open()
    var behaviors = (1...9).map { Behavior.at(Int64($0), group: UInt32($0 % 3)) }
    try fixture.fill(store, behaviors.map { Event(user: "u", behavior: $0) })
    let buffer = try store.generation.buffer()
    behaviors.append(.at(50, group: 7))
    buffer.append(Event(user: "u", behavior: .at(50, group: 7)))
    for order in SequenceQuery.Order.allCases {
      for limit in 0...5 {
        let sequence = fixture.reference.sequence(
          of: behaviors, groups: limit, behaviors: 1, byFrequency: order == .frequency)
        let json = try store.json("u", SequenceQuery(groups: limit, behaviors: 1, order: order))
        #expect(json == fixture.reference.json(user: "u", clusterMap: "c1d2", sequence))
      }
    }
  }

  @Test("states of several configurations in one process are each merged by their own")
  func configurations() throws {
    let fixtures = (1...6).map { StoreFixture(TestConfiguration.make(keptBehaviors: $0)) }
    let stores = try fixtures.map { try $0.open() }
    let events = events(400, users: 8, seed: 7)
    for (fixture, store) in zip(fixtures, stores) {
      for start in [0, 100, 200, 300] { try fixture.fill(store, Array(events[start..<start + 100])) }
    }
    for (user, events) in Dictionary(grouping: events, by: \.user) {
      for (fixture, store) in zip(fixtures, stores) {
        #expect(try store.json(user) == fixture.expected(user, events.map(\.behavior)))
      }
    }
  }

  @Test("users are written in order of their keys, however their ids begin and end")
  func keyOrder() throws {
    let store = try fixture.open()
    let long = String(repeating: "z", count: 255)
    let ids = [
      "a", "ab", "a\0", "a\0\0", "abcdefghijklmn", "abcdefghijklmn\0", "abcdefghijklmno", "é", long, "\u{10FFFF}", "\0",
    ]
    let events = ids.indices.flatMap { index in
      [0, 1, 255, 256, 65531].map { Event(user: ids[index], partition: $0, behavior: .at(Int64(index + 1))) }
    }
    var random = SeededGenerator(seed: 3)
    try fixture.fill(store, events.shuffled(using: &random))
    for event in events {
      #expect(
        try store.generation.state(of: event.user, partition: event.partition) == fixture.state(of: [event.behavior]))
    }
  }

  @Test("every user is walked through once, in order of the ids' bytes, partitions folded into one")
  func forEachUser() throws {
    let store = try fixture.open()
    #expect(try store.generation.users().isEmpty)
    var random = SeededGenerator(seed: 4)
    let ids = ["a", "ab", "b", "z", "é", "\u{10FFFF}", "a\0"] + (0..<60).map { "user \($0)" }
    let partitions: [UInt16] = [0, 2, 3, 300, 65531]
    var expected: [String: [Behavior]] = [:]
    for round in 1...3 {
      let events = ids.flatMap { id in
        partitions.shuffled(using: &random).prefix(Int.random(in: 0...3, using: &random)).map {
          Event(user: id, partition: $0, behavior: .at(Int64.random(in: 1...1000, using: &random)))
        }
      }
      for event in events { expected[event.user, default: []].append(event.behavior) }
      var positions = DurablePositions()
      positions.partitions = [0, 1, 300].map { PartitionOffsets(partition: $0, base: 0, applied: Int64(round)) }
      positions.inputs = [InputPosition(name: "/in", consumed: 1, hash: (1, 2), records: 1)]
      positions.deadLetters = DeadLetterPosition(bytes: 1, records: 1)
      try fixture.fill(store, events, positions: positions)
    }
    let users = try store.generation.users()
    #expect(users.map(\.user) == expected.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    for (user, state) in users { #expect(state == fixture.state(of: expected[user] ?? [])) }
  }

  @Test("what the body of a walk throws ends the walk and comes out of it")
  func walkEnds() throws {
    let store = try fixture.open()
    try fixture.fill(store, ["a", "b", "c"].map { Event(user: $0, behavior: .at(1)) })
    struct Enough: Error {}
    var seen = 0
    #expect(throws: Enough.self) {
      try store.generation.forEachUser { _, _ in
        seen += 1
        if seen == 2 { throw Enough() }
      }
    }
    #expect(seen == 2)
  }

  @Test("a buffer is given again once its file is in the database, and there are no more than agreed")
  func buffers() throws {
    let store = try fixture.open()
    var flusher = Flusher(store.generation)
    let first = try store.generation.buffer()
    let second = try store.generation.buffer()
    #expect(store.generation.nextBuffer(isCancelled: { true }) == nil)
    first.append(Event(user: "u", behavior: .at(1)))
    second.append(Event(user: "u", behavior: .at(2)))
    try flusher.flush(second)
    let third = try store.generation.buffer()
    #expect(third === second && third.count == 0 && third.positions.isEmpty)
    #expect(try store.generation.state(of: "u") == fixture.state(of: [.at(1), .at(2)]))
    third.append(Event(user: "u", behavior: .at(3)))
    #expect(try store.generation.state(of: "u") == fixture.state(of: [.at(1), .at(2), .at(3)]))
  }

  @Test("a buffer without anything in it is flushed to nothing, and given again")
  func emptyBuffer() throws {
    let store = try fixture.open()
    var flusher = Flusher(store.generation)
    for _ in 0..<3 { try flusher.flush(try store.generation.buffer()) }
    #expect(flusher.written_bytes == 0)
    #expect(try store.generation.users().isEmpty)
  }

  @Test("a flush that fails leaves nothing behind, and may be made again")
  func failedFlush() throws {
    do {
      let store = try fixture.open()
      let staging = "\(store.directory.path)/staging"
      let buffer = try store.generation.buffer()
      buffer.append(Event(user: "u", behavior: .at(1)))
      var flusher = Flusher(store.generation)
      try FileManager.default.removeItem(atPath: staging)
      #expect(throws: StoreError.self) { try flusher.flush(buffer) }
      #expect(try store.generation.state(of: "u") == fixture.state(of: [.at(1)]))
      try FileManager.default.createDirectory(atPath: staging, withIntermediateDirectories: false)
      try flusher.flush(buffer)
      #expect(try store.generation.state(of: "u") == fixture.state(of: [.at(1)]))
      #expect(try FileManager.default.contentsOfDirectory(atPath: staging) == [])
    }
    // Where the file is written, but not taken in.
    let store = try InterestStore.open(reading: fixture.path)
    let buffer = try store.generation.buffer()
    buffer.append(Event(user: "u", behavior: .at(2)))
    var flusher = Flusher(store.generation)
    #expect(throws: StoreError.self) { try flusher.flush(buffer) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(store.directory.path)/staging") == [])
  }
}
