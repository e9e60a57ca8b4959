import Foundation
import Ingest
import InterestCodec
import TestKit
import Testing

@Suite("Bad records of files")
struct FileBadRecordTests {
  private let state: StateFixture
  private let events: [Event]

  init() throws {
    state = try StateFixture()
    events = state.world.events(300)
  }

  /// Records one behind the other with bad ones between good ones, and what the dead letters must say of it.
  private func mixed(
    _ samples: [BadSample], frame: ([UInt8]) -> [UInt8], good: (Event) -> [UInt8]
  ) -> (bytes: [UInt8], letters: [(position: Int, record: Int, sample: BadSample)]) {
    var bytes: [UInt8] = []
    var letters: [(position: Int, record: Int, sample: BadSample)] = []
    var record = 0
    for (index, event) in events.enumerated() {
      if index % 10 == 5 && index / 10 < samples.count {
        record += 1
        letters.append((bytes.count, record, samples[index / 10]))
        bytes += frame(samples[index / 10].bytes)
      }
      record += 1
      bytes += good(event)
    }
    return (bytes, letters)
  }

  private func check(
    _ name: String, _ letters: [(position: Int, record: Int, sample: BadSample)], _ location: SourceLocation
  ) throws {
    let found = try state.deadLetters
    #expect(found.count == letters.count, sourceLocation: location)
    for (letter, (position, record, sample)) in zip(found, letters) {
      #expect(letter.reason == sample.reason.rawValue, "\(letter.detail)", sourceLocation: location)
      #expect(letter.position == UInt64(position), sourceLocation: location)
      #expect(letter.record == UInt64(record), sourceLocation: location)
      #expect(letter.value == sample.bytes, sourceLocation: location)
      #expect(letter.file == URL(fileURLWithPath: state.folder.file(name)).resolvingSymlinksInPath().path)
      #expect(!letter.detail.isEmpty && !letter.detail.contains("\n"), sourceLocation: location)
    }
  }

