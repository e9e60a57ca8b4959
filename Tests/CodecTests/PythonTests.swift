import Bytes
import Foundation
import InterestCodec
import InterestModel
import TestKit
import Testing

/// check_schemas.py: the word of Python's libraries on ours.
private enum CheckSchemas {
  private static let script = Examples.directory.appending(path: "../check_schemas.py")

  static let isAvailable: Bool =
    succeeds(["python3", "-c", "import google.protobuf, jsonschema"]) && succeeds(["protoc", "--version"])

  /// What it printed; nil where it failed.
  static func run(_ arguments: [String], in directory: TemporaryDirectory) throws -> (succeeded: Bool, output: String) {
    let log = directory.file("log")
    try Data().write(to: URL(filePath: log))
    let status = try start(["python3", "-B", script.path] + arguments, output: FileHandle(forWritingAtPath: log))
    return (status == 0, try String(contentsOfFile: log, encoding: .utf8))
  }

  private static func succeeds(_ command: [String]) -> Bool {
    (try? start(command, output: FileHandle.nullDevice)) == 0
  }

  private static func start(_ command: [String], output: FileHandle?) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = command
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }
}

@Suite(
  "Schemas against Python's libraries",
  .enabled(
    if: CheckSchemas.isAvailable,
    "needs python3 with protobuf and jsonschema, and protoc: apt install protobuf-compiler python3-protobuf python3-jsonschema"
  ))
struct PythonTests {
  @Test("the schemas compile, and the examples follow them")
  func examples() throws {
    let (succeeded, output) = try CheckSchemas.run(["examples"], in: TemporaryDirectory())
    #expect(succeeded, "\(output)")
  }

