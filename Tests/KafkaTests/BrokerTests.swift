import Foundation
import Kafka
import TestKit
import Testing

/// What the mock cluster cannot answer.
@Suite("A real broker", .enabled(if: KafkaBroker.missing == nil, Comment(rawValue: KafkaBroker.missing ?? "")))
struct BrokerTests {
  @Test("creates a topic, describes it, trims its log and deletes it")
  func topics() throws {
    let configuration = KafkaConfiguration([
      ("bootstrap.servers", try KafkaBroker.shared.get().bootstrap), ("group.id", "broker"),
    ])
    let name = "kafka-tests-\(UUID().uuidString.lowercased())"
    let admin = try Admin(configuration)
    try admin.createTopic(
      name, partitions: 2, replication: 1, properties: [("cleanup.policy", "compact,delete")], timeout_ms: 30_000)
    // The controller knows it at once, the broker a moment later.
    #expect(eventually { (try? admin.partitionCount(of: name, timeout_ms: 30_000)) == 2 })
    #expect(try admin.topicProperties(name, timeout_ms: 30_000)["cleanup.policy"] == "compact,delete")
    let again = #expect(throws: KafkaError.self) {
      try admin.createTopic(name, partitions: 2, replication: 1, timeout_ms: 30_000)
    }
    #expect(again?.name == "TOPIC_ALREADY_EXISTS")

    let producer = try Producer(configuration)
    let topic = try producer.topic(name)
    for index in 0..<10 { try producer.send(topic, partition: 0, key: "u", value: "\(index)") }
    try producer.flush(timeout_ms: 30_000)
    let left = try admin.deleteRecords(
      topic: name, before: [PartitionOffset(partition: 0, offset: 4)], timeout_ms: 30_000)
    #expect(left.map(\.offset) == [4])
    let consumer = try Consumer(topic: name, configuration)
    #expect(
      try consumer.watermarks([0], timeout_ms: 30_000).map { [$0.low, $0.high] } == [[4, 10]])
    let trimmed = #expect(throws: KafkaError.self) {
      try consumer.readToEnd([PartitionOffset(partition: 0, offset: 0)])
    }
    #expect(trimmed?.isOffsetOutOfRange == true)

    try admin.deleteTopic(name, timeout_ms: 30_000)
    // And forgets it alike.
    #expect(eventually { (try? admin.topicProperties(name, timeout_ms: 30_000)) == nil })
  }
}
