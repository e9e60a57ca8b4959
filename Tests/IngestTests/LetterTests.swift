import TestKit
import Testing

@testable import Ingest

@Suite("A letter's headers")
struct LetterHeadersTests {
  private static func headers(_ change: (inout LetterHeaders) -> Void = { _ in }) -> LetterHeaders {
    var headers = LetterHeaders(
      topic: "events", partition: 3, offset: 1 << 40, timestamp_ms: 1_700_000_000_000, reason: "malformed_json",
      detail: "it ends at ü")
    change(&headers)
    return headers
  }

  static let samples = [
    headers(), headers { $0.timestamp_ms = -1 }, headers { $0.detail = "" }, headers { $0.redrives = 12 },
    headers { ($0.key_bytes, $0.value_bytes) = (300, 10 << 20) }, headers { $0.reason = LetterHeaders.erasure },
  ]

  @Test("are read as they were written", arguments: samples)
  func roundTrip(headers: LetterHeaders) {
    #expect(LetterHeaders(headers.raw) == headers)
  }

  @Test("have names and texts that others rely on")
  func names() {
    let headers = Self.headers {
      ($0.key_bytes, $0.value_bytes) = (1, 2)
      $0.redrives = 3
    }
    #expect(
      headers.fields.map { "\($0.name.rawValue)=\($0.text)" } == [
        "interestd.topic=events", "interestd.partition=3", "interestd.offset=1099511627776",
        "interestd.timestamp_ms=1700000000000", "interestd.reason=malformed_json", "interestd.detail=it ends at ü",
        "interestd.key_bytes=1", "interestd.value_bytes=2", "interestd.redrives=3",
      ])
    #expect(LetterHeaders.erasure == "$erase")
  }

  @Test("are none where one that is needed is missing, null or no number", arguments: 0..<4)
  func incomplete(place: Int) {
    // Topic, partition, offset; then the reason, the fifth.
    let index = place == 3 ? 4 : place
    var raw = Self.headers().raw
    raw[index].value = nil
    #expect(LetterHeaders(raw) == nil)
    raw.remove(at: index)
    #expect(LetterHeaders(raw) == nil)
    guard index == 1 || index == 2 else { return }
    for text in ["-1", "x", "", "9223372036854775808"] {
      #expect(LetterHeaders(raw + [(Self.headers().raw[index].name, Array(text.utf8))]) == nil)
    }
  }

  @Test("are found among others; of equal ones the last counts")
  func others() {
    let others: [LetterHeaders.Raw] = [("trace", [0xFF]), ("interestd.later", [1]), ("empty", nil)]
    #expect(LetterHeaders(others + Self.headers().raw + others) == Self.headers())
    let twice = Self.headers { $0.offset = 5 }.raw + Self.headers().raw
    #expect(LetterHeaders(twice) == Self.headers())
  }
}

@Suite("Letters under way")
struct LetterBatchesTests {
  @Test("are waited for by the buffers that they came before, and by no others")
  func batches() {
    var batches = LetterBatches()
    for _ in 0..<3 { batches.add() }
    let first = batches.seal()
    batches.add()
    let second = batches.seal()
    let third = batches.seal()
    batches.add()
    #expect([first, second, third].map { batches.waiting(through: $0) } == [3, 4, 4])
    // Another partition's letter may be acknowledged before earlier ones.
    batches.settle(second)
    #expect([first, second, third].map { batches.waiting(through: $0) } == [3, 3, 3])
    for _ in 0..<3 { batches.settle(first) }
    #expect([first, second, third].map { batches.waiting(through: $0) } == [0, 0, 0])
    #expect(batches.waiting == 1)
  }

  @Test("are counted right in any order of acknowledgements", arguments: [1, 2, 3] as [UInt64])
  func anyOrder(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var batches = LetterBatches()
    var open: [Int] = []
    for _ in 0..<5000 {
      switch Int.random(in: 0..<5, using: &random) {
      case 0:
        let sealed = batches.seal()
        #expect(batches.waiting(through: sealed) == open.count)
      case 1, 2:
        batches.add()
        open.append(batches.current)
      default:
        if open.isEmpty { continue }
        batches.settle(open.remove(at: Int.random(in: open.indices, using: &random)))
      }
      let limit = Int.random(in: 0...batches.current, using: &random)
      #expect(batches.waiting(through: limit) == open.count { $0 <= limit })
    }
  }
}

@Suite("A letter that is too long for its topic")
struct LetterFitTests {
  private func topic(_ letter_bytes: Int) -> DeadLetterTopic {
    DeadLetterTopic(name: "dead", partitions: 1, letter_bytes: letter_bytes, configuration: .init())
  }

  private func fit(_ topic: DeadLetterTopic, key: Int, value: Int) -> (headers: LetterHeaders, key: Int, value: Int) {
    let headers = LetterHeaders(topic: "t", partition: 0, offset: 1, timestamp_ms: 2, reason: "r", detail: "d")
    return [UInt8](repeating: 1, count: key).withUnsafeBytes { keyBytes in
      [UInt8](repeating: 2, count: value).withUnsafeBytes { valueBytes in
        let letter = topic.fit(headers, key: keyBytes, value: valueBytes)
        return (letter.headers, letter.key?.count ?? -1, letter.value?.count ?? -1)
      }
    }
  }

  @Test("keeps its key and loses the end of its value, and says how long it was")
  func value() {
    let letter = fit(topic(10_000), key: 100, value: 20_000)
    #expect(letter.key == 100)
    #expect((8000..<9000).contains(letter.value))
    #expect(letter.headers.value_bytes == 20_000)
    #expect(letter.headers.key_bytes == nil)
  }

  @Test("loses the end of its key where that alone is too long")
  func key() {
    let letter = fit(topic(10_000), key: 20_000, value: 5)
    #expect((8000..<9000).contains(letter.key))
    #expect(letter.value == 0)
    #expect(letter.headers.key_bytes == 20_000)
    #expect(letter.headers.value_bytes == 5)
  }

  @Test("is left as it is where it fits")
  func fits() {
    let letter = fit(topic(10_000), key: 100, value: 8000)
    #expect(letter.key == 100 && letter.value == 8000)
    #expect(!letter.headers.isCut)
  }
}
