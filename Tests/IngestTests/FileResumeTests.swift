import Foundation
import Ingest
import Inputs
import InterestStore
import TestKit
import Testing

@Suite("Files that are ingested again")
struct FileResumeTests {
  private let state: StateFixture
  private let events: [Event]

  init() throws {
    state = try StateFixture()
    events = state.world.events(600)
  }

  @Test("add nothing, whatever way leads to them", arguments: ["b.jsonl", "b.jsonl.gz", "b.binpb"])
  func again(name: String) throws {
    let path = try state.write(name, events)
    let link = state.folder.file("link-\(name)")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
    try state.ingest(name)
    let again = try state.ingest(name, "link-\(name)")
    #expect(again.behaviors == 0)
    #expect(again.skipped_bytes > 0)
    #expect(try state.dump() == state.world.expectedDump(events))
  }

  @Test("go on with what was appended", arguments: ["b.jsonl", "b.binpb"], [16, 100_000])
  func appended(name: String, buffer: Int) throws {
    try state.write(name, events[..<200])
    try state.ingest(name, buffer: buffer)
    try state.append(name, events[200..<201].flatMap { name.hasSuffix("jsonl") ? $0.json : $0.delimited })
    #expect(try state.ingest(name, buffer: buffer).behaviors == 1)
    try state.append(name, events[201...].flatMap { name.hasSuffix("jsonl") ? $0.json : $0.delimited })
    #expect(try state.ingest(name, buffer: buffer).behaviors == 399)
    #expect(try state.dump() == state.world.expectedDump(events))
  }

  @Test("go on with a gzip member that was appended")
  func appendedMember() throws {
    try state.write("b.jsonl.gz", events[..<200])
    try state.ingest("b.jsonl.gz")
    try state.append("b.jsonl.gz", gzip(events[200...].flatMap(\.json)))
    #expect(try state.ingest("b.jsonl.gz").behaviors == 400)
    #expect(try state.dump() == state.world.expectedDump(events))
  }

  @Test("are refused where the bytes that were ingested changed, and leave the states as they are")
  func changed() throws {
    try state.write("b.jsonl", events)
    try state.ingest("b.jsonl")
    var other = events
    other[3].dwell_ms += 1
    try state.write("b.jsonl", other)
    let report = try state.ingest("b.jsonl")
    #expect(report.behaviors == 0)
    #expect(report.failures.count == 1)
    #expect(report.failures.first?.contains("changed since they were ingested") == true)
    try state.write("b.jsonl", events[..<100])
    #expect(try state.ingest("b.jsonl").failures.first?.contains("were ingested already") == true)
    #expect(try state.dump() == state.world.expectedDump(events))
  }

  @Test(
    "half-written by gzip, give what is there, say so, and go on when they are complete", arguments: [0.2, 0.5, 0.99])
  func halfGzip(share: Double) throws {
    let whole = gzip(events.flatMap(\.json))
    try state.write("b.jsonl.gz", whole[..<Int(Double(whole.count) * share)])
    let first = try state.ingest("b.jsonl.gz", buffer: 64)
    #expect(first.failures.count == 1)
    #expect(first.behaviors > 0 && first.behaviors < 600)
    #expect(first.badRecords == 0)
    try state.write("b.jsonl.gz", whole)
    let second = try state.ingest("b.jsonl.gz")
    #expect(second.failures.isEmpty)
    #expect(first.behaviors + second.behaviors == 600)
    #expect(try state.dump() == state.world.expectedDump(events))
  }

  @Test("cut inside the last Protobuf message, go on when it is whole")
  func halfMessage() throws {
    let whole = events.flatMap(\.delimited)
    try state.write("b.binpb", whole.dropLast(3))
    let first = try state.ingest("b.binpb")
    #expect(first.behaviors == 599)
    #expect(first.failures.count == 1)
    try state.write("b.binpb", whole)
    #expect(try state.ingest("b.binpb").behaviors == 1)
    #expect(try state.dump() == state.world.expectedDump(events))
  }

  @Test("leave a last line that is cut off until it is complete", arguments: [true, false])
  func unterminated(completesWithNewline: Bool) throws {
    let last = events[599].json
    try state.write("b.jsonl", events[..<599].flatMap(\.json) + last[..<30])
    let first = try state.ingest("b.jsonl")
    #expect(first.behaviors == 599)
    #expect(first.badRecords == 0)
    #expect(first.incomplete.count == 1)
    #expect(try state.ingest("b.jsonl").behaviors == 0)
    try state.append("b.jsonl", last[30...].dropLast(completesWithNewline ? 0 : 1))
    let second = try state.ingest("b.jsonl")
    #expect(second.behaviors == 1)
    #expect(second.incomplete.isEmpty)
    #expect(try state.deadLetters.isEmpty)
    #expect(try state.dump() == state.world.expectedDump(events))
  }

  @Test("take a last line without its end where it is whole, once: also when the end and more follow")
  func wholeLastLine() throws {
    let bytes = events[..<300].flatMap(\.json)
    try state.write("b.jsonl", bytes.dropLast())
    let first = try state.ingest("b.jsonl")
    #expect(first.behaviors == 300)
    #expect(first.incomplete.isEmpty)
    try state.append("b.jsonl", [0x0A] + events[300...].flatMap(\.json))
    #expect(try state.ingest("b.jsonl").behaviors == 300)
    #expect(try state.dump() == state.world.expectedDump(events))
  }
}

@Suite("Standard input")
struct StandardInputTests {
  private let state: StateFixture

  init() throws { state = try StateFixture() }

  /// One run with a pipe that gives `bytes`.
  private func ingest(_ bytes: [UInt8], name: String?) throws -> FileIngestReport {
    let pipe = Pipe()
    let pipeline = try state.open()
    let input = try Input.standardInput(named: name, descriptor: pipe.fileHandleForReading.fileDescriptor)
    // Less than a pipe holds, so that nobody has to read meanwhile.
    try pipe.fileHandleForWriting.write(contentsOf: Data(bytes))
    try pipe.fileHandleForWriting.close()
    return try withExtendedLifetime(pipe) { try FileIngest(pipeline).run([input]) }
  }

  @Test("without a name is new each time")
  func unnamed() throws {
    let events = state.world.events(100, named: false)
    #expect(try ingest(events.flatMap(\.json), name: nil).behaviors == 100)
    #expect(try ingest(events.flatMap(\.json), name: nil).behaviors == 100)
    #expect(try state.dump() == state.world.expectedDump(events + events))
  }

  @Test("with a name is remembered: the same bytes add nothing, more go on, others are refused")
  func named() throws {
    let events = state.world.events(200)
    #expect(try ingest(events[..<100].flatMap(\.json), name: "feed").behaviors == 100)
    #expect(try ingest(events[..<100].flatMap(\.json), name: "feed").behaviors == 0)
    #expect(try ingest(events.flatMap(\.json), name: "feed").behaviors == 100)
    #expect(try ingest(events.reversed().flatMap(\.json), name: "feed").failures.count == 1)
    #expect(try state.dump() == state.world.expectedDump(events))
  }

  @Test("without a name, a cut last line is dead: no later run brings its rest")
  func cut() throws {
    let events = state.world.events(10)
    let report = try ingest(events.flatMap(\.json).dropLast(5), name: nil)
    #expect(report.behaviors == 9)
    #expect(report.badRecords == 1)
    #expect(try state.deadLetters.map(\.reason) == ["malformed_json"])
  }
}
