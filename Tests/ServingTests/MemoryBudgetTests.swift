import Bytes
import InterestCodec
import InterestStore
import Telemetry
import TestKit
import Testing

@testable import Serving

@Suite("Memory of ready answers")
struct MemoryBudgetTests {
  private let mebibyte = 1 << 20

  @Test("is what the rest of the process leaves of the budget, between its bounds")
  func limits() {
    var budget = AnswerBudget(all: 512 * mebibyte, answers: 224 * mebibyte)
    #expect(budget.limit(resident: 100 * mebibyte, taken: 0) == 224 * mebibyte)
    #expect(budget.limit(resident: 600 * mebibyte, taken: 200 * mebibyte) == 112 * mebibyte)
    #expect(budget.limit(resident: 900 * mebibyte, taken: 112 * mebibyte) == 16 * mebibyte)
    var large = AnswerBudget(all: 512 * mebibyte, answers: 1024 * mebibyte)
    #expect(large.limit(resident: 900 * mebibyte, taken: 0) == 64 * mebibyte)
    var small = AnswerBudget(all: 512 * mebibyte, answers: 4 * mebibyte)
    #expect(small.limit(resident: 900 * mebibyte, taken: 0) == 4 * mebibyte)
  }

  @Test("comes back slowly, and not while the rest goes up and down")
  func recovery() {
    var budget = AnswerBudget(all: 512 * mebibyte, answers: 224 * mebibyte)
    _ = budget.limit(resident: 412 * mebibyte, taken: 0)
    for look in 1...20 {
      let low = budget.limit(resident: 312 * mebibyte, taken: 0)
      #expect(low == min(100 + 4 * look, 200) * mebibyte)
    }
    #expect(budget.limit(resident: 412 * mebibyte, taken: 0) == 100 * mebibyte)
  }

  /// Answers of many lengths, so that none fills a chunk, some have one of their own, and some are written in place of others.
  private func fill(_ cache: AnswerCache, _ generator: inout SeededGenerator, _ kept: inout [String: [UInt8]]) throws {
    let proof = try ServingFixture().proof()
    for number in 0..<4000 {
      let user = "user-\(Int.random(in: 0..<600, using: &generator))"
      let length = number % 50 == 0 ? 9000 : Int.random(in: 0..<1500, using: &generator)
      let answer = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: length)
      answer.withUnsafeBytes { bytes in
        withBytes(user) { cache.keep($0, key, proof, isKnown: true, bytes) }
      }
      kept[user] = answer
      let asked = "user-\(Int.random(in: 0..<600, using: &generator))"
      if let found = find(asked, in: cache) { #expect(found == kept[asked]) }
    }
  }

  private let key = AnswerKey(SequenceQuery(), .json, generation: 1)

  private func find(_ user: String, in cache: AnswerCache) -> [UInt8]? {
    var output = ByteBuffer()
    let known = withBytes(user) { cache.find($0, key, into: &output) { _ in true } }
    return known == nil ? nil : Array(output.bytes)
  }

  @Test("holds the last answer of each user or none, whatever has to go", arguments: [32 << 17, 32 << 15, 32 << 18])
  func answers(bytes: Int) throws {
    var generator = SeededGenerator(seed: UInt64(bytes))
    let cache = AnswerCache(bytes: bytes)
    var kept: [String: [UInt8]] = [:]
    for limit in [bytes, bytes / 2, bytes / 4, bytes] {
      cache.limit(to: limit)
      #expect(cache.figures.bytes <= limit)
      try fill(cache, &generator, &kept)
      #expect(cache.figures.bytes <= limit)
      let found = kept.keys.filter { find($0, in: cache) != nil }
      for user in found { #expect(find(user, in: cache) == kept[user]) }
      #expect(found.count == cache.figures.answers)
      #expect(found.count > 50)
    }
  }

  /// Keeps so many answers of so many bytes each, and returns how many there are then.
  private func keep(_ count: Int, _ length: Int, in cache: AnswerCache) throws -> Int {
    let proof = try ServingFixture().proof()
    let answer = [UInt8](repeating: 1, count: length)
    for number in 0..<count {
      answer.withUnsafeBytes { bytes in
        withBytes("user-\(length)-\(number)") { cache.keep($0, key, proof, isKnown: true, bytes) }
      }
    }
    return cache.figures.answers
  }

  @Test("holds as many short answers after long ones as without them")
  func shortAfterLong() throws {
    let bytes = 16 * mebibyte
    let only = try keep(60_000, 300, in: AnswerCache(bytes: bytes))
    let cache = AnswerCache(bytes: bytes)
    #expect(try keep(2_000, 12_000, in: cache) < 1_500)
    let after = try keep(60_000, 300, in: cache)
    #expect(after > only * 9 / 10, "\(after) answers, and \(only) without long ones before")
    #expect(cache.figures.bytes <= bytes)
  }

  @Test("holds as many answers where it became less as where it never was more", arguments: [2, 4, 8])
  func becomesLess(mebibytes: Int) throws {
    let bytes = mebibytes * mebibyte
    let only = try keep(100_000, 20, in: AnswerCache(bytes: bytes))
    let cache = AnswerCache(bytes: 16 * mebibyte)
    #expect(try keep(100_000, 20, in: cache) > 70_000)
    cache.limit(to: bytes)
    #expect(cache.figures.bytes <= bytes)
    let after = try keep(100_000, 20, in: cache)
    #expect(after > only * 8 / 10, "\(after) answers, and \(only) in a cache that was never larger")
    #expect(cache.figures.bytes <= bytes)
  }

  @Test("is given back to the system at once")
  func givenBack() throws {
    let cache = AnswerCache(bytes: 64 * mebibyte)
    let proof = try ServingFixture().proof()
    let answer = [UInt8](repeating: 1, count: 4000)
    for number in 0..<20_000 {
      answer.withUnsafeBytes { bytes in
        withBytes("user-\(number)") { cache.keep($0, key, proof, isKnown: true, bytes) }
      }
    }
    #expect(cache.figures.bytes > 56 * mebibyte)
    cache.limit(to: 8 * mebibyte)
    #expect(cache.figures.bytes <= 8 * mebibyte)
    #expect(cache.figures.answers > 1000)
  }

  @Test("makes room where a watch finds the process beyond its budget, and stops when it is asked to")
  func watch() throws {
    let cache = AnswerCache(bytes: 64 * mebibyte)
    let watch = MemoryWatch(cache, budget_bytes: 1)
    let hasMadeRoom = eventually { cache.figures.limit_bytes == 16 * mebibyte }
    watch.stop()
    #expect(hasMadeRoom)
    #expect(try #require(ProcessMemory.resident_bytes) > mebibyte)
  }
}
