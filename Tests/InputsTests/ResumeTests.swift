import Foundation
import Inputs
import TestKit
import Testing

@Suite("Going on where a run ended")
struct ResumeTests {
  let directory = TemporaryDirectory()

  @Test(
    "from any record on, the rest is what one run would have read",
    arguments: ["a.jsonl", "a.jsonl.gz", "a.binpb", "a.binpb.gz"])
  func anywhere(name: String) throws {
    let texts = (1...50).map { "{\"n\":\($0)}" }
    var bytes = name.contains("jsonl") ? Array(texts.map { $0 + "\n\r\n" }.joined().utf8) : messages(texts)
    if name.hasSuffix(".gz") { bytes = gzip(Array(bytes[..<100])) + gzip(Array(bytes[100...])) }
    let input = try directory.write(name, bytes)
    let all = try readAll(input)
    for count in 0...50 {
      var reader = try RecordReader(input)
      for _ in 0..<count { _ = try reader.next() }
      let rest = try readAll(input, from: reader.checkpoint())
      #expect(rest.records == Array(all.records[count...]))
      #expect(rest.checkpoint == all.checkpoint)
    }
  }

  @Test("an appended file goes on with its new records only")
  func appended() throws {
    let input = try directory.write("a.jsonl", "{}\n{}\n")
    let first = try readAll(input)
    #expect(try readAll(input, from: first.checkpoint).records == [])
    _ = try directory.write("a.jsonl", "{}\n{}\n{\"new\":1}\n")
    #expect(try readAll(input, from: first.checkpoint).records == [Record("{\"new\":1}", at: 6, 3)])
  }

  @Test("a last line taken without its newline keeps its number when that is appended")
  func newlineLater() throws {
    let input = try directory.write("a.jsonl", "{}\n{}")
    let first = try readAll(input)
    #expect(first.checkpoint.number == 2)
    _ = try directory.write("a.jsonl", "{}\n{}\n{}\n")
    #expect(try readAll(input, from: first.checkpoint).records == [Record("{}", at: 6, 3)])
  }

  @Test("changed bytes and a shorter file are refused with a hint", arguments: ["a.jsonl", "a.jsonl.gz"])
  func changed(name: String) throws {
    func bytes(_ text: String) -> [UInt8] { name.hasSuffix(".gz") ? gzip(Array(text.utf8)) : Array(text.utf8) }
    let input = try directory.write(name, bytes("{\"a\":1}\n{}\n"))
    let checkpoint = try readAll(input).checkpoint
    _ = try directory.write(name, bytes("{\"a\":2}\n{}\n{}\n"))
    let changed = #expect(throws: InputError.self) { try readAll(input, from: checkpoint) }
    #expect(changed?.code == .changed)
    #expect(changed?.description.contains("its first 11 bytes changed") == true)
    #expect(changed?.description.contains(name) == true)
    _ = try directory.write(name, bytes("{\"a\":1}\n"))
    let shorter = #expect(throws: InputError.self) { try readAll(input, from: checkpoint) }
    #expect(shorter?.code == .changed)
    #expect(shorter?.description.contains("it has 8 bytes, but 11") == true)
  }

  @Test("a checkpoint lies behind a large part that is read again in pieces")
  func large() throws {
    let bytes = Array((1...200_000).map { "{\"n\":\($0)}\n" }.joined().utf8)
    let input = try directory.write("a.jsonl", bytes)
    var reader = try RecordReader(input)
    for _ in 0..<150_000 { _ = try reader.next() }
    let rest = try readAll(input, from: reader.checkpoint())
    #expect(rest.records.count == 50_000)
    #expect(rest.records.first?.number == 150_001)
    #expect(rest.checkpoint.hash == contentHash(bytes))
  }

  @Test("standard input goes on, too")
  func standardInput() throws {
    let first = descriptor(giving: [Array("{}\n{".utf8)])
    let second = descriptor(giving: [Array("{}".utf8), Array("\n{}\n".utf8)])
    defer { close(first); close(second) }
    var reader = try RecordReader(.standardInput(named: "feed", descriptor: first))
    #expect(try reader.next()?.number == 1)
    let outcome = try readAll(.standardInput(named: "feed", descriptor: second), from: reader.checkpoint())
    #expect(outcome.records == [Record("{}", at: 3, 2)])
    #expect(reader.progress.size_bytes == nil)
  }
}
