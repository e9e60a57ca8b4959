import Foundation
import TestKit
import Testing

/// Instances of one group, each with its own state.
@Suite("Instances of a group", .executable, .kafka)
struct TopologyTests {
  private let folder = TemporaryDirectory()

  private func instance(
    _ data: DataSet, _ topic: Topic, _ name: String, _ environment: [String: String] = [:]
  ) throws -> Daemon {
    // A group of its own: the broker is shared.
    let own = ["INTERESTD_KAFKA__GROUP": topic.name, "INTERESTD_BUFFER__AGE_MS": "100"]
    return try Daemon(data, topic, state: folder.file(name), environment: own.merging(environment) { $1 })
  }

  /// `/v1/topology` as it is when `condition` holds of all partitions' owners and they are live.
  private struct Topology: Decodable, Equatable {
    struct Partition: Decodable, Equatable {
      var partition: Int
      var owner: String?
      var state: String?
      var applied_offset: Int?
      var end_offset: Int?
    }
    var instance: String
    var partitions: [Partition]

    var owners: [String?] { partitions.map(\.owner) }
  }

  private func topology(_ daemon: Daemon) throws -> Topology {
    let reply = try daemon.get("/v1/topology")
    guard reply.status == 200 else { return Topology(instance: "", partitions: []) }
    return try JSONDecoder().decode(Topology.self, from: Data(reply.body.utf8))
  }

  /// Waits until all instances tell the same owners, each of which has a partition, and are ready.
  private func settle(_ instances: [Daemon], partitions: Int) throws {
    let addresses = Set(instances.map(\.address))
    for instance in instances {
      try instance.reach("agreement on owners", within: 90) {
        let topologies = try instances.map { try topology($0) }
        return topologies.allSatisfy {
          Set($0.owners) == addresses && $0.owners == topologies[0].owners && $0.partitions.count == partitions
        }
      }
      try instance.awaitReady()
    }
  }

  private func path(_ user: String) -> String { "/v1/users/\(user)/sequence?groups=100000" }

  /// Each user's line of a dump.
  private func lines(_ data: DataSet, _ name: String) throws -> [(user: String, line: String)] {
    try data.ingest(into: folder.file(name))
    return try dump(folder.file(name)).textLines.map { line in
      let start = try #require(line.range(of: "\"user_id\":\"")).upperBound
      return (String(line[start...].prefix { $0 != "\"" }), line)
    }
  }

  /// Asks all instances for all users until each answer is right; meanwhile they may only say 503.
  private func compare(_ expected: [(user: String, line: String)], _ instances: [Daemon]) throws {
    for (user, line) in expected {
      for instance in instances {
        try instance.reach("user \(user)") {
          let reply = try instance.get(path(user))
          if reply.status == 503 { return false }
          try #require(reply.status == 200 && reply.body == line + "\n", "\(user): \(reply)")
          #expect(reply.headers["content-type"] == "application/json")
          return true
        }
      }
    }
  }

  @Test("any of them answers for every user, also after one was killed, and all agree on the owners")
  func forwards() throws {
    let data = try DataSet.synthetic(in: folder, events: 20_000, users: 150).data
    let expected = try lines(data, "whole")
    let topic = try Topic(partitions: 6)
    try topic.produce(data.behaviors)
    var instances = try ["a", "b", "c"].map { try instance(data, topic, $0) }
    try settle(instances, partitions: 6)
    for instance in instances {
      let own = try topology(instance)
      #expect(own.instance == instance.address)
      #expect(own.partitions.map(\.partition) == Array(0..<6))
      for partition in own.partitions {
        let isOwn = partition.owner == instance.address
        #expect((partition.state == "live") == isOwn)
        #expect((partition.applied_offset != nil) == isOwn && partition.applied_offset == partition.end_offset)
      }
    }
    try compare(expected, instances)
    // Of 150 users in six partitions, each instance owns some and has asked others for some.
    for instance in instances {
      let answered = try instance.metrics("interestd_forwarded_lookups_total").first { $0.labels.contains("answered") }
      #expect((answered?.value ?? 0) > 0 && (answered?.value ?? 0) < Double(expected.count))
      #expect(try instance.metrics("interestd_topology_age_seconds").allSatisfy { $0.value < 30 })
    }
    instances.removeLast().command.kill()
    // Before the group has noticed, while it rebalances, and after.
    try compare(expected, instances)
    try settle(instances, partitions: 6)
    try compare(expected, instances)
    let wrong = try instances[0].get("/v1/users/\(String(repeating: "x", count: 256))/sequence")
    #expect(wrong.status == 400)
    for instance in instances { try instance.stop() }
  }