  @Test(
    "are dead letters once each, with place, reason and bytes, and everything else counts", arguments: [32, 100_000])
  func json(buffer: Int) throws {
    let (bytes, letters) = mixed(BadSample.json, frame: { $0 + [0x0A] }, good: \.json)
    #expect(letters.count == BadSample.json.count)
    try state.write("b.jsonl", bytes)
    let report = try state.ingest("b.jsonl", buffer: buffer)
    #expect(report.badRecords == UInt64(letters.count))
    #expect(report.behaviors == 300)
    try check("b.jsonl", letters, #_sourceLocation)
    #expect(try state.dump() == state.world.expectedDump(events))
    // A second run adds neither behaviors nor letters.
    let second = try state.ingest("b.jsonl", buffer: buffer)
    #expect(second.badRecords == 0)
    try check("b.jsonl", letters, #_sourceLocation)
  }

  @Test("of Protobuf are dead letters, too", arguments: ["b.binpb", "b.binpb.gz"])
  func protobuf(name: String) throws {
    func delimited(_ bytes: [UInt8]) -> [UInt8] {
      var length: [UInt8] = []
      var rest = bytes.count
      while rest >= 128 {
        length.append(UInt8(rest & 127) | 128)
        rest >>= 7
      }
      return length + [UInt8(rest)] + bytes
    }
    let (bytes, letters) = mixed(BadSample.protobuf, frame: delimited, good: \.delimited)
    #expect(letters.count == BadSample.protobuf.count)
    try state.write(name, name.hasSuffix(".gz") ? gzip(bytes) : bytes)
    let report = try state.ingest(name)
    #expect(report.badRecords == UInt64(letters.count))
    try check(name, letters, #_sourceLocation)
    #expect(try state.dump() == state.world.expectedDump(events))
  }

  @Test("that are longer than allowed are dead letters with their beginning and their length")
  func tooLong() throws {
    let long = Array(#"{"user_id":""#.utf8) + [UInt8](repeating: 0x78, count: 10 << 20) + Array(#""}"#.utf8)
    try state.write("b.jsonl", events[0].json + long + [0x0A] + events[1].json)
    let report = try state.ingest("b.jsonl")
    #expect(report.behaviors == 2)
    let letters = try state.deadLetters
    #expect(letters.map(\.reason) == ["record_too_large"])
    #expect(letters.first?.value_bytes == UInt64(long.count))
    let value = try #require(letters.first?.value)
    #expect(value.count >= 1 << 10 && value.count < long.count)
    #expect(value == Array(long[..<value.count]))
    #expect(letters.first?.position == UInt64(events[0].json.count))
    #expect(try state.dump() == state.world.expectedDump(Array(events[..<2])))
  }

  @Test("stand once where a run was stopped after they were written and before the states were")
  func once() throws {
    // Letters beyond 256 KiB go to the disk before a flush: the breaker's trip leaves them without states.
    let bad = BadSample(
      .overLongID, #"{"user_id":"\#(String(repeating: "y", count: 4000))","shop_id":"1","type":"click","time_ms":5}"#)
    let some = [UInt8](repeatElement(bad.line, count: 150).joined())
    try state.write("b.jsonl", events[..<50].flatMap(\.json) + some + events[50...].flatMap(\.json))
    var strict = FileIngest.Options()
    strict.breakerRecords = 150
    #expect(throws: IngestError.self) { try state.ingest("b.jsonl", options: strict) }
    #expect(try state.deadLetters.count > 0)
    let report = try state.ingest("b.jsonl")
    #expect(report.badRecords == 150)
    #expect(report.behaviors == 300)
    #expect(try state.deadLetters.map(\.record) == (51...200).map { UInt64($0) })
    #expect(try state.dump() == state.world.expectedDump(events))
  }

  @Test("may be moved away: later ones begin a new file")
  func movedAway() throws {
    try state.write("a.jsonl", events[0].json + BadSample.json[0].line)
    try state.ingest("a.jsonl")
    try FileManager.default.removeItem(atPath: state.path + "/dead-letters.jsonl")
    try state.write("b.jsonl", BadSample.json[1].line)
    try state.ingest("b.jsonl")
    #expect(try state.deadLetters.map(\.value) == [BadSample.json[1].bytes])
    try state.write("c.jsonl", BadSample.json[2].line)
    try state.ingest("c.jsonl")
    #expect(try state.deadLetters.map(\.value) == [BadSample.json[1].bytes, BadSample.json[2].bytes])
  }

  @Test("lead to a trip of the breaker that keeps what was flushed, and no more; put right, it goes on there")
  func breaker() throws {
    let many = state.world.events(3000)
    let bad = [UInt8](repeatElement(BadSample.json[1].line, count: 900).joined())
    let good = many[..<2050].flatMap(\.json)
    try state.write("b.jsonl", good + bad + many[2050...].flatMap(\.json))
    // Windows of 1,000 from the beginning: the third has 50 good records and 900 bad ones.
    #expect {
      try state.ingest("b.jsonl", buffer: 802)
    } throws: { error in
      guard let error = error as? IngestError, error.code == .breaker else { return false }
      return error.message.contains("900 of 1000 records up to record 3000") && error.message.contains("b.jsonl")
    }
    // Flushed at 801 behaviors each time.
    #expect(try state.dump() == state.world.expectedDump(Array(many[..<1602])))
    var lenient = FileIngest.Options()
    lenient.breakerPercent = 95
    let report = try state.ingest("b.jsonl", options: lenient)
    #expect(report.behaviors == 3000 - 1602)
    #expect(report.badRecords == 900)
    #expect(try state.deadLetters.count == 900)
    #expect(try state.dump() == state.world.expectedDump(many))
  }

  @Test("of at most half do not stop anything")
  func half() throws {
    let many = state.world.events(2000)
    try state.write("b.jsonl", many.flatMap { $0.json + BadSample.json[0].line })
    let report = try state.ingest("b.jsonl")
    #expect(report.badRecords == 2000)
    #expect(report.behaviors == 2000)
  }
}
