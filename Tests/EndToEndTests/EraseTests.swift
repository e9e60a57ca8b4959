import Foundation
import Kafka
import TestKit
import Testing

@Suite("interestd erase", .executable, .kafka)
struct EraseTests {
  private let folder = TemporaryDirectory()

  private func configuration(_ kafka: String = "{}") throws -> String {
    let path = folder.file("c.yaml")
    let catalog = try String(contentsOfFile: DataSet.sample.configuration, encoding: .utf8)
    try (catalog + "\nkafka: \(kafka)\n").write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  private func erase(
    _ users: String..., configuration: String, topic: Topic, json: Bool = false
  ) throws -> Command.Outcome {
    try Interestd.start(["erase", "--config", configuration] + (json ? ["--json"] : []) + users + topic.flags).wait()
  }

  @Test(
    "publishes a record for each user where the user's other records are, and tells where",
    arguments: ["murmur2", "crc32", "fnv1a"])
  func publishes(partitioner: String) throws {
    let topic = try Topic(partitions: 8)
    let configuration = try configuration("{partitioner: \(partitioner)}")
    let users = ["1062", "größe", "a \"b\"\n"]
    let outcome = try Interestd.start(
      ["erase", "--config", configuration, "--json"] + users + topic.flags
    ).wait()
    #expect(outcome.code == 0, "\(outcome)")
    let told = try #require(try outcome.json()["records"] as? [[String: Any]])
    #expect(told.map { $0["user_id"] as? String } == users)
    let records = try topic.records()
    let now_ms = Int64(Date().timeIntervalSince1970 * 1000)
    #expect(records.count == 3)
    for (user, place) in zip(users, told) {
      let record = try #require(records.first { $0.key == Array(user.utf8) })
      #expect(Int(record.partition) == place["partition"] as? Int && Int(record.offset) == place["offset"] as? Int)
      let value = try #require(try JSONSerialization.jsonObject(with: Data(record.value)) as? [String: Any])
      #expect(value["user_id"] as? String == user)
      #expect(value["type"] as? String == "$erase")
      #expect(abs((value["time_ms"] as? Int64 ?? 0) - now_ms) < 60_000)
    }
    let others = #"{"user_id":"1062","shop_id":"1","type":"order","time_ms":1500000000000}"# + "\n"
    try others.write(toFile: folder.file("b.jsonl"), atomically: true, encoding: .utf8)
    try topic.produce(folder.file("b.jsonl"), flags: ["--config", configuration])
    let places = Set(try topic.records().filter { $0.key == Array("1062".utf8) }.map(\.partition))
    #expect(places.count == 1)
    let text = try erase("1062", configuration: configuration, topic: topic)
    #expect(text.text.contains("user 1062: topic \(topic.name), partition"), "\(text)")
    #expect(text.text.contains("takes effect"))
  }

  @Test("writes Protobuf where the topic's format is pinned to it, to every partition where keys say nothing of users")
  func everywhere() throws {
    let topic = try Topic(partitions: 3)
    let outcome = try erase(
      "u1", configuration: configuration("{format: protobuf, key: ignore}"), topic: topic, json: true)
    #expect(outcome.code == 0, "\(outcome)")
    let records = try topic.records()
    #expect(records.map(\.partition).sorted() == [0, 1, 2])
    #expect(records.allSatisfy { $0.key == Array("u1".utf8) && $0.value.starts(with: [0x0A, 2] + Array("u1".utf8)) })
    #expect((try outcome.json()["records"] as? [Any])?.count == 3)
  }

  @Test("has the daemon forget the user, and count what comes after")
  func applied() throws {
    let topic = try Topic(partitions: 2)
    try topic.produce(DataSet.sample.behaviors)
    #expect(try erase("1062", configuration: configuration(), topic: topic).code == 0)
    let later = #"{"user_id":"1062","shop_id":"42","type":"order","time_ms":1500000000000}"#
    try topic.publish([(nil, Array("1062".utf8), Array(later.utf8))])
    let daemon = try Daemon(DataSet.sample, topic, state: folder.file("state"))
    try daemon.awaitApplied(15_803)
    let reply = try daemon.get("/v1/users/1062/sequence?groups=100000").body
    #expect(reply.contains(#""events":1"#) && reply.split(separator: #""events":"#).count == 2, "\(reply)")
    try daemon.reach("marked") { try daemon.sum("interestd_dead_letters_unacknowledged") == 0 }
    try daemon.stop()
    let markers = try topic.dead.records()
    #expect(markers.count == 1)
    #expect(markers.first?.headers["interestd.reason"] == "$erase")
    #expect(markers.first?.key == Array("1062".utf8))
  }

  @Test("refuses ids that nobody can have, and a topic that is missing")
  func refusals() throws {
    let topic = try Topic(partitions: 1)
    for user in ["", String(repeating: "x", count: 256)] {
      let outcome = try erase("u1", user, configuration: configuration(), topic: topic)
      #expect(outcome.code == 1)
      #expect(outcome.error.contains("is no user id"), "\(outcome)")
    }
    #expect(try topic.records().isEmpty)
    let missing = try Interestd.start(
      ["erase", "u1", "--config", configuration(), "--brokers", topic.bootstrap, "--topic", "no-such-topic"]
    ).wait()
    #expect(missing.code == 1)
    #expect(missing.error.contains("no-such-topic"), "\(missing)")
  }
}
