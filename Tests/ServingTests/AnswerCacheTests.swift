import Bytes
import InterestCodec
import InterestModel
import InterestStore
import Lookup
import TestKit
import Testing

@testable import Serving

@Suite("Ready answers")
struct AnswerCacheTests {
  private static let queries = [
    SequenceQuery(), SequenceQuery(groups: 1), SequenceQuery(groups: 2, order: .frequency),
    SequenceQuery(behaviors: 0, fields: [.counts, .windows]),
  ]

  /// Appends, erasures, flushes in any order of the buffers of several lanes, new buffers, and lookups between them.
  private func compare(_ fixture: ServingFixture, seed: UInt64, steps: Int) throws {
    var random = SeededGenerator(seed: seed)
    var maker = BehaviorMaker(seed: seed, fixture.store.identity.configuration)
    let users = (0..<40).map { "user-\($0)" } + ["", "nobody"].filter { !$0.isEmpty }
    let behaviors = maker.behaviors(400, groups: 6, span_days: 40)
    var open = [try fixture.buffer()]
    for step in 0..<steps {
      let user = users[Int.random(in: 0..<40, using: &random)]
      switch Int.random(in: 0..<40, using: &random) {
      case 0..<8:
        fixture.append(
          behaviors[step % behaviors.count], of: user, to: open[open.count - 1],
          partition: Int.random(in: 0..<3, using: &random))
      case 8: fixture.erase(user, in: open[open.count - 1])
      case 9:
        // The oldest first: what a lane has filled follows in the order of offsets.
        let full = open.removeFirst()
        if open.isEmpty { open.append(try fixture.buffer()) }
        try fixture.flush(full)
      case 10: if open.count < 3 { open.append(try fixture.buffer()) }
      case 11: try fixture.store.generation.compact()
      default:
        let query = Self.queries[Int.random(in: 0..<Self.queries.count, using: &random)]
        let form = AnswerForm.allCases[Int.random(in: 0..<2, using: &random)]
        let someone = Int.random(in: 0..<9, using: &random) == 0 ? "nobody" : user
        let answer = try fixture.cached.answer(someone, query, form)
        #expect(try answer == fixture.fresh.answer(someone, query, form), "step \(step)")
      }
    }
    #expect(fixture.figures.hits > steps / 20)
    #expect(fixture.figures.stale > 10)
  }

  @Test("are those that would be made anew, whatever is appended, erased and flushed meanwhile", arguments: 1...6)
  func property(seed: UInt64) throws {
    try compare(ServingFixture(), seed: seed, steps: 4000)
  }

  @Test("are those that would be made anew where a user may be on every partition", arguments: 11...13)
  func everyPartition(seed: UInt64) throws {
    try compare(ServingFixture(partitions: nil), seed: seed, steps: 4000)
  }

  @Test("are those that would be made anew where few find room", arguments: 21...22)
  func littleRoom(seed: UInt64) throws {
    let fixture = try ServingFixture(cache_bytes: 192 << 10)
    try compare(fixture, seed: seed, steps: 4000)
    #expect(fixture.figures.bytes <= 192 << 10)
  }

  @Test("hold until the user's next event, and no longer; another user's leaves them")
  func oneEvent() throws {
    let fixture = try ServingFixture()
    let buffer = try fixture.buffer()
    fixture.append(.at(1000), of: "a", to: buffer)
    fixture.append(.at(1000), of: "b", to: buffer)
    let first = try fixture.cached.answer("a")
    #expect(try fixture.cached.answer("a") == first)
    fixture.append(.at(2000), of: "b", to: buffer)
    #expect(try fixture.cached.answer("a") == first)
    #expect(fixture.figures.hits == 2)
    fixture.append(.at(2000), of: "a", to: buffer)
    #expect(try fixture.cached.answer("a") != first)
    #expect(fixture.figures.stale == 1)
  }

  @Test("of users without records in a buffer outlive flushes; those with some are made once more")
  func flushes() throws {
    let fixture = try ServingFixture()
    let first = try fixture.buffer()
    fixture.append(.at(1000), of: "stored", to: first)
    try fixture.flush(first)
    let second = try fixture.buffer()
    fixture.append(.at(1000), of: "buffered", to: second)
    let answers = try ["stored", "buffered"].map { try fixture.cached.answer($0) }
    try fixture.flush(second)
    #expect(try ["stored", "buffered"].map { try fixture.cached.answer($0) } == answers)
    #expect(fixture.figures.hits == 1)
    #expect(fixture.figures.stale == 1)
  }