  @Test("what we write Python reads, and what Python writes we read")
  func exchange() throws {
    let directory = TemporaryDirectory()
    var random = RandomFields(seed: 21)
    let events = (0..<1000).map { _ in random.next() }
    let forms = events.map(WrittenForms.init)
    try Data(forms.flatMap(\.delimited)).write(to: URL(filePath: directory.file("behaviors.binpb")))
    try Data(forms.flatMap(\.json)).write(to: URL(filePath: directory.file("behaviors.jsonl")))

    let (succeeded, output) = try CheckSchemas.run(["exchange", directory.path], in: directory)
    try #require(succeeded, "\(output)")

    var decoder = try TestDecoder()
    func read(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: directory.file(name)))) }
    let messages = try #require(Examples.messages(read("python.binpb")))
    #expect(messages == forms.map(\.protobuf))
    #expect(try messages.map { try decoder.read($0).get() } == events)
    #expect(try Examples.lines(read("python.jsonl")).map { try decoder.read($0).get() } == events)
  }

  /// Behaviors, their states, and the sequences of those.
  private struct SequenceSource: ~Copyable {
    var maker: BehaviorMaker
    var folder: StateFolder
    var reader: SequenceReader

    init(seed: UInt64, _ configuration: StateConfiguration) {
      let rules = FoldRules(configuration)
      maker = BehaviorMaker(seed: seed, configuration)
      folder = StateFolder(rules: rules)
      reader = SequenceReader(configuration: configuration, rules: rules)
    }
  }

  private func configuration() throws -> StateConfiguration {
    let entries: [(String, UInt8, InterestModel.Category)] = [
      ("click", 1, .weak), ("order", 2, .payment), ("like", 3, .strong), ("leave", 255, .negative),
    ]
    return StateConfiguration(
      catalog: try BehaviorCatalog(entries.map { .init(type: $0.0, code: $0.1, category: $0.2) }), keptBehaviors: 5)
  }

  @Test("answers that have some of the fields follow the schema of sequences")
  func fields() throws {
    let configuration = try configuration()
    var source = SequenceSource(seed: 43, configuration)
    var sequence = GroupSequence()
    var json = ByteBuffer()
    var run = source.maker.behaviors(100, groups: 5, span_days: 50)
    let combined: [SequenceFields] = [[.counts, .windows, .behaviorShop], [.times, .behaviorTime, .behaviorItem]]
    let fields = SequenceFields.names.map(\.fields) + combined
    try run.withUnsafeMutableBufferPointer { run in
      let state = source.folder.state(of: try #require(run.baseAddress), run.count)
      for query in fields.flatMap({ [SequenceQuery(fields: $0), SequenceQuery(behaviors: 0, fields: $0)] }) {
        sequence.clear()
        try source.reader.read(state, query, into: &sequence)
        Array("user".utf8).withUnsafeBytes { user in
          SequenceJSONWriter(configuration: configuration).write(
            user: user, generation: 1, clusterMap: String(repeating: "0", count: 32), sequence, query, into: &json)
        }
        json.append("\n")
      }
    }
    let directory = TemporaryDirectory()
    try Data(json.bytes).write(to: URL(filePath: directory.file("answers.jsonl")))
    let (succeeded, output) = try CheckSchemas.run(["answers", directory.file("answers.jsonl")], in: directory)
    #expect(succeeded, "\(output)")
    #expect(output == "answers=\(2 * fields.count)\n")
  }

  @Test("sequences are in Protobuf what they are in JSON, as Python writes them, and an old client reads them")
  func sequences() throws {
    let configuration = try configuration()
    var source = SequenceSource(seed: 41, configuration)
    var sequence = GroupSequence()
    var columns = GroupSequence()
    var json = ByteBuffer()
    var protobuf = ByteBuffer()
    var message = ByteBuffer()
    for size in [0, 1, 2, 3, 10, 100, 1000, 5000] {
      for groups in [2, 40, 300] where size > 0 || groups == 2 {
        sequence.clear()
        columns.clear()
        var run = source.maker.behaviors(size, groups: groups, span_days: 50)
        if size > 0 {
          try run.withUnsafeMutableBufferPointer { run in
            let state = source.folder.state(of: try #require(run.baseAddress), run.count)
            try source.reader.read(state, .everything, into: &sequence)
            try source.reader.read(state, .everything, asColumns: true, into: &columns)
          }
        }
        let clusterMap = "0123456789abcdef0123456789abcdef"
        let user = Array("user \(size) é".utf8)
        message.clear()
        user.withUnsafeBytes { user in
          SequenceJSONWriter(configuration: configuration).write(
            user: user, generation: 1, clusterMap: clusterMap, sequence, into: &json)
          SequenceProtobufWriter(configuration: configuration).write(
            user: user, generation: 1, clusterMap: clusterMap, columns, SequenceQuery.everything, into: &message)
        }
        json.append("\n")
        protobuf.append(varint: UInt64(message.count))
        protobuf.append(message.bytes)
      }
    }
    let directory = TemporaryDirectory()
    try Data(json.bytes).write(to: URL(filePath: directory.file("sequences.jsonl")))
    try Data(protobuf.bytes).write(to: URL(filePath: directory.file("sequences.binpb")))
    let (succeeded, output) = try CheckSchemas.run(["sequences", directory.path], in: directory)
    #expect(succeeded, "\(output)")
    #expect(output == "sequences=22\n")
  }

  @Test("we call malformed what Python's JSON parser does, and nothing else")
  func verdicts() throws {
    let directory = TemporaryDirectory()
    var decoder = try TestDecoder(format: .json)
    var random = RandomFields(seed: 31)
    var generator = SeededGenerator(seed: 32)
    let start = try Examples.goodJSON()
    var lines = ""
    for round in 0..<20_000 {
      var bytes = round % 3 == 0 ? start[round / 3 % start.count] : WrittenForms(random.next()).json
      for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
        MutationTests.mutate(&bytes, &generator)
      }
      // What begins with a zero byte is read without its prefix: no verdict on these bytes.
      if bytes.isEmpty || bytes[0] == 0 { continue }
      let reason = decoder.reason(bytes)
      let isMalformed = reason == .malformedJSON || (reason == .invalidUTF8)
      lines += "{\"base64\":\"\(Data(bytes).base64EncodedString())\",\"malformed\":\(isMalformed)}\n"
    }
    let file = directory.file("verdicts.jsonl")
    try lines.write(toFile: file, atomically: true, encoding: .utf8)
    let (succeeded, output) = try CheckSchemas.run(["verdicts", file], in: directory)
    #expect(succeeded, "\(output)")
  }
}
