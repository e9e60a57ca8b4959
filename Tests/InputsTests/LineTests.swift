import Foundation
import Inputs
import TestKit
import Testing

@Suite("JSON lines")
struct LineTests {
  let directory = TemporaryDirectory()

  @Test("lines come with their positions and numbers; empty ones and carriage returns are passed over")
  func lines() throws {
    let text = "{\"a\":1}\n\n\r\n{\"b\":2}\r\n \n{}\n\n"
    let outcome = try readAll(directory.write("a.jsonl", text))
    #expect(
      outcome.records == [
        Record("{\"a\":1}", at: 0, 1), Record("{\"b\":2}", at: 11, 4), Record(" ", at: 20, 5), Record("{}", at: 22, 6),
      ])
    #expect(outcome.error == nil)
    #expect(outcome.checkpoint.position == UInt64(text.utf8.count))
    #expect(outcome.checkpoint.number == 7)
    #expect(outcome.checkpoint.hash == contentHash(text.utf8))
  }

  @Test("an empty file has no records", arguments: ["", "\n", "\r", "\u{FEFF}", "\r\n\r\n"])
  func empty(text: String) throws {
    let outcome = try readAll(directory.write("a.jsonl", text))
    #expect(outcome.records == [])
    #expect(outcome.error == nil)
    #expect(outcome.checkpoint.position == UInt64(text.utf8.count))
  }

  @Test("a byte order mark is passed over at the beginning and nowhere else")
  func byteOrderMark() throws {
    let outcome = try readAll(directory.write("a.jsonl", "\u{FEFF}{}\n\u{FEFF}{}\n"))
    #expect(outcome.records == [Record("{}", at: 3, 1), Record("\u{FEFF}{}", at: 6, 2)])
  }

  @Test("records are the same however the bytes arrive", arguments: [1, 2, 3, 7, 64, 1000])
  func pieces(size: Int) throws {
    let text = "\u{FEFF}" + (1...12).map { "{\"n\":\($0)}" + ["\n", "\r\n", "\n\n"][$0 % 3] }.joined() + "{\"last\":0}"
    let bytes = Array(text.utf8)
    let open = descriptor(
      giving: stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min($0 + size, bytes.count)]) })
    defer { close(open) }
    let outcome = try readAll(.standardInput(descriptor: open))
    let whole = try readAll(directory.write("a.jsonl", text))
    #expect(outcome.records == whole.records)
    #expect(outcome.records.count == 13)
    #expect(outcome.checkpoint == whole.checkpoint)
  }

  @Test("lines that straddle the pieces of a long file are whole, and the hash is that of the bytes")
  func longFile() throws {
    var generator = SeededGenerator(seed: 5)
    var text = ""
    var expected: [Record] = []
    for number in 1...30_000 {
      let line = "{\"\(String(repeating: "x", count: Int.random(in: 0...200, using: &generator)))\":\(number)}"
      expected.append(Record(line, at: UInt64(text.utf8.count), UInt64(number)))
      text += line + "\n"
    }
    let bytes = Array(text.utf8)
    var limits = RecordLimits()
    limits.record_bytes = 300
    let outcome = try readAll(directory.write("a.jsonl", bytes), limits: limits)
    #expect(outcome.records == expected)
    #expect(outcome.checkpoint.hash == contentHash(bytes))
  }

  @Test("the hash at any point is that of the bytes consumed by then")
  func hashAnywhere() throws {
    let text = (1...2_000).map { "{\"n\":\($0)}\n" }.joined()
    let bytes = Array(text.utf8)
    var reader = try RecordReader(directory.write("a.jsonl", bytes))
    var index = 0
    while let frame = try reader.next() {
      let end = Int(frame.offset) + frame.bytes.count + 1
      if index % 97 == 0 {
        #expect(reader.consumed == UInt64(end))
        #expect(reader.checkpoint().hash == contentHash(bytes[..<end]))
      }
      index += 1
    }
    #expect(index == 2_000)
  }

  @Test("a line over the limit is given by its beginning and length, and the next is whole")
  func oversized() throws {
    var limits = RecordLimits()
    limits.record_bytes = 100
    limits.oversizedPrefix_bytes = 10
    let texts = [
      String(repeating: "a", count: 100), String(repeating: "b", count: 101), "{}",
      String(repeating: "c", count: 5_000_000) + "\r", "{}", String(repeating: "d", count: 100) + "\r",
      String(repeating: "e", count: 3_000_000),
    ]
    let text = texts.joined(separator: "\n")
    let outcome = try readAll(directory.write("a.jsonl", text), limits: limits)
    #expect(outcome.records.map(\.length) == [100, 101, 2, 5_000_000, 2, 100, 3_000_000])
    #expect(outcome.records.map(\.isOversized) == [false, true, false, true, false, false, true])
    #expect(outcome.records.map(\.text.utf8.count) == [100, 10, 2, 10, 2, 100, 10])
    #expect(outcome.records.map(\.number) == [1, 2, 3, 4, 5, 6, 7])
    #expect(outcome.records.map(\.isTerminated) == [true, true, true, true, true, true, false])
    #expect(outcome.records[4].offset == UInt64(101 + 102 + 3 + 5_000_002))
    #expect(outcome.checkpoint.hash == contentHash(text.utf8))
  }

  @Test("an unterminated last line is said to be so, and counts once it is taken")
  func unterminated() throws {
    let outcome = try readAll(directory.write("a.jsonl", "{}\n{\"a\""))
    #expect(outcome.records == [Record("{}", at: 0, 1), Record("{\"a\"", at: 3, 2, isTerminated: false)])
    #expect(outcome.checkpoint.position == 7)
  }

  @Test(
    "an unterminated last line that is left is read by a later run",
    arguments: ["{\"a\"", String(repeating: "a", count: 2_000_000)])
  func left(line: String) throws {
    let input = try directory.write("a.jsonl", "{}\n" + line)
    var limits = RecordLimits()
    limits.record_bytes = 1_000
    var reader = try RecordReader(input, limits: limits)
    #expect(try reader.next()?.number == 1)
    reader.leaveUnterminated()
    #expect(reader.consumed == 3)
    #expect(try reader.next()?.isTerminated == false)
    reader.leaveUnterminated()
    #expect(reader.consumed == 3)
    #expect(reader.checkpoint().hash == contentHash("{}\n".utf8))
    #expect(try reader.next()?.number == nil)
    let checkpoint = reader.checkpoint()
    #expect(checkpoint.number == 1)
    _ = try directory.write("a.jsonl", "{}\n" + line + "}\n{}\n")
    let later = try readAll(input, limits: limits, from: checkpoint)
    #expect(later.records.map(\.number) == [2, 3])
    #expect(later.records[0].length == UInt64(line.utf8.count) + 1)
  }

  @Test("a compressed file under a plain name is refused, with the name it should have")
  func compressedUnderPlainName() throws {
    let outcome = try readAll(directory.write("a.jsonl", gzip(Array("{}\n".utf8))))
    #expect(outcome.records == [])
    #expect(outcome.error?.code == .wrongFormat)
    #expect(outcome.error?.description.contains("a.jsonl.gz") == true)
    #expect(outcome.checkpoint.position == 0)
  }
}