  @Test("an erasure takes them at once, and an unknown user's ends with the first event")
  func erasure() throws {
    let fixture = try ServingFixture()
    let first = try fixture.buffer()
    #expect(try !fixture.cached.answer("a").isKnown)
    #expect(try !fixture.cached.answer("a").isKnown)
    fixture.append(.at(1000), of: "a", to: first)
    #expect(try fixture.cached.answer("a").isKnown)
    try fixture.flush(first)
    #expect(try fixture.cached.answer("a").isKnown)
    fixture.erase("a", in: try fixture.buffer())
    #expect(try !fixture.cached.answer("a").isKnown)
  }

  @Test("none is given where users are known to be on wrong partitions")
  func misplacedUsers() throws {
    let fixture = try ServingFixture()
    _ = try fixture.cached.answer("a")
    let buffer = try fixture.buffer()
    withBytes("a") { user in
      let right = fixture.store.identity.source.partitions(of: user).lowerBound
      buffer.append(.at(1), partition: (right + 1) % 4, user: user)
    }
    fixture.store.generation.noteMisplacedUsers()
    #expect(throws: LookupError.self) { try fixture.cached.answer("a") }
  }

  @Test("an error is not kept")
  func errors() throws {
    let fixture = try ServingFixture()
    let buffer = try fixture.buffer()
    fixture.append(.at(200_000_000), of: "a", to: buffer)
    for _ in 0..<3 {
      #expect(throws: LookupError.self) { try fixture.cached.answer("a", SequenceQuery(asOf_ms: 1)) }
    }
    #expect(fixture.figures.answers == 0)
  }

  @Test("those asked for lately stay when others have to go, and memory stays within its bound")
  func secondChance() throws {
    let cache = AnswerCache(bytes: 32 * 64 << 10)
    let proof = try ServingFixture().proof()
    let key = AnswerKey(SequenceQuery(), .json, generation: 1)
    var output = ByteBuffer()
    let answer = [UInt8](repeating: 7, count: 3000)
    func isThere(_ user: String) -> Bool {
      output.clear()
      return withBytes(user) { cache.find($0, key, into: &output) { _ in true } } != nil
        && output.bytes.elementsEqual(answer)
    }
    let favorites = (0..<20).map { "favorite-\($0)" }
    for number in 0..<5000 {
      let user = number < favorites.count ? favorites[number] : "user-\(number)"
      answer.withUnsafeBytes { answer in withBytes(user) { cache.keep($0, key, proof, isKnown: true, answer) } }
      #expect(cache.figures.bytes <= 32 * 64 << 10)
      if number >= favorites.count { _ = isThere(favorites[number % favorites.count]) }
    }
    #expect(favorites.allSatisfy(isThere))
    #expect(!isThere("user-100"))
    #expect(cache.figures.evictions > 4000)
    #expect((400...700).contains(cache.figures.answers))
  }

  @Test("foreseen ones are found as others are, those that are not there, and too many of them, too")
  func foreseen() throws {
    let fixture = try ServingFixture()
    let buffer = try fixture.buffer()
    let users = (0..<40).map { "user-\($0)" }
    for user in users.prefix(30) { fixture.append(.at(1000), of: user, to: buffer) }
    let answers = try users.map { try fixture.cached.answer($0) }
    for user in users { withBytes(user) { fixture.cached.foresee($0, SequenceQuery(), .protobuf) } }
    fixture.cached.foreseen()
    #expect(try users.map { try fixture.cached.answer($0) } == answers)
    fixture.append(.at(2000), of: users[0], to: buffer)
    for user in users.prefix(2) { withBytes(user) { fixture.cached.foresee($0, SequenceQuery(), .protobuf) } }
    fixture.cached.foreseen()
    #expect(try fixture.cached.answer(users[0]) != answers[0])
    #expect(try fixture.cached.answer(users[1]) == answers[1])
  }

  @Test("every parameter makes another answer of it")
  func keys() {
    let queries = [
      SequenceQuery(), SequenceQuery(groups: 99), SequenceQuery(groups: nil), SequenceQuery(behaviors: 0),
      SequenceQuery(behaviors: 1), SequenceQuery(order: .frequency), SequenceQuery(asOf_ms: 1),
      SequenceQuery(fields: [.counts]), SequenceQuery(fields: [.events]),
    ]
    var keys: [AnswerKey] = []
    for query in queries {
      for form in AnswerForm.allCases {
        for generation in [UInt32(1), 2] {
          let key = AnswerKey(query, form, generation: generation)
          #expect(!keys.contains(key))
          keys.append(key)
        }
      }
    }
  }
}
