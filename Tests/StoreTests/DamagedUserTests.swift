import Bytes
import InterestCodec
import InterestModel
import InterestStore
import Lookup
import TestKit
import Testing

@Suite("Damaged users")
struct DamagedUserTests {
  private let fixture = StoreFixture()
  private let garbage: [UInt8] = [1, 2, 3, 4, 5]

  private func key(_ user: String) -> [UInt8] { [0, 0] + user.utf8 }

  /// What `dump` does: a line for each user, and the ids of those that have none.
  private func dump(_ store: InterestStore) throws -> (lines: [String], damaged: [String]) {
    var lookup = UserLookup(store)
    var output = ByteBuffer()
    var lines: [String] = []
    var damaged: [String] = []
    try store.generation.forEachUser { user, state in
      output.clear()
      do throws(LookupError) {
        try lookup.writeJSON(user: user, state: state, .everything, into: &output)
        lines.append(String(decoding: output.bytes, as: UTF8.self))
      } catch {
        #expect(error.code == .damaged && error.message.contains("'\(String(decoding: user, as: UTF8.self))'"))
        #expect(output.count == 0)
        damaged.append(String(decoding: user, as: UTF8.self))
      }
    }
    return (lines, damaged)
  }

  @Test("a damaged user is an error of that user alone: lookups, dumps, flushes and compactions go on")
  func alone() throws {
    let users = (0..<30).map { "user \($0 + 10)" }
    try fixture.fill(try fixture.open(), users.map { Event(user: $0, behavior: .at(1)) })
    // One whose only operand is damaged, one of whom another is, one with an empty operand.
    try fixture.plant([
      (key("nobody"), garbage), (key("user 15"), garbage), (key("user 20"), []),
    ])
    let damaged = ["nobody", "user 15", "user 20"]
    let store = try fixture.open()
    for round in 1...3 {
      var times = [Behavior.at(1)]
      for time in 1..<round { times.append(.at(Int64(time + 1))) }
      for user in users + ["nobody"] {
        if damaged.contains(user) {
          let error = #expect(throws: LookupError.self) { _ = try store.json(user) }
          #expect(error?.code == .damaged && error?.message.contains("'\(user)'") == true)
        } else {
          #expect(try store.json(user) == fixture.expected(user, times))
        }
      }
      let dump = try dump(store)
      #expect(dump.damaged == damaged)
      #expect(dump.lines == users.filter { !damaged.contains($0) }.map { fixture.expected($0, times) })
      try fixture.fill(store, users.map { Event(user: $0, behavior: .at(Int64(round + 1))) })
      try store.generation.compact()
    }
    // What could be read of a damaged user has been kept, and added to.
    let state = try #require(try store.generation.state(of: "user 15"))
    #expect(state.starts(with: [255] + [UInt8(fixture.state(of: (1...4).map { .at($0) }).count)]))
    #expect(Array(state.dropFirst(2)).starts(with: fixture.state(of: (1...4).map { .at($0) })))
  }

  @Test("a damaged user in the database is damaged with new behaviors in a buffer, too")
  func withBuffer() throws {
    _ = try fixture.open()
    try fixture.plant([(key("u"), garbage)])
    let store = try fixture.open()
    let buffer = try store.generation.buffer()
    for time in 1...3 {
      buffer.append(Event(user: "u", behavior: .at(Int64(time))))
      buffer.append(Event(user: "v", behavior: .at(Int64(time))))
      #expect(throws: LookupError.self) { _ = try store.json("u") }
      #expect(try store.json("v") == fixture.expected("v", (1...time).map { .at(Int64($0)) }))
    }
  }

  @Test("a user of several partitions is damaged where one of its states is")
  func partitions() throws {
    try fixture.fill(
      try fixture.open(), ["a", "b", "c"].map { Event(user: $0, partition: 1, behavior: .at(1)) })
    try fixture.plant([([0, 2] + "b".utf8, garbage), ([0, 2] + "bb".utf8, garbage)])
    let dump = try dump(try InterestStore.open(reading: fixture.path))
    #expect(dump.damaged == ["b", "bb"])
    #expect(dump.lines == ["a", "c"].map { fixture.expected($0, [.at(1)]) })
  }

  @Test("an id of no or too many bytes is the asker's mistake")
  func badID() throws {
    let store = try fixture.open()
    for id in ["", String(repeating: "x", count: 256)] {
      let error = #expect(throws: LookupError.self) { _ = try store.json(id) }
      #expect(error?.code == .badRequest && error?.parameter == "user")
    }
    let longest = String(repeating: "x", count: 255)
    #expect(try store.json(longest) == fixture.expected(longest, []))
    try fixture.fill(store, [Event(user: "u", behavior: .at(100 * 86_400_000))])
    let early = #expect(throws: LookupError.self) { _ = try store.json("u", SequenceQuery(asOf_ms: 1)) }
    #expect(early?.code == .badRequest && early?.parameter == "as_of")
  }
}
