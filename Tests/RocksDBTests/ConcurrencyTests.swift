import Foundation
import RocksDB
import Synchronization
import TestKit
import Testing

@Suite("From many threads")
struct ConcurrencyTests {
  @Test("readers see whole files only, and more and more of them, while files are ingested and compacted")
  func readersBesideIngestion() throws {
    var settings = Settings()
    settings.level0CompactionFiles = 2
    let fixture = Fixture(settings)
    let (database, families) = try fixture.open()
    let family = try #require(families["default"])
    let files = 60
    let ingested = Atomic(0)
    let failures = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: 3) { thread in
      do {
        if thread == 0 {
          // Stops the readers even where it fails.
          defer { ingested.store(files, ordering: .releasing) }
          for number in 1...files {
            try fixture.ingest([.merge("a", "\(number)"), .merge("b", "\(number)")], into: family, of: database)
            ingested.store(number, ordering: .releasing)
            if number % 20 == 0 { try database.compact(family) }
          }
          return
        }
        while true {
          let before = ingested.load(ordering: .acquiring)
          let view = database.snapshot()
          let first = try view.text("a", in: family)
          let entries = try view.entries(family)
          let seen = first?.split(separator: ",").count ?? 0
          let expected = (1...max(seen, 1)).map(String.init).joined(separator: ",")
          let isWhole = entries == (seen == 0 ? [] : ["a=\(expected)", "b=\(expected)"])
          if seen < before || !isWhole { failures.add(1, ordering: .relaxed) }
          if before == files { return }
        }
      } catch {
        failures.add(1, ordering: .relaxed)
      }
    }
    #expect(failures.load(ordering: .relaxed) == 0)
    #expect(try database.latest().text("a", in: family)?.split(separator: ",").count == files)
  }
}
