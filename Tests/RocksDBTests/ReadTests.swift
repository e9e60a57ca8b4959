import Foundation
import RocksDB
import TestKit
import Testing

@Suite("Reads")
struct ReadTests {
  @Test("an iterator keeps to its bounds, seeks, and ends for good")
  func bounds() throws {
    let fixture = Fixture()
    let (database, families) = try fixture.open()
    let family = try #require(families["default"])
    try fixture.ingest(["a", "b1", "b2", "c"].map { .put($0, "") }, into: family, of: database)
    let view = database.latest()
    #expect(try view.entries(family, from: "b", upTo: "c") == ["b1=", "b2="])
    #expect(try view.entries(family, from: "b2") == ["b2=", "c="])
    #expect(try view.entries(family, from: "d") == [])
    #expect(try view.entries(family, upTo: "a") == [])
    var iterator = withBytes("c") { view.iterate(family, upTo: $0, fillsCache: false) }
    #expect(iterator.key.count == 0)
    withBytes("b2") { iterator.seek(to: $0) }
    #expect(try iterator.next())
    #expect(String(decoding: iterator.key, as: UTF8.self) == "b2")
    #expect(try !iterator.next())
    #expect(try !iterator.next())
    #expect(iterator.key.count == 0)
  }

  @Test("many keys are read at once, in the order asked, found or not")
  func many() throws {
    let fixture = Fixture()
    let (database, families) = try fixture.open()
    let family = try #require(families["default"])
    try fixture.ingest((100..<400).map { .put("k\($0)", "v\($0)") }, into: family, of: database)
    try fixture.ingest((100..<400).map { .merge("k\($0)", "w") }, into: family, of: database)
    let keys = (0..<300).map { "k\(($0 * 7) % 500)" }
    let bytes = keys.map { Array($0.utf8) }
    let all = bytes.flatMap { $0 }
    all.withUnsafeBytes { all in
      var start = 0
      var slices: [UnsafeRawBufferPointer] = []
      for key in bytes {
        slices.append(.init(rebasing: all[start..<start + key.count]))
        start += key.count
      }
      var found: [String?] = []
      slices.withUnsafeBufferPointer { slices in
        database.snapshot().get(slices, in: family) { index, value in
          #expect(index == found.count)
          found.append((try? value.get()).map { String(decoding: $0, as: UTF8.self) })
        }
      }
      let expected = (0..<300).map { ($0 * 7) % 500 }.map { (100..<400).contains($0) ? "v\($0),w" : nil }
      #expect(found == expected)
    }
    database.latest().get(UnsafeBufferPointer(start: nil, count: 0), in: family) { _, _ in Issue.record("no key asked")
    }
  }

  @Test("sizes, levels and estimates are told")
  func properties() throws {
    let fixture = Fixture()
    let (database, families) = try fixture.open()
    let family = try #require(families["default"])
    var generator = SeededGenerator(seed: 3)
    let values = (0..<2000).map { _ in String(generator.next(), radix: 16) + String(generator.next(), radix: 16) }
    try fixture.ingest(values.indices.map { .put("key\(10_000 + $0)", values[$0]) }, into: family, of: database)
    // Each goes above those it overlaps: the first to level 6, the seventh and eighth of all to level 0.
    for _ in 1...7 { try fixture.ingest([.merge("key10000", "x")], into: family, of: database) }
    #expect(database.number(.estimatedKeys, of: family) == 2007)
    #expect(database.number("rocksdb.no-such-property", of: family) == nil)
    #expect(database.text(.levels, of: family)?.contains("Level") == true)
    #expect(database.level0Files(of: family) == 2)
    #expect(database.levelFiles(of: family) == [2, 1, 1, 1, 1, 1, 1])
    let half = try withBytes("key10000") { first in
      try withBytes("key11000") { try database.approximate_bytes(of: family, from: first, upTo: $0) }
    }
    let all = database.liveFiles_bytes(of: family)
    #expect(half > all / 4 && half < all * 3 / 4)
  }
}

@Suite("Files")
struct FileTests {
  @Test("a writer refuses keys out of order, repeated keys, an empty file and a missing folder")
  func refusals() throws {
    let fixture = Fixture()
    let file = fixture.directory.file("file.sst")
    for entries in [[Entry.put("b", ""), .put("a", "")], [.merge("a", ""), .merge("a", "")], []] {
      let error = #expect(throws: RocksDBError.self) { try write(entries, to: file, fixture.options) }
      #expect(error?.code == .invalidArgument)
      #expect(error?.path == file)
      #expect(!FileManager.default.fileExists(atPath: file))
    }
    let nowhere = fixture.directory.file("no/where.sst")
    let error = #expect(throws: RocksDBError.self) { try write([.delete("a")], to: nowhere, fixture.options) }
    #expect(error?.code == .io)
  }

  @Test("flipped bytes in a stored file are errors of the reads that meet them, not crashes")
  func corruption() throws {
    let fixture = Fixture()
    let keys = (10_000..<12_000).map { "key\($0)" }
    do {
      let (database, families) = try fixture.open()
      try fixture.ingest(
        keys.map { .merge($0, "value of \($0)") }, into: try #require(families["default"]), of: database)
    }
    let stored = try #require(try fixture.storedFiles().first)
    let url = URL(fileURLWithPath: "\(fixture.path)/\(stored)")
    var bytes = try Data(contentsOf: url)
    bytes[bytes.startIndex + 100] ^= 0xff
    try bytes.write(to: url)
    let (database, families) = try fixture.open()
    let family = try #require(families["default"])
    let view = database.latest()
    let error = #expect(throws: RocksDBError.self) { try view.text(keys[0], in: family) }
    #expect(error?.code == .corruption)
    #expect(error?.isRetryable == false)
    #expect(try view.text(keys[1999], in: family) == "value of \(keys[1999])")
    #expect(throws: RocksDBError.self) { try view.entries(family) }
    withBytes(keys[0]) { damaged in
      withBytes(keys[1999]) { whole in
        var outcomes: [Bool] = []
        [damaged, whole].withUnsafeBufferPointer {
          view.get($0, in: family, sorted: true) { _, value in outcomes.append((try? value.get()) != nil) }
        }
        #expect(outcomes == [false, true])
      }
    }
    #expect(throws: RocksDBError.self) { try database.compact(family, rewritesBottom: true) }
  }

  @Test("a file that is no SST is refused at ingestion")
  func noSST() throws {
    let fixture = Fixture()
    let (database, families) = try fixture.open()
    let file = fixture.directory.file("file.sst")
    try Data(repeating: 7, count: 5_000).write(to: URL(fileURLWithPath: file))
    let error = #expect(throws: RocksDBError.self) {
      try database.ingest([file], into: try #require(families["default"]))
    }
    #expect(error?.code == .corruption)
    #expect(try database.latest().entries(try #require(families["default"])) == [])
  }
}
