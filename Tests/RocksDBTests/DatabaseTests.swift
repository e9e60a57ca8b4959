import Foundation
import RocksDB
import TestKit
import Testing

@Suite("Database")
struct DatabaseTests {
  @Test("what was ingested is there after closing and opening again, in every column family")
  func reopen() throws {
    let fixture = Fixture()
    do {
      let (database, families) = try fixture.open(families: ["g1": fixture.options])
      try fixture.ingest([.put("a", "1")], into: try #require(families["default"]), of: database)
      try fixture.ingest([.put("a", "2")], into: try #require(families["g1"]), of: database)
      let created = try database.createFamily("g2", options: fixture.options)
      try fixture.ingest([.put("a", "3")], into: created, of: database)
    }
    let (database, families) = try fixture.open()
    #expect(families.keys.sorted() == ["default", "g1", "g2"])
    let view = database.latest()
    for (name, value) in [("default", "1"), ("g1", "2"), ("g2", "3")] {
      #expect(try view.text("a", in: try #require(families[name])) == value)
    }
  }

  @Test(
    "a dropped family reads on while it is held, is gone at the next opening, and its files go with its last holder")
  func drop() throws {
    let fixture = Fixture()
    let database: Database
    var old: ColumnFamily?
    do {
      let (opened, families) = try fixture.open(families: ["old": fixture.options])
      database = opened
      old = families["old"]
    }
    try fixture.ingest([.put("a", "1")], into: try #require(old), of: database)
    try database.drop(try #require(old))
    #expect(try database.latest().text("a", in: try #require(old)) == "1")
    #expect(throws: RocksDBError.self) { try database.drop(try #require(old)) }
    #expect(try Database.familyNames(path: fixture.path, options: fixture.options) == ["default"])
    #expect(try fixture.storedFiles().count == 1)
    old = nil
    #expect(try fixture.storedFiles() == [])
  }

  @Test("a second opening is refused by the lock, says so, and may be tried again")
  func locked() throws {
    let fixture = Fixture()
    let (database, _) = try fixture.open()
    let error = withExtendedLifetime(database) { #expect(throws: RocksDBError.self) { try fixture.open() } }
    #expect(error?.isLocked == true)
    #expect(error?.isRetryable == true)
    #expect(error?.description.hasPrefix("cannot open the database \(fixture.path): IO error: ") == true)
    #expect(error?.hint?.contains("open already") == true)
  }

  @Test("a read-only opening beside the writer shows what was there, and takes nothing in")
  func readOnly() throws {
    let fixture = Fixture()
    let (database, families) = try fixture.open()
    let family = try #require(families["default"])
    try fixture.ingest([.merge("a", "1")], into: family, of: database)
    let (reader, readerFamilies) = try fixture.open(.readOnly)
    let readerFamily = try #require(readerFamilies["default"])
    try fixture.ingest([.merge("a", "2")], into: family, of: database)
    #expect(try reader.latest().text("a", in: readerFamily) == "1")
    #expect(try database.latest().text("a", in: family) == "1,2")
    #expect(throws: RocksDBError.self) { try fixture.ingest([.put("b", "1")], into: readerFamily, of: reader) }
    #expect(try reader.latest().entries(readerFamily) == ["a=1"])
  }

  @Test("a file where the folder should be, and a missing database, are errors that name the path")
  func noDatabase() throws {
    let fixture = Fixture()
    try Data("x".utf8).write(to: URL(fileURLWithPath: fixture.path))
    let error = #expect(throws: RocksDBError.self) { try fixture.open() }
    #expect(error?.path == fixture.path)
    #expect(error?.description.contains(fixture.path) == true)
    #expect(error?.description.contains("\n") == false)

    var settings = Settings()
    settings.creates = false
    let missing = Fixture(settings)
    let refused = #expect(throws: RocksDBError.self) { try missing.open() }
    #expect(refused?.code == .invalidArgument)
    #expect(refused?.isRetryable == false)
    #expect(throws: RocksDBError.self) { try missing.open(.readOnly) }
  }

  @Test("views, families and iterators keep the database open, whatever is let go first")
  func lifetimes() throws {
    let fixture = Fixture()
    var iterator: Iterator
    do {
      let (database, families) = try fixture.open()
      let family = try #require(families["default"])
      try fixture.ingest([.put("a", "1"), .put("b", "2")], into: family, of: database)
      iterator = database.snapshot().iterate(family)
    }
    #expect(throws: RocksDBError.self) { try fixture.open() }
    #expect(try iterator.next())
    #expect(String(decoding: iterator.value, as: UTF8.self) == "1")
    iterator = try {
      let (database, families) = try Database.open(path: fixture.directory.file("other"), options: fixture.options)
      return database.latest().iterate(try #require(families["default"]))
    }()
    let (database, families) = try fixture.open()
    #expect(try database.latest().text("b", in: try #require(families["default"])) == "2")
    #expect(try !iterator.next())
  }

  @Test("a merge operator lives as long as RocksDB needs it, and not longer")
  func operatorLifetime() throws {
    let directory = TemporaryDirectory()
    weak var merge: Joining?
    do {
      var kept: Joining? = Joining()
      merge = kept
      let (database, families) = try Database.open(
        path: directory.file("db"), options: Options(merge: kept), families: [:])
      kept = nil
      #expect(merge != nil)
      #expect(try database.latest().text("a", in: try #require(families["default"])) == nil)
    }
    #expect(merge == nil)
  }
}
