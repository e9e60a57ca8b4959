import Foundation
import InterestCodec
import InterestModel
import TestKit
import Testing

@testable import InterestStore

@Suite("Erasing users")
struct ErasureTests {
  private let fixture = StoreFixture()

  private func events(_ count: Int, users: Int, seed: UInt64) -> [Event] {
    var maker = BehaviorMaker(seed: seed, fixture.identity.configuration)
    return maker.behaviors(count, groups: 6, span_days: 90).map { behavior in
      Event(user: "user \(Int.random(in: 0..<users, using: &maker.random))", behavior: behavior)
    }
  }

  @Test("after every step of a random schedule with erasures a lookup gives what came after them", arguments: 1...6)
  func schedule(seed: Int) throws {
    fixture.limits.buffer.run = 8
    let applied = try runSchedule(seed: seed)
    let store = try fixture.open()
    for (user, behaviors) in applied { #expect(try store.json(user) == fixture.expected(user, behaviors)) }
    let dumped = Dictionary(uniqueKeysWithValues: try store.generation.users().map { ($0.user, $0.state) })
    #expect(dumped == applied.filter { !$0.value.isEmpty }.mapValues { fixture.state(of: $0) })
  }

  private func runSchedule(seed: Int) throws -> [String: [Behavior]] {
    let store = try fixture.open()
    var random = SeededGenerator(seed: UInt64(seed))
    var applied: [String: [Behavior]] = [:]
    var flusher = Flusher(store.generation)
    var buffer = try store.generation.buffer()
    for (index, event) in events(1200, users: 5, seed: UInt64(seed)).enumerated() {
      if Int.random(in: 0..<12, using: &random) == 0 {
        buffer.erase(event.user)
        applied[event.user] = []
      } else {
        buffer.append(event)
        applied[event.user, default: []].append(event.behavior)
      }
      switch Int.random(in: 0..<60, using: &random) {
      case 0, 1:
        try flusher.flush(buffer)
        buffer = try store.generation.buffer()
      case 2:
        let next = try store.generation.buffer()
        #expect(try store.json(event.user) == fixture.expected(event.user, applied[event.user] ?? []))
        try flusher.flush(buffer)
        buffer = next
      case 3: try store.generation.compact()
      case 4: try store.generation.compactErasures()
      default: break
      }
      #expect(try store.json(event.user) == fixture.expected(event.user, applied[event.user] ?? []), "event \(index)")
    }
    try flusher.flush(buffer)
    return applied
  }

  @Test("an erasure holds for its partition, and leaves the user's others")
  func partitions() throws {
    let fixture = StoreFixture(source: .kafka(clusterID: "c", topic: "t", partitions: 3, partitioner: .none))
    let store = try fixture.open()
    let behaviors = (1...6).map { Behavior.at(Int64($0)) }
    try fixture.fill(
      store, behaviors.prefix(3).enumerated().map { .init(user: "u", partition: UInt16($0), behavior: $1) })
    let buffer = try store.generation.buffer()
    buffer.append(Event(user: "u", partition: 1, behavior: behaviors[3]))
    buffer.erase("u", partition: 1)
    buffer.append(Event(user: "u", partition: 1, behavior: behaviors[4]))
    buffer.append(Event(user: "u", partition: 2, behavior: behaviors[5]))
    let left = [0, 2, 4, 5].map { behaviors[$0] }
    #expect(try store.json("u") == fixture.expected("u", left))
    var flusher = Flusher(store.generation, firstFile: 50)
    try flusher.flush(buffer)
    #expect(try store.json("u") == fixture.expected("u", left))
    #expect(try store.generation.users().map(\.state) == [fixture.state(of: left)])
  }

  /// Whether the bytes stand in any file of the state whose name ends so.
  private func isOnDisk(_ bytes: [UInt8], _ suffix: String = "") throws -> Bool {
    let files = try FileManager.default.contentsOfDirectory(atPath: "\(fixture.path)/db")
    return try files.contains { name in
      try name.hasSuffix(suffix)
        && Data(contentsOf: URL(fileURLWithPath: "\(fixture.path)/db/\(name)")).range(of: Data(bytes)) != nil
    }
  }

  @Test("an erased user's bytes leave the disk, also where the process ends before, and the note of it follows")
  func disk() throws {
    let gone = Event(user: "the one who leaves", behavior: .at(77_777_777_777, group: 5))
    let others = events(300, users: 20, seed: 3)
    let bytes = fixture.state(of: [gone.behavior])
    try fixture.fill(try fixture.open(), others + [gone])
    #expect(try isOnDisk(bytes))
    do {
      let store = try fixture.open()
      let buffer = try store.generation.buffer()
      buffer.erase(gone.user)
      var flusher = Flusher(store.generation, firstFile: 70)
      try flusher.flush(buffer)
      #expect(try store.generation.state(of: gone.user) == nil)
      #expect(store.generation.pendingErasures == 1)
      #expect(try store.generation.compactErasures(before: 1000) == 0)
    }
    let store = try fixture.open()
    #expect(store.generation.pendingErasures == 1)
    #expect(try store.generation.compactErasures(before: 1000) == 1)
    #expect(try !isOnDisk(bytes))
    #expect(store.generation.pendingErasures == 0)
    try fixture.fill(store, [Event(user: "somebody", behavior: .at(5))])
    try store.generation.compact()
    #expect(try !isOnDisk(Array(gone.user.utf8), ".sst"))
    for (user, events) in Dictionary(grouping: others, by: \.user) {
      #expect(try store.json(user) == fixture.expected(user, events.map(\.behavior)))
    }
  }

  @Test("an erasure that came once more during a compaction stays due, however quickly it came")
  func again() throws {
    let erasures = try fixture.open().generation.erasures
    let user: [UInt8] = [0, 0, 117]
    for _ in 0..<50 {
      erasures.flushed([user], recorded: [])
      let due = erasures.due(before: .max)
      erasures.flushed([user], recorded: [])
      erasures.finish(due)
      #expect(erasures.count == 1)
    }
    erasures.finish(erasures.due(before: .max))
    #expect(erasures.count == 0)
  }

  @Test("a compaction that is forbidden leaves the erasure due, and is done when it is allowed again")
  func forbidden() throws {
    let store = try fixture.open()
    try fixture.fill(store, events(500, users: 10, seed: 4))
    let buffer = try store.generation.buffer()
    buffer.erase("user 1")
    var flusher = Flusher(store.generation, firstFile: 70)
    try flusher.flush(buffer)
    store.generation.forbidCompactions()
    #expect(throws: StoreError.self) { try store.generation.compactErasures() }
    #expect(store.generation.pendingErasures == 1)
    store.generation.allowCompactions()
    #expect(try store.generation.compactErasures() == 1)
    #expect(store.generation.pendingErasures == 0)
    #expect(try store.generation.state(of: "user 1") == nil)
  }

  @Test("many users' erasures are few compactions, and the others stay")
  func many() throws {
    let store = try fixture.open()
    let events = events(2000, users: 100, seed: 9)
    try fixture.fill(store, events)
    let buffer = try store.generation.buffer()
    for user in stride(from: 0, to: 100, by: 2) { buffer.erase("user \(user)") }
    var flusher = Flusher(store.generation, firstFile: 70)
    try flusher.flush(buffer)
    #expect(try store.generation.compactErasures() == 50)
    for (user, events) in Dictionary(grouping: events, by: \.user) {
      let isErased = Int(user.dropFirst(5)).map { $0 % 2 == 0 } ?? false
      #expect(try store.json(user) == fixture.expected(user, isErased ? [] : events.map(\.behavior)))
    }
  }
}

extension FoldBuffer {
  fileprivate func erase(_ user: String, partition: UInt16 = 0) {
    withBytes(user) { erase(partition: partition, user: $0) }
  }
}