  @Test("redirect where they are told to, and never pass a forwarded lookup on")
  func redirects() throws {
    let data = try DataSet.synthetic(in: folder, events: 2000, users: 40).data
    let expected = try lines(data, "whole")
    let topic = try Topic(partitions: 4)
    try topic.produce(data.behaviors)
    let instances = try ["a", "b"].map { try instance(data, topic, $0, ["INTERESTD_HTTP__REDIRECT": "true"]) }
    try settle(instances, partitions: 4)
    var redirected = 0
    for (user, line) in expected {
      for (here, there) in [(instances[0], instances[1]), (instances[1], instances[0])] {
        var reply = try here.get(path(user))
        if reply.status == 307 {
          redirected += 1
          #expect(reply.headers["location"] == there.url + path(user))
          let forwarded = try HTTPReply.get(here.address, path(user), fields: "X-Interestd-Forwarded: 127.0.0.1:1\r\n")
          #expect(forwarded.status == 503 && forwarded.body.contains("127.0.0.1:1 has forwarded"), "\(forwarded)")
          #expect(forwarded.headers["retry-after"] == "1")
          reply = try there.get(path(user))
        }
        #expect(reply.status == 200 && reply.body == line + "\n")
      }
    }
    // Each user is at one of the two.
    #expect(redirected == expected.count)
    for instance in instances { try instance.stop() }
  }

  @Test("answer 503 and say who, where the owner does not answer")
  func silentOwner() throws {
    let data = try DataSet.synthetic(in: folder, events: 2000, users: 40).data
    let expected = try lines(data, "whole")
    let topic = try Topic(partitions: 4)
    try topic.produce(data.behaviors)
    let instances = try ["a", "b"].map { try instance(data, topic, $0) }
    try settle(instances, partitions: 4)
    let other = try #require(
      try expected.first { try instances[0].get(path($0.user)).status == 200 && !isOwn($0.user, instances[0]) })
    instances[1].command.send(SIGSTOP)
    defer { instances[1].command.send(SIGCONT) }
    let reply = try instances[0].get(path(other.user))
    #expect(reply.status == 503 && reply.headers["retry-after"] == "1", "\(reply)")
    #expect(reply.body.contains(instances[1].address) || reply.body.contains("is "), "\(reply.body)")
    // The group takes its partitions away from it, and the other answers for them.
    try instances[0].reach("taken over", within: 90) {
      let reply = try instances[0].get(path(other.user))
      #expect(reply.status == 503 || reply.body == other.line + "\n", "\(reply)")
      return reply.status == 200
    }
    instances[1].command.send(SIGCONT)
    try settle(instances, partitions: 4)
    try compare(expected, instances)
    for instance in instances { try instance.stop() }
  }

  /// Whether an instance has a user itself: it answers what is marked as forwarded.
  private func isOwn(_ user: String, _ instance: Daemon) throws -> Bool {
    try HTTPReply.get(instance.address, path(user), fields: "X-Interestd-Forwarded: 127.0.0.1:1\r\n").status == 200
  }

  @Test("a topic of any known partitioner is served whole where the daemon knows which", arguments: ["crc32", "fnv1a"])
  func partitioners(name: String) throws {
    let data = try DataSet.synthetic(in: folder, events: 2000, users: 40).data
    let expected = try lines(data, "whole")
    let topic = try Topic(partitions: 4)
    try topic.produce(data.behaviors, flags: ["--partitioner", name])
    let daemon = try instance(data, topic, "right", ["INTERESTD_KAFKA__PARTITIONER": name])
    try daemon.awaitApplied(2000)
    try compare(expected, [daemon])
    #expect(try daemon.sum("interestd_misplaced_users_total") == 0)
    try daemon.stop()
  }
}
