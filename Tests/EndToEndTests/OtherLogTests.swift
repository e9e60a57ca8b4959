import Foundation
import Kafka
import TestKit
import Testing

@Suite("A topic that is not what the state was made of any more", .executable, .kafka)
struct OtherLogTests {
  private let folder = TemporaryDirectory()
  private var state: String { folder.file("state") }

  private func admin(_ topic: Topic) throws -> Admin {
    try Admin(KafkaConfiguration([("bootstrap.servers", topic.bootstrap)]))
  }

  private func daemon(_ data: DataSet, _ topic: Topic) throws -> Daemon {
    try Daemon(data, topic, state: state)
  }

  @Test("made anew with more records than before, it is lost history, and nothing is served")
  func madeAnew() throws {
    let data = try DataSet.synthetic(in: folder, events: 10_000).data
    let topic = try Topic(partitions: 2)
    try topic.publishAll(of: data, events: 10_000)
    let first = try daemon(data, topic)
    try first.awaitApplied(10_000)
    try first.stop()
    let before = try dump(state)

    let admin = try admin(topic)
    try admin.deleteTopic(topic.name, timeout_ms: 30_000)
    #expect(eventually { (try? admin.createTopic(topic.name, partitions: 2, timeout_ms: 5000)) != nil })
    #expect(eventually { (try? admin.partitionCount(of: topic.name, timeout_ms: 5000)) == 2 })
    try topic.publishAll(of: data, events: 20_000)
    let second = try daemon(data, topic)
    try second.reach("both lost") {
      try second.metrics("interestd_partition_state").filter { $0.labels.contains("lost_history") && $0.value == 1 }
        .count == 2
    }
    let ready = try second.get("/readyz")
    #expect(ready.status == 503)
    #expect(
      ready.body.contains("the topic was made anew") && ready.body.contains("new state directory"), "\(ready.body)")
    let reply = try second.get("/v1/users/000000000000/sequence")
    #expect(reply.status == 503)
    #expect(reply.body.contains("made anew"), "\(reply.body)")
    #expect(try second.sum("interestd_behaviors_total") == 0)
    try second.stop()
    #expect(try dump(state) == before)
  }

  @Test("grown by partitions while it is read, it is refused, and nothing is served")
  func grown() throws {
    let data = try DataSet.synthetic(in: folder, events: 10_000).data
    let topic = try Topic(partitions: 2)
    try topic.publishAll(of: data, events: 10_000)
    let running = try daemon(data, topic)
    try running.awaitApplied(10_000)
    #expect(try running.get("/v1/users/000000000000/sequence").status == 200)
    let home = try #require(KafkaBroker.home)
    let altered = try Command(
      "\(home)/bin/kafka-topics.sh",
      ["--bootstrap-server", topic.bootstrap, "--alter", "--topic", topic.name, "--partitions", "3"]
    ).wait(within: 60)
    try #require(altered.code == 0, "\(altered)")
    try running.reach("refused") { try running.get("/readyz").body.contains("more than the 2 partitions") }
    try running.reach("no lookups") { try running.get("/v1/users/000000000000/sequence").status == 503 }
    try running.stop()
    // Started again it is refused with both numbers.
    let again = try Interestd.start(
      ["run", "--config", "\(state).yaml", "--cluster-map", data.clusterMap, "--state", state] + topic.flags
        + ["--http", "127.0.0.1:0"])
    let outcome = try again.wait(within: 60)
    #expect(outcome.code == 1)
    #expect(outcome.error.contains("2 partitions") && outcome.error.contains("3 partitions"), "\(outcome)")
  }
}
