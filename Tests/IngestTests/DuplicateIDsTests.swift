import TestKit
import Testing

@testable import Ingest

@Suite("Stored ids of a duplicate window")
struct DuplicateIDsTests {
  private func maker(_ seed: Int, ids: Int) -> IDLogMaker {
    var maker = IDLogMaker(seed: UInt64(seed))
    maker.ids = ids
    return maker
  }

  @Test("a window restored from the records that reach into it answers as the one that wrote them", arguments: 0..<24)
  func restored(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let limits = DuplicateLimits(offsets: [20, 500, 3000].randomElement(using: &random) ?? 1, time_ms: 4000)
    var maker = maker(seed, ids: [3, 50, 1000].randomElement(using: &random) ?? 1)
    let original = DuplicateWindow.make(limits)
    var restored = DuplicateWindow.make(limits)
    var stored: [EncodedIDs] = []
    for _ in 0..<4000 {
      let record = maker.next()
      let expected = original.isDuplicate(record)
      #expect(restored.isDuplicate(record) == expected)
      if Int.random(in: 0..<50, using: &random) == 0 { stored += original.takeNew() }
      if Int.random(in: 0..<200, using: &random) == 0 {
        stored += original.takeNew()
        restored = .make(limits)
        let needed = stored.filter { $0.lastOffset >= record.offset + 1 - Int64(limits.offsets) }
        for ids in needed { try restored.restore(ids) }
        #expect(restored.takeNew().isEmpty, "what is restored is not new")
      }
    }
  }

  @Test("ids take about eleven bytes, and records stay below 1 MiB")
  func size() throws {
    let window = DuplicateWindow.make(DuplicateLimits())
    for offset in Int64(0)..<250_000 {
      _ = window.isDuplicate(
        IDRecord(
          user: "u", eventID: "\(offset)", offset: 4_000_000_000 + offset, timestamp_ms: 1_700_000_000_000 + offset))
    }
    let waiting_bytes = window.new_bytes
    let records = window.takeNew()
    #expect(records.map(\.bytes.count).reduce(0, +) == waiting_bytes && waiting_bytes < 250_000 * 11)
    #expect(records.count == 3 && records.allSatisfy { $0.bytes.count <= EncodedIDs.maximum_bytes })
    #expect(records.first?.firstOffset == 4_000_000_000 && records.last?.lastOffset == 4_000_249_999)
    #expect(zip(records, records.dropFirst()).allSatisfy { $0.lastOffset + 1 == $1.firstOffset })
    #expect(window.new_bytes == 0 && window.takeNew().isEmpty)
    let restored = DuplicateWindow.make(DuplicateLimits())
    for ids in records { try restored.restore(ids) }
    #expect(restored.count == 250_000)
  }

  @Test("the bytes are those of version 1")
  func golden() throws {
    let window = DuplicateWindow.make(DuplicateLimits())
    _ = window.isDuplicate(IDRecord(user: "ada", eventID: "click-1", offset: 300, timestamp_ms: 1000))
    _ = window.isDuplicate(IDRecord(user: "ada", eventID: "click-2", offset: 302, timestamp_ms: -1))
    let bytes = try #require(window.takeNew().first?.bytes)
    #expect(bytes == Self.goldenBytes)
  }

  @Test("records out of order are refused")
  func order() throws {
    let window = DuplicateWindow.make(DuplicateLimits())
    var records: [EncodedIDs] = []
    for offset in [5, 9] as [Int64] {
      _ = window.isDuplicate(IDRecord(user: "u", eventID: "e", offset: offset, timestamp_ms: 1))
      records += window.takeNew()
    }
    let restored = DuplicateWindow.make(DuplicateLimits())
    try restored.restore(records[1])
    for ids in records { #expect(throws: DuplicateIDsError.self) { try restored.restore(ids) } }
    #expect(restored.count == 1)
  }

  @Test("damaged bytes are refused whole, or are other ids; they never end the process", arguments: 0..<8)
  func damaged(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let window = DuplicateWindow.make(DuplicateLimits(offsets: 1000))
    var maker = maker(seed, ids: 20)
    for _ in 0..<30 { _ = window.isDuplicate(maker.next()) }
    let bytes = try #require(window.takeNew().first?.bytes)
    var refused = 0
    for _ in 0..<4000 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        damaged[Int.random(in: 0..<damaged.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      damaged.removeLast(Int.random(in: 0...damaged.count, using: &random) / 8)
      let restored = DuplicateWindow.make(DuplicateLimits(offsets: 1000))
      do { try damaged.withUnsafeBytes { try restored.restore($0) } } catch {
        refused += 1
        #expect(restored.count == 0)
      }
    }
    #expect(refused > 100)
  }

  @Test(
    "bytes that are no ids are refused with what is wrong",
    arguments: [
      ([], "no bytes"), ([2, 1], "version 2"), ([1], "first offset"), ([1, 0x80], "first offset"), ([1, 5], "no ids"),
      ([1, 5, 1, 2, 3], "end within"), ([1, 5, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0], "is 1 after"),
      ([1, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "none that was written"),
      ([1, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 3], "none that was written"),
      ([1, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], "is 0 after"),
      ([1] + [UInt8](repeating: 255, count: 9) + [1], "first offset"),
    ] as [([UInt8], String)])
  func refused(bytes: [UInt8], what: String) {
    let window = DuplicateWindow.make(DuplicateLimits())
    let error = #expect(throws: DuplicateIDsError.self) { try bytes.withUnsafeBytes { try window.restore($0) } }
    #expect(error?.description.contains(what) ?? false, "\(error?.description ?? "")")
  }

  private static let goldenBytes: [UInt8] = [
    1, 172, 2,  // version, offset 300
    100, 180, 158, 144, 193, 141, 104, 91, 0, 208, 15,
    219, 229, 132, 227, 103, 132, 220, 157, 2, 209, 15,
  ]
}
