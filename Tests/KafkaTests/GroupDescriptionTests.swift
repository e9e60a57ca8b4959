import Foundation
import TestKit
import Testing
import Threads

@testable import Kafka

@Suite("A group's description")
struct GroupDescriptionTests {
  private func partitions(_ bytes: [UInt8]) -> [Int32]? {
    bytes.withUnsafeBytes { MemberAssignment.partitions(of: "t", in: $0) }
  }

  private func topic(_ name: String, _ partitions: [UInt8]) -> [UInt8] {
    [0, UInt8(name.utf8.count)] + name.utf8 + [0, 0, 0, UInt8(partitions.count)]
      + partitions.flatMap { [0, 0, 0, $0] }
  }

  @Test("reads a member's assignment of one topic among others, of all versions")
  func assignment() {
    for version: UInt8 in 0...3 {
      let userData: [UInt8] = [0, 0, 0, 2, 9, 9]
      let bytes = [0, version, 0, 0, 0, 3] + topic("u", [7]) + topic("t", [5, 2]) + topic("tt", [8]) + userData
      #expect(partitions(bytes) == [2, 5])
    }
    #expect(partitions([0, 0, 0, 0, 0, 1] + topic("u", [7])) == [])
    #expect(partitions([]) == [])
  }

  @Test("takes no assignment for what is none, wherever the bytes end")
  func damaged() {
    let bytes = [0, 1, 0, 0, 0, 2] + topic("u", [7]) + topic("t", [5, 2])
    for count in 1..<bytes.count { #expect(partitions(Array(bytes[..<count])) == nil, "\(count)") }
    #expect(partitions([0xFF, 0xFF, 0, 0, 0, 0]) == nil)
    #expect(partitions([0, 1, 0xFF, 0xFF, 0xFF, 0xFF]) == nil)
    #expect(partitions([0, 1, 0x7F, 0xFF, 0xFF, 0xFF]) == nil)
    #expect(partitions([0, 1, 0, 0, 0, 1, 0xFF, 0xFF]) == nil)
    #expect(partitions([0, 1, 0, 0, 0, 1, 0, 1, 0x74, 0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1]) == nil)
  }

  @Test("of brokers that do not answer is an error within its time, and one that know no groups too")
  func unanswered() throws {
    let cluster = try MockCluster(brokers: 2)
    let admin = try Admin(cluster.configuration([("socket.timeout.ms", "1000")]))
    for _ in 0..<2 {
      let start_ns = MonotonicClock.now_ns
      #expect(throws: KafkaError.self) { try admin.describeGroup("g", topic: "t", timeout_ms: 500) }
      #expect(MonotonicClock.now_ns - start_ns < 5_000_000_000)
      for broker: Int32 in 1...2 { try cluster.setDown(broker: broker) }
    }
    admin.abandon()
  }
}

@Suite("A real group", .enabled(if: KafkaBroker.missing == nil, Comment(rawValue: KafkaBroker.missing ?? "")))
struct RealGroupTests {
  @Test("tells its members by their client ids, with what they have of the topic")
  func members() throws {
    let bootstrap = try KafkaBroker.shared.get().bootstrap
    let name = "group-\(UUID().uuidString.lowercased())"
    func configuration(_ properties: (name: String, value: String)...) -> KafkaConfiguration {
      KafkaConfiguration([("bootstrap.servers", bootstrap), ("group.id", name)] + properties)
    }
    let admin = try Admin(KafkaConfiguration([("bootstrap.servers", bootstrap)]))
    try admin.createTopic(name, partitions: 3, replication: 1, timeout_ms: 30_000)
    // A broker that has just started loads its groups first.
    var first: GroupDescription?
    #expect(
      eventually {
        first = try? admin.describeGroup(name, topic: name, timeout_ms: 10_000)
        return first != nil
      })
    #expect(first == .init(state: .dead, members: []))
    let consumers = try ["127.0.0.1:8001", "another"].map {
      try Consumer(topic: name, configuration(("client.id", $0), ("fetch.wait.max.ms", "50")))
    }
    for consumer in consumers { try consumer.subscribe() }
    var described = GroupDescription(state: .dead, members: [])
    // Two members of three partitions: one has two.
    let isSettled = try eventually {
      for consumer in consumers {
        var events: [ConsumerEvent] = []
        consumer.poll(timeout_ms: 20) { _ in
        } event: {
          events.append($0)
        }
        for event in events {
          if case .revoked(let taken) = event { try consumer.unassign(taken) }
          try consumer.takeAssigned(event)
        }
      }
      // On a busy machine it may still be loading.
      guard let told = try? admin.describeGroup(name, topic: name, timeout_ms: 10_000) else { return false }
      described = told
      // The coordinator knows it before the members do.
      let taken = try consumers.map { try $0.assignment() }
      return described.state == .stable && described.members.map(\.partitions.count).sorted() == [1, 2]
        && described.members.allSatisfy { taken.contains($0.partitions) }
    }
    #expect(isSettled, "\(described)")
    #expect(Set(described.members.map(\.clientID)) == ["127.0.0.1:8001", "another"])
    #expect(described.members.flatMap(\.partitions).sorted() == [0, 1, 2])
    // Of another topic they have nothing.
    let other = try admin.describeGroup(name, topic: "other", timeout_ms: 10_000)
    #expect(other.members.allSatisfy { $0.partitions.isEmpty } && other.members.count == 2)
    for consumer in consumers { _ = consumer.close(timeout_ms: 10_000) }
    try admin.deleteTopic(name, timeout_ms: 30_000)
  }
}
