import Foundation
import Inputs
import TestKit
import Testing

@Suite("gzip")
struct GzipTests {
  let directory = TemporaryDirectory()

  @Test("what gzip compressed reads as the plain file does")
  func real() throws {
    var generator = SeededGenerator(seed: 9)
    let text = (0..<60_000).map { "{\"n\":\($0),\"r\":\(UInt64.random(in: 0...UInt64.max, using: &generator))}\n" }
      .joined()
    let plain = try readAll(directory.write("a.jsonl", text))
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gzip", "-k", directory.file("a.jsonl")]
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    let input = try Input(directory.file("a.jsonl.gz"))
    let compressed = try readAll(input)
    #expect(plain.records.count == 60_000)
    #expect(compressed.records == plain.records)
    #expect(compressed.checkpoint == plain.checkpoint)
    var reader = try RecordReader(input)
    while try reader.next() != nil {}
    #expect(reader.progress.used_bytes == reader.progress.size_bytes)
  }

  @Test("members follow one another, within a line too, and zeros may pad them")
  func members() throws {
    let bytes =
      gzip(Array("{\"a\":".utf8)) + gzip([]) + gzip(Array("1}\n{}\n".utf8)) + [0, 0, 0] + gzip(Array("{}".utf8)) + [0]
    let outcome = try readAll(directory.write("a.jsonl.gz", bytes))
    #expect(outcome.error == nil)
    #expect(
      outcome.records == [
        Record("{\"a\":1}", at: 0, 1), Record("{}", at: 8, 2), Record("{}", at: 11, 3, isTerminated: false),
      ])
  }

  @Test("a half-written file gives its whole records, then an error that can be retried and gone on from")
  func truncated() throws {
    let text = (0..<20_000).map { "{\"number\":\($0)}\n" }.joined()
    let whole = gzip(Array(text.utf8))
    let input = try directory.write("a.jsonl.gz", whole)
    let all = try readAll(input)
    for size in [whole.count - 1, whole.count - 8, whole.count - 9, whole.count - 100, whole.count / 2, 70_000, 12, 5] {
      _ = try directory.write("a.jsonl.gz", whole[..<size])
      let part = try readAll(input)
      #expect(part.error?.code == .truncated)
      #expect(part.error?.isRetryable == true)
      #expect(part.error?.compressedOffset == UInt64(size))
      #expect(part.error?.description.contains("byte \(size) of the file") == true)
      #expect(part.records == Array(all.records.prefix(part.records.count)))
      #expect(!part.records.contains { !$0.isTerminated })
      if size >= whole.count - 8 { #expect(part.records.count == 20_000) }
      if size == 70_000 { #expect(part.records.count > 3_000) }
      _ = try directory.write("a.jsonl.gz", whole)
      let rest = try readAll(input, from: part.checkpoint)
      #expect(part.records + rest.records == all.records)
      #expect(rest.checkpoint == all.checkpoint)
    }
  }

  @Test("damage gives the whole records before it, then an error with both positions, at every call")
  func damaged() throws {
    let text = (0..<20_000).map { "{\"number\":\($0)}\n" }.joined()
    let whole = gzip(Array(text.utf8))
    // The checksum, the length, the complement of a block's length, a block's type, the header.
    for (place, minimum) in [
      (whole.count - 5, 20_000), (whole.count - 2, 20_000), (10 + 65_540 + 3, 3_000), (10 + 65_540, 3_000), (2, 0),
    ] {
      var bytes = whole
      bytes[place] ^= 0xFE
      let input = try directory.write("a.jsonl.gz", bytes)
      let outcome = try readAll(input)
      let error = try #require(outcome.error)
      #expect(error.code == .corrupt)
      #expect(!error.isRetryable)
      #expect(error.offset != nil && error.compressedOffset != nil)
      #expect(error.description.contains("a.jsonl.gz"))
      #expect(outcome.records.count >= minimum)
      #expect(outcome.checkpoint.position <= error.offset ?? 0)
      #expect(outcome.checkpoint.hash == contentHash(text.utf8.prefix(Int(outcome.checkpoint.position))))
      var reader = try RecordReader(input)
      var errors: [InputError] = []
      while errors.count < 2 { do { _ = try reader.next() } catch { errors.append(error) } }
      #expect(errors == [error, error])
    }
  }

  @Test("an unterminated line in front of damage is not given")
  func partialLine() throws {
    var bytes = gzip(Array("{}\n{\"a\":1}".utf8))
    bytes[bytes.count - 5] ^= 1
    let outcome = try readAll(directory.write("a.jsonl.gz", bytes))
    #expect(outcome.records == [Record("{}", at: 0, 1)])
    #expect(outcome.checkpoint.position == 3)
  }

  @Test("what follows a member and is none is an error behind its records", arguments: ["garbage\n", "\u{1F}"])
  func trailing(garbage: String) throws {
    let outcome = try readAll(directory.write("a.jsonl.gz", gzip(Array("{}\n".utf8)) + garbage.utf8))
    #expect(outcome.records.count == 1)
    #expect(outcome.error != nil)
  }

  @Test("an empty file, and a plain one, are no gzip")
  func noGzip() throws {
    #expect(try readAll(directory.write("a.jsonl.gz", "")).error?.code == .truncated)
    #expect(try readAll(directory.write("a.jsonl.gz", "{}\n")).error?.code == .corrupt)
    #expect(try readAll(directory.write("a.jsonl.gz", gzip([]))).error == nil)
  }

  @Test("an oversized line that damage cuts does not count as consumed")
  func cutOversized() throws {
    let text = "{}\n" + String(repeating: "a", count: 4_000_000)
    var limits = RecordLimits()
    limits.record_bytes = 1_000
    let outcome = try readAll(directory.write("a.jsonl.gz", gzip(Array(text.utf8)).dropLast()), limits: limits)
    #expect(outcome.records.count == 1)
    #expect(outcome.error?.code == .truncated)
    #expect(outcome.checkpoint.position == 3)
    #expect(outcome.checkpoint.number == 1)
    #expect(outcome.checkpoint.hash == contentHash("{}\n".utf8))
  }
}
