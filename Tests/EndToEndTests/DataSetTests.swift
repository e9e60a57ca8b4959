import Foundation
import TestKit
import Testing

@Suite("A data set", .executable)
struct DataSetTests {
  private let folder = TemporaryDirectory()

  /// Ingests a set's file; the dump.
  private func ingest(_ data: DataSet) throws -> Data {
    guard data.isThere else { try Test.cancel("no \(data.behaviors)") }
    try data.ingest(into: folder.file("file"))
    return try dump(folder.file("file"))
  }

  @Test("gives the same dump in its own order and shuffled", arguments: DataSet.all)
  func shuffled(data: DataSet) throws {
    let expected = try ingest(data)
    #expect(!expected.isEmpty)
    let shuffled = try shuffle(data.behaviors)
    try data.ingest(into: folder.file("shuffled"), shuffled)
    #expect(try dump(folder.file("shuffled")) == expected)
  }

  @Test("gives the same dump through a topic, as JSON and as Protobuf", .kafka, arguments: DataSet.all)
  func throughTopic(data: DataSet) throws {
    let expected = try ingest(data)
    for format in ["json", "protobuf"] { #expect(try throughTopic(data, format) == expected, "\(format)") }
  }

  @Test(
    "is folded as an independent checker does", .disabled(if: Checker.missing != nil, "\(Checker.missing ?? "")"),
    arguments: DataSet.all)
  func checked(data: DataSet) throws {
    try ingest(data).write(to: URL(fileURLWithPath: folder.file("dump.jsonl")))
    let outcome = try Command(
      Checker.python,
      [Checker.script, data.behaviors, data.clusterMap, data.configuration, folder.file("dump.jsonl")]
    ).wait(within: 120)
    #expect(outcome.text.contains("mismatches=0"), "\(outcome)")
    #expect(outcome.code == 0)
  }

  /// The file's bytes are the seed.
  private func shuffle(_ file: String) throws -> String {
    let shuffled = folder.file("shuffled.jsonl")
    let script = #"gzip -dc "$0" > "$1.in" && shuf --random-source="$1.in" "$1.in" > "$1" && rm "$1.in""#
    let outcome = try Command("sh", ["-c", script, file, shuffled]).wait()
    try #require(outcome.code == 0, "\(outcome)")
    return shuffled
  }

  private func throughTopic(_ data: DataSet, _ format: String) throws -> Data {
    let topic = try Topic()
    let produced = try topic.produce(data.behaviors, format: format)
    let count = try produced.number("delivered")
    #expect(try produced.number("failed") == 0)
    let state = folder.file(format)
    let daemon = try Daemon(data, topic, state: state)
    try daemon.awaitApplied(count, within: 120)
    #expect(try daemon.sum("interestd_partition_lag_events") == 0)
    #expect(try daemon.sum("interestd_behaviors_total") == count)
    try daemon.stop()
    return try dump(state)
  }
}

/// The fold in Python that lies beside the package.
private enum Checker {
  static let python = ProcessInfo.processInfo.environment["PYTHON"] ?? "/usr/bin/python3"
  static let script = "\(Package.shared)/tools/check_sequences.py"

  /// Why it cannot run; nil where it can.
  static let missing: String? = {
    guard access(script, R_OK) == 0 else { return "no \(script)" }
    let outcome = try? Command(python, ["-c", "import xxhash, yaml"]).wait()
    return outcome?.code == 0 ? nil : "\(python) has no xxhash or no yaml: set PYTHON to one that has"
  }()
}
