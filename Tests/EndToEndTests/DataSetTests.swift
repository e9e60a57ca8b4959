import Foundation
import TestKit
import Testing

@Suite("A data set", .executable)
struct DataSetTests {
  private let folder = TemporaryDirectory()

  @Test(
    "gives the same dump from its file, shuffled, and through a topic as JSON and as Protobuf; an independent fold agrees",
    arguments: DataSet.all)
  func fourWays(data: DataSet) throws {
    guard data.isThere else { try Test.cancel("no \(data.behaviors)") }
    try data.ingest(into: folder.file("file"))
    let expected = try dump(folder.file("file"))
    #expect(!expected.isEmpty)
    let check = try startCheck(data, expected)

    let shuffled = try shuffle(data.behaviors)
    try data.ingest(into: folder.file("shuffled"), shuffled)
    #expect(try dump(folder.file("shuffled")) == expected, "shuffled")

    if KafkaBroker.missing == nil {
      for format in ["json", "protobuf"] { #expect(try throughTopic(data, format) == expected, "\(format)") }
    }
    if let check {
      let outcome = try check.wait(within: 120)
      #expect(outcome.text.contains("mismatches=0"), "\(outcome)")
      #expect(outcome.code == 0)
    }
  }

  /// The checker where there is one, running.
  private func startCheck(_ data: DataSet, _ dump: Data) throws -> Command? {
    let python = ProcessInfo.processInfo.environment["PYTHON"] ?? "/usr/bin/python3"
    let script = "\(Package.shared)/tools/check_sequences.py"
    guard access(script, R_OK) == 0, try Command(python, ["-c", "import xxhash, yaml"]).wait().code == 0 else {
      return nil
    }
    try dump.write(to: URL(fileURLWithPath: folder.file("dump.jsonl")))
    return try Command(
      python, [script, data.behaviors, data.clusterMap, data.configuration, folder.file("dump.jsonl")])
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
