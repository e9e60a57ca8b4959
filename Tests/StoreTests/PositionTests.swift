import InterestModel
import InterestStore
import TestKit
import Testing

@Suite("Durable positions")
struct PositionTests {
  private let fixture = StoreFixture()

  private func positions(_ applied: [UInt16: Int64]) -> DurablePositions {
    var positions = DurablePositions()
    positions.partitions = applied.keys.sorted().map {
      PartitionOffsets(partition: $0, base: Int64($0), applied: applied[$0] ?? 0)
    }
    return positions
  }

  @Test("positions become durable with the file of their buffer, and not before")
  func together() throws {
    do {
      let store = try fixture.open()
      let generation = store.generation
      var wanted = positions([0: 10, 1: 0, 300: 7, 65531: Int64.max])
      wanted.inputs = [InputPosition(name: "/data/a.jsonl", consumed: 100, hash: (1, .max), records: 3)]
      wanted.deadLetters = DeadLetterPosition(bytes: 5, records: 1)
      let buffer = try generation.buffer()
      buffer.append(Event(user: "u", partition: 300, behavior: .at(1)))
      buffer.positions = wanted
      #expect(try generation.offsets(of: 0) == nil)
      #expect(try generation.position(ofInput: "/data/a.jsonl") == nil)
      #expect(try generation.deadLetterPosition() == DeadLetterPosition())
      var flusher = Flusher(generation)
      try flusher.flush(buffer)
    }
    let generation = try fixture.open().generation
    for (partition, applied) in [(0, 10), (1, 0), (300, 7), (65531, .max)] as [(UInt16, Int64)] {
      #expect(
        try generation.offsets(of: partition)
          == PartitionOffsets(partition: partition, base: Int64(partition), applied: applied))
    }
    #expect(try generation.offsets(of: 2) == nil)
    let input = try generation.position(ofInput: "/data/a.jsonl")
    #expect(input == InputPosition(name: "/data/a.jsonl", consumed: 100, hash: (1, .max), records: 3))
    #expect(try generation.position(ofInput: "/data/b.jsonl") == nil)
    #expect(try generation.deadLetterPosition() == DeadLetterPosition(bytes: 5, records: 1))
    #expect(try generation.state(of: "u", partition: 300) == fixture.state(of: [.at(1)]))
  }

  @Test("offsets and inputs keep the farthest, dead letters the latest, compacted or not")
  func merging() throws {
    let store = try fixture.open()
    let generation = store.generation
    for (applied, consumed, letters) in [(10, 500, 9), (30, 900, 20), (20, 700, 4)] as [(Int64, UInt64, UInt64)] {
      var some = positions([4: applied])
      some.inputs = [InputPosition(name: "in", consumed: consumed, hash: (consumed, 0), records: consumed / 100)]
      some.deadLetters = DeadLetterPosition(bytes: letters, records: letters)
      try fixture.fill(store, [], positions: some)
    }
    for _ in 0..<2 {
      #expect(try generation.offsets(of: 4)?.applied == 30)
      #expect(
        try generation.position(ofInput: "in")
          == InputPosition(name: "in", consumed: 900, hash: (900, 0), records: 9))
      #expect(try generation.deadLetterPosition() == DeadLetterPosition(bytes: 4, records: 4))
      try generation.compact()
    }
  }

  @Test("positions lie between users in any order of keys, and are no users")
  func besideUsers() throws {
    let store = try fixture.open()
    let partitions: [UInt16] = [0, 1, 2, 255, 256, 65531]
    var some = positions(Dictionary(uniqueKeysWithValues: partitions.map { ($0, 1) }))
    some.inputs = ["b", "a", "a/b"].map { InputPosition(name: $0, consumed: 1, hash: (0, 0), records: 1) }
    some.deadLetters = DeadLetterPosition(bytes: 1, records: 1)
    let events = [1, 2, 256].map { Event(user: "u", partition: $0, behavior: .at(Int64($0))) }
    try fixture.fill(store, events, positions: some)
    #expect(try store.generation.users().map(\.user) == ["u"])
    for partition in partitions { #expect(try store.generation.offsets(of: partition)?.applied == 1) }
    for name in ["a", "a/b", "b"] { #expect(try store.generation.position(ofInput: name)?.records == 1) }
  }

  @Test("a damaged position is an error, until a readable one goes over it")
  func damaged() throws {
    try fixture.fill(try fixture.open(), [Event(user: "u", behavior: .at(1))])
    try fixture.plant([([0, 5], [7, 7]), ([0xFF, 0xFF, 0x61], [])])
    let store = try fixture.open()
    let generation = store.generation
    let error = #expect(throws: StoreError.self) { _ = try generation.offsets(of: 5) }
    #expect(error?.code == .damaged)
    #expect(throws: StoreError.self) { _ = try generation.position(ofInput: "a") }
    #expect(try generation.offsets(of: 4) == nil)
    #expect(try store.json("u") == fixture.expected("u", [.at(1)]))
    var some = positions([5: 8])
    some.inputs = [InputPosition(name: "a", consumed: 1, hash: (0, 0), records: 1)]
    try fixture.fill(store, [], positions: some)
    #expect(try generation.offsets(of: 5)?.applied == 8)
    #expect(try generation.position(ofInput: "a")?.consumed == 1)
  }
}
