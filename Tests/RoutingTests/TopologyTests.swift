import Foundation
import Glibc
import Kafka
import Routing
import Synchronization
import Telemetry
import TestKit
import Testing
import Threads

@Suite("Asking for the topology")
struct TopologyTests {
  private let folder = TemporaryDirectory()

  /// The mock cluster knows topics, but no descriptions of groups: those questions fail.
  @Test("goes on where the group cannot be asked, says so once, and ends in time without brokers")
  func failing() throws {
    let cluster = try MockCluster()
    try cluster.createTopic("events", partitions: 3)
    let file = open(folder.file("log"), O_WRONLY | O_CREAT, 0o644)
    defer { close(file) }
    var settings = Topology.Settings(
      instance: "127.0.0.1:1", group: "g", topic: "events",
      configuration: KafkaConfiguration([("bootstrap.servers", cluster.bootstrap)]))
    (settings.interval_ms, settings.pause_ms, settings.request_ms) = (20, 5, 1000)
    let counts = Counts()
    let topology = Topology(settings, log: Log(descriptor: file)) {
      counts.asked.add(1, ordering: .relaxed)
      return []
    } heardPartitions: {
      counts.partitions.store($0, ordering: .relaxed)
    }
    #expect(eventually { counts.asked.load(ordering: .relaxed) > 3 && topology.partitionCount == 3 })
    #expect(counts.partitions.load(ordering: .relaxed) == 3)
    #expect(topology.current.asked_ns == 0 && topology.current.owner(of: 0) == nil)
    #expect(topology.age_ns > 0 && !topology.isUsurped(0))
    try cluster.setDown(broker: 1)
    topology.noteMiss()
    let start_ns = MonotonicClock.now_ns
    topology.stop()
    #expect(MonotonicClock.now_ns - start_ns < 6_000_000_000)
    let lines = try String(contentsOfFile: folder.file("log"), encoding: .utf8).split(separator: "\n")
    #expect(lines.count { $0.contains("owners of partitions cannot be asked for") } == 1, "\(lines)")
  }

  private final class Counts: Sendable {
    let asked = Atomic<Int>(0)
    let partitions = Atomic<Int>(0)
  }
}
