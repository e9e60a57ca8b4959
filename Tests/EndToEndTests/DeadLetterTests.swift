import Foundation
import Kafka
import TestKit
import Testing

@Suite("The dead letters' topic", .executable, .kafka)
struct DeadLetterTests {
  private let folder = TemporaryDirectory()
  private var state: String { folder.file("state") }

  private func properties(_ topic: Topic) throws -> [String: String] {
    let admin = try Admin(KafkaConfiguration([("bootstrap.servers", topic.bootstrap)]))
    return try admin.topicProperties(topic.name, timeout_ms: 10_000)
  }

  private func run(_ topic: Topic, _ environment: [String: String] = [:], applied: Int) throws {
    let daemon = try Daemon(DataSet.sample, topic, state: state, environment: environment)
    try daemon.awaitApplied(applied)
    try daemon.stop()
  }

  @Test("is created with the source's partitions and a bounded retention, and takes records of any size")
  func created() throws {
    let topic = try Topic(partitions: 3, [("max.message.bytes", "16777216")])
    let large = [UInt8](repeating: UInt8(ascii: "x"), count: 10 << 20)
    try topic.publish([
      (2, Array("u1".utf8), large), (2, nil, nil), (0, Array("u2".utf8), Array("{".utf8)),
    ])
    try run(topic, ["INTERESTD_DEAD_LETTERS__RETENTION_MS": "3600000"], applied: 3)
    let properties = try properties(topic.dead)
    #expect(properties["cleanup.policy"] == "delete")
    #expect(properties["retention.ms"] == "3600000")
    #expect(properties["retention.bytes"] == "\(1 << 30)")
    let letters = try topic.dead.records()
    let admin = try Admin(KafkaConfiguration([("bootstrap.servers", topic.bootstrap)]))
    #expect(try admin.partitionCount(of: topic.dead.name, timeout_ms: 10_000) == 3)
    let found = letters.sorted { ($0.partition, $0.offset) < ($1.partition, $1.offset) }
    #expect(found.map(\.partition) == [0, 2, 2])
    #expect(found.map(\.value) == [Array("{".utf8), large, []])
    #expect(
      found.map(\.headers["interestd.reason"]) == ["malformed_json", "record_too_large", "null_value"])
    #expect(found.map(\.headers["interestd.offset"]) == ["0", "0", "1"])
    #expect(found.allSatisfy { $0.headers["interestd.topic"] == topic.name })
    // The state's file is for files.
    #expect(!FileManager.default.fileExists(atPath: "\(state)/dead-letters.jsonl"))
  }

  @Test("that exists is used as it is, under the name that is configured")
  func existing() throws {
    let topic = try Topic(partitions: 4)
    let dead = try Topic(partitions: 2, [("retention.ms", "7200000")])
    try topic.publish([(3, Array("u".utf8), Array("{".utf8)), (2, Array("u".utf8), Array("{".utf8))])
    try run(topic, ["INTERESTD_DEAD_LETTERS__TOPIC": dead.name], applied: 2)
    #expect(try properties(dead)["retention.ms"] == "7200000")
    let letters = try dead.records()
    #expect(Set(letters.map { "\($0.partition) \($0.headers["interestd.partition"] ?? "")" }) == ["1 3", "0 2"])
  }

  @Test("that is compacted is refused, and so is the topic itself")
  func refused() throws {
    let topic = try Topic(partitions: 1)
    let compacted = try Topic(partitions: 1, [("cleanup.policy", "compact")])
    for (name, what) in [(compacted.name, "cleanup.policy=compact"), (topic.name, "kafka.topic itself")] {
      let arguments =
        ["run", "--config", DataSet.sample.configuration, "--cluster-map", DataSet.sample.clusterMap]
        + ["--state", state, "--http", "127.0.0.1:0"] + topic.flags
      let outcome = try Interestd.start(arguments, environment: ["INTERESTD_DEAD_LETTERS__TOPIC": name]).wait(
        within: 30)
      #expect(outcome.code == 1)
      #expect(outcome.error.contains(what), "\(outcome)")
    }
  }
}
