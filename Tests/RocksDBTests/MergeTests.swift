import Foundation
import RocksDB
import Synchronization
import TestKit
import Testing

@Suite("Merges through ingested files")
struct MergeTests {
  @Test("operands are merged oldest first, over the value that was put, before and after compaction")
  func order() throws {
    let fixture = Fixture()
    let (database, families) = try fixture.open()
    let family = try #require(families["default"])
    try fixture.ingest([.put("put", "0"), .merge("user", "1")], into: family, of: database)
    for number in 2...6 {
      try fixture.ingest([.merge("put", "\(number)"), .merge("user", "\(number)")], into: family, of: database)
    }
    let expected = ["put=0,2,3,4,5,6", "user=1,2,3,4,5,6"]
    #expect(try database.latest().entries(family) == expected)
    try database.compact(family)
    #expect(database.level0Files(of: family) == 0)
    #expect(try database.latest().entries(family) == expected)
    try fixture.ingest([.merge("put", "7")], into: family, of: database)
    #expect(try database.latest().text("put", in: family) == "0,2,3,4,5,6,7")
    try fixture.ingest([.delete("put"), .put("user", "")], into: family, of: database)
    try fixture.ingest([.merge("put", "8"), .merge("user", "9")], into: family, of: database)
    #expect(try database.latest().entries(family) == ["put=8", "user=,9"])
  }

  @Test("a partial merge under a snapshot keeps the operands' order")
  func partial() throws {
    let fixture = Fixture()
    let (database, families) = try fixture.open()
    let family = try #require(families["default"])
    try fixture.ingest([.merge("k", "1")], into: family, of: database)
    try database.compact(family)
    var views: [ReadView] = []
    for number in 2...9 {
      if number == 5 { views.append(database.snapshot()) }
      try fixture.ingest([.merge("k", "\(number)")], into: family, of: database)
    }
    try database.compact(family, rewritesBottom: true)
    #expect(fixture.merge.partialMerges.load(ordering: .relaxed) > 0)
    #expect(try views[0].text("k", in: family) == "1,2,3,4")
    #expect(try database.latest().text("k", in: family) == "1,2,3,4,5,6,7,8,9")
  }

  @Test("a snapshot does not see a file ingested after it, one made after it does")
  func snapshots() throws {
    let fixture = Fixture()
    let (database, families) = try fixture.open()
    let family = try #require(families["default"])
    try fixture.ingest([.merge("a", "1")], into: family, of: database)
    let before = database.snapshot()
    var walk = before.iterate(family)
    try fixture.ingest([.merge("a", "2"), .merge("b", "1")], into: family, of: database)
    let after = database.snapshot()
    #expect(try before.entries(family) == ["a=1"])
    #expect(try after.entries(family) == ["a=1,2", "b=1"])
    try database.compact(family)
    #expect(try before.text("b", in: family) == nil)
    #expect(try walk.next())
    #expect(String(decoding: walk.value, as: UTF8.self) == "1")
    #expect(try !walk.next())
  }

  @Test("random merges, deletions and compactions read as an oracle says")
  func oracle() throws {
    var settings = Settings()
    settings.level0CompactionFiles = 3
    let fixture = Fixture(settings)
    let (database, families) = try fixture.open()
    let family = try #require(families["default"])
    var generator = SeededGenerator(seed: 11)
    var oracle: [String: String] = [:]
    for file in 0..<40 {
      var entries: [Entry] = []
      for number in 0..<30 where Bool.random(using: &generator) {
        let key = "key\(100 + number)"
        switch Int.random(in: 0..<10, using: &generator) {
        case 0:
          entries.append(.delete(key))
          oracle[key] = nil
        case 1:
          entries.append(.put(key, "\(file)"))
          oracle[key] = "\(file)"
        default:
          entries.append(.merge(key, "\(file)"))
          oracle[key] = oracle[key].map { "\($0),\(file)" } ?? "\(file)"
        }
      }
      try fixture.ingest(entries, into: family, of: database)
    }
    let expected = oracle.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    #expect(try database.latest().entries(family) == expected)
    try database.compact(family, rewritesBottom: true)
    #expect(try database.latest().entries(family) == expected)
  }

  @Test("ingestion links the file without writing to it, and takes all of several files or none")
  func ingestion() throws {
    let fixture = Fixture()
    let (database, families) = try fixture.open()
    let family = try #require(families["default"])
    try fixture.ingest([.put("a", "0")], into: family, of: database)
    let file = fixture.directory.file("file.sst")
    let kept = fixture.directory.file("kept.sst")
    let size = try write([.merge("a", "1"), .put("b", "1")], to: file, fixture.options)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
    #expect(bytes.count == size)
    try FileManager.default.linkItem(atPath: file, toPath: kept)
    let missing = fixture.directory.file("missing.sst")
    let error = #expect(throws: RocksDBError.self) { try database.ingest([file, missing], into: family) }
    #expect(error?.message.contains("missing.sst") == true)
    #expect(try database.latest().entries(family) == ["a=0"])
    try database.ingest([file], into: family)
    #expect(!FileManager.default.fileExists(atPath: file))
    #expect(try Data(contentsOf: URL(fileURLWithPath: kept)) == bytes)
    #expect(try database.latest().entries(family) == ["a=0,1", "b=1"])
    #expect(database.liveFiles_bytes(of: family) > size)
  }
}
