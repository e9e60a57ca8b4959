import Foundation
import Inputs
import TestKit
import Testing

@Suite("Length-delimited Protobuf")
struct MessageTests {
  let directory = TemporaryDirectory()

  @Test("messages come with the positions of their lengths, plain and compressed")
  func messagesRead() throws {
    let texts = ["abc", "", String(repeating: "x", count: 300), "d"]
    let bytes = messages(texts)
    for outcome in [
      try readAll(directory.write("a.binpb", bytes)), try readAll(directory.write("a.binpb.gz", gzip(bytes))),
    ] {
      #expect(outcome.error == nil)
      #expect(outcome.records.map(\.text) == texts)
      #expect(outcome.records.map(\.offset) == [0, 4, 5, 307])
      #expect(outcome.records.map(\.number) == [1, 2, 3, 4])
      #expect(outcome.checkpoint.hash == contentHash(bytes))
    }
    #expect(try readAll(directory.write("a.binpb", [])).records == [])
  }

  @Test("a message over the limit is given by its beginning and length, and the next is whole")
  func oversized() throws {
    var limits = RecordLimits()
    limits.record_bytes = 1_000
    limits.oversizedPrefix_bytes = 100
    let texts = ["a", String(repeating: "b", count: 1_001), "c", String(repeating: "d", count: 9_000_000), "e"]
    let outcome = try readAll(directory.write("a.binpb", messages(texts)), limits: limits)
    #expect(outcome.error == nil)
    #expect(outcome.records.map(\.length) == [1, 1_001, 1, 9_000_000, 1])
    #expect(outcome.records.map(\.text.utf8.count) == [1, 100, 1, 100, 1])
    #expect(outcome.records.map(\.isOversized) == [false, true, false, true, false])
  }

  @Test("a length that cannot be is damage, named by its position")
  func impossibleLength() throws {
    let good = messages(["abc"])
    for length: [UInt8] in [[0x81, 0x80, 0x80, 0x20], [UInt8](repeating: 0xFF, count: 11)] {
      let outcome = try readAll(directory.write("a.binpb", good + length + [UInt8](repeating: 1, count: 100)))
      #expect(outcome.records.map(\.text) == ["abc"])
      #expect(outcome.error?.code == .corrupt)
      #expect(outcome.error?.offset == 4)
      #expect(outcome.error?.description.contains("record 2, at byte 4") == true)
      #expect(outcome.checkpoint.position == 4)
    }
  }

  @Test("a file that ends inside a record is gone on from once it is complete", arguments: [5, 6, 7, 50, 2_000])
  func truncated(size: Int) throws {
    var limits = RecordLimits()
    limits.record_bytes = 1_000
    let whole = messages(["abc", String(repeating: "x", count: 300), String(repeating: "y", count: 5_000)])
    let input = try directory.write("a.binpb", whole[..<size])
    let part = try readAll(input, limits: limits)
    #expect(part.error?.code == .truncated)
    #expect(part.error?.offset == part.checkpoint.position)
    #expect(part.checkpoint.position == (size < 300 ? 4 : 306))
    _ = try directory.write("a.binpb", whole)
    let rest = try readAll(input, limits: limits, from: part.checkpoint)
    #expect((part.records + rest.records).map(\.length) == [3, 300, 5_000])
    #expect((part.records + rest.records).map(\.number) == [1, 2, 3])
  }
}
