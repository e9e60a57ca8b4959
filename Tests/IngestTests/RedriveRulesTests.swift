import Testing

@testable import Ingest

@Suite("What becomes of a letter")
struct RedriveRulesTests {
  private static let user = Array("u1".utf8)

  private static func rules(_ change: (inout RedriveRules) -> Void = { _ in }) -> RedriveRules {
    var rules = RedriveRules(topic: "events", partitions: 4, durable: [1: 100, 2: 50], oldest_ms: 1000)
    change(&rules)
    return rules
  }

  private static func letter(
    partition: Int32 = 1, offset: Int64 = 10, timestamp_ms: Int64 = 5000, good: Bool = true,
    _ change: (inout LetterFacts, inout LetterHeaders) -> Void = { _, _ in }
  ) -> LetterFacts {
    var headers = LetterHeaders(
      topic: "events", partition: partition, offset: offset, timestamp_ms: timestamp_ms, reason: "unknown_type")
    var facts = LetterFacts(user: user, isGood: good)
    change(&facts, &headers)
    if facts.headers == nil { facts.headers = headers }
    return facts
  }

  @Test("a good record goes back, one that is still bad is put back")
  func goodAndBad() {
    #expect(Self.rules().verdict(of: Self.letter()) == .send)
    #expect(Self.rules().verdict(of: Self.letter(good: false)) == .stillBad)
  }

  @Test("what is no letter, another topic's, cut, or of a partition that there is not, is never sent")
  func foreign() {
    #expect(Self.rules().verdict(of: LetterFacts(headers: nil, user: Self.user, isGood: true)) == .stillBad)
    #expect(Self.rules().verdict(of: Self.letter { $1.topic = "others" }) == .stillBad)
    #expect(Self.rules().verdict(of: Self.letter { $1.value_bytes = 5 }) == .stillBad)
    #expect(Self.rules().verdict(of: Self.letter { $1.key_bytes = 5 }) == .stillBad)
    let rules = RedriveRules(topic: "events", partitions: 1, durable: [1: 100], oldest_ms: nil)
    #expect(rules.verdict(of: Self.letter()) == .stillBad)
  }

  @Test("a marker stays where it is")
  func marker() {
    #expect(Self.rules().verdict(of: Self.letter { $1.reason = LetterHeaders.erasure }) == .marker)
  }

  @Test(
    "the letter of a user who was erased later in the same partition is dropped, whether it is good or not",
    arguments: [true, false])
  func erased(good: Bool) {
    func verdict(_ partition: Int32, _ offset: Int64, _ user: String = "u1") -> RedriveVerdict {
      Self.rules { $0.applied.add(Array(user.utf8), partition, offset) }.verdict(of: Self.letter(good: good))
    }
    let kept: RedriveVerdict = good ? .send : .stillBad
    #expect(verdict(1, 11) == .erased)
    #expect(verdict(1, 10) == kept)
    #expect(verdict(1, 9) == kept)
    #expect(verdict(2, 11) == kept)
    #expect(verdict(1, 11, "u2") == kept)
  }

  @Test("the last erasure of a user counts, in whatever order they are found")
  func lastErasure() {
    for offsets in [[5, 20], [20, 5]] as [[Int64]] {
      let rules = Self.rules { rules in for offset in offsets { rules.applied.add(Self.user, 1, offset) } }
      #expect(rules.verdict(of: Self.letter(offset: 19)) == .erased)
      #expect(rules.verdict(of: Self.letter(offset: 21)) == .send)
    }
  }

  @Test("a letter waits while the daemon has not made its record durable, or its user is being erased")
  func waiting() {
    #expect(Self.rules().verdict(of: Self.letter(offset: 99)) == .send)
    #expect(Self.rules().verdict(of: Self.letter(offset: 100)) == .waiting)
    #expect(Self.rules().verdict(of: Self.letter(partition: 3)) == .waiting)
    let pending = Self.rules { $0.pending.add(Self.user, 1, 200) }
    #expect(pending.verdict(of: Self.letter()) == .waiting)
    #expect(pending.verdict(of: Self.letter(partition: 2)) == .send)
    #expect(pending.verdict(of: Self.letter(good: false)) == .stillBad)
  }

  @Test("of letters for one record only the first is looked at")
  func repeated() {
    #expect(Self.rules().verdict(of: Self.letter(good: false) { facts, _ in facts.isRepeated = true }) == .repeated)
  }

  @Test(
    "a letter that was put back ages by its record's time; one that the daemon wrote by the topic's retention alone")
  func expired() {
    #expect(Self.rules().verdict(of: Self.letter(timestamp_ms: 999) { $1.redrives = 1 }) == .expired)
    #expect(Self.rules().verdict(of: Self.letter(timestamp_ms: 1000) { $1.redrives = 1 }) == .send)
    #expect(Self.rules().verdict(of: Self.letter(timestamp_ms: -1) { $1.redrives = 1 }) == .send)
    #expect(Self.rules().verdict(of: Self.letter(timestamp_ms: 999)) == .send)
    let ageless = RedriveRules(topic: "events", partitions: 4, durable: [1: 100], oldest_ms: nil)
    #expect(ageless.verdict(of: Self.letter(timestamp_ms: 1) { $1.redrives = 1 }) == .send)
  }

  @Test("the scan finds markers and repeated letters of its topic, and lets those that were put back pass")
  func scan() {
    var scan = LetterScan(topic: "events")
    func add(_ at: Int64, _ offset: Int64, _ change: (inout LetterHeaders) -> Void = { _ in }) {
      var headers = LetterHeaders(topic: "events", partition: 1, offset: offset, timestamp_ms: 1, reason: "r")
      change(&headers)
      scan.add(headers, key: Self.user, at: .init(partition: 0, offset: at))
    }
    add(0, 7)
    add(1, 8)
    add(2, 7)
    add(3, 7) { $0.redrives = 1 }
    add(4, 8) { $0.topic = "others" }
    add(5, 9) { $0.reason = LetterHeaders.erasure }
    add(6, 90) {
      $0.reason = LetterHeaders.erasure
      $0.topic = "others"
    }
    add(7, 8) { $0.partition = 2 }
    #expect(scan.repeats == [.init(partition: 0, offset: 2)])
    #expect(scan.erasures.cover(Self.user, 1, 8))
    #expect(!scan.erasures.cover(Self.user, 1, 9))
    #expect(!scan.erasures.cover(nil, 1, 0))
  }
}
