import Bytes
import Foundation
import TestKit
import Testing

/// Instances of one group, each with its own state.
@Suite("Instances of a group", .executable, .kafka)
struct TopologyTests {
  private let folder = TemporaryDirectory()

  private func instance(
    _ data: DataSet, _ topic: Topic, _ name: String, _ environment: [String: String] = [:], session_ms: Int = 4000
  ) throws -> Daemon {
    let own = ["INTERESTD_BUFFER__AGE_MS": "100"]
    return try Daemon(
      data, topic, state: folder.file(name), environment: own.merging(environment) { $1 },
      session_ms: session_ms)
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
      // On a busy machine the group may rebalance once more.
      try instance.reach("its partitions live and whole, and the others' none of its business") {
        let own = try topology(instance)
        return own.instance == instance.address && own.partitions.map(\.partition) == Array(0..<6)
          && own.partitions.allSatisfy { partition in
            let isOwn = partition.owner == instance.address
            return (partition.state == "live") == isOwn && (partition.applied_offset != nil) == isOwn
              && partition.applied_offset == partition.end_offset
          }
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

  @Test(
    "any of them answers for every user over RESP, in the order of the commands, also after one was killed", .redisTools
  )
  func forwardsRESP() throws {
    let data = try DataSet.synthetic(in: folder, events: 20_000, users: 150).data
    let expected = try lines(data, "whole")
    let topic = try Topic(partitions: 6)
    try topic.produce(data.behaviors)
    var instances = try ["a", "b"].map { name in
      try Daemon(
        data, topic, state: folder.file(name),
        environment: ["INTERESTD_BUFFER__AGE_MS": "100"],
        flags: ["--resp", "127.0.0.1:0"])
    }
    // Before there is a state there is nothing to answer from.
    let early = try redis(instances[0], ["get nobody"])
    #expect(early[0].isEmpty || early[0].hasPrefix("LOADING ") || early[0].hasPrefix("TRYAGAIN "), "\(early)")
    try settle(instances, partitions: 6)
    try compareRESP(expected, instances)
    for instance in instances {
      let answered = try instance.metrics("interestd_forwarded_lookups_total").first { $0.labels.contains("answered") }
      #expect((answered?.value ?? 0) > 0)
    }
    let all = expected.map(\.user).joined(separator: " ")
    for instance in instances {
      #expect(try redis(instance, ["exists \(all) nobody"]) == ["\(expected.count)"])
      #expect(try redis(instance, ["exists nobody", "strlen nobody", "get nobody"]) == ["0", "0", ""])
    }
    let lengths = try instances.map { try redis($0, expected.map { "strlen \($0.user)" }) }
    #expect(lengths[0] == lengths[1] && lengths[0].allSatisfy { (Int($0) ?? 0) > 100 })
    instances.removeLast().command.kill()
    try compareRESP(expected, instances)
    for instance in instances { try instance.stop() }
  }

  /// Likewise, by one pipeline of commands to each instance; meanwhile it may only tell them to try again.
  private func compareRESP(_ expected: [(user: String, line: String)], _ instances: [Daemon]) throws {
    let commands = expected.map { "interest.sequence \($0.user) groups 100000 format json" }
    for instance in instances {
      try instance.reach("all users over RESP", within: 90) {
        let replies = try redis(instance, commands)
        try #require(replies.count == expected.count)
        var isDone = true
        for (reply, (user, line)) in zip(replies, expected) where reply != line {
          isDone = false
          try #require(
            reply.hasPrefix("TRYAGAIN ") || reply.hasPrefix("LOADING ") || reply.hasPrefix("BUSY "), "\(user): \(reply)"
          )
        }
        return isDone
      }
    }
  }

  /// redis-cli's lines for commands of one line each.
  private func redis(_ instance: Daemon, _ commands: [String]) throws -> [String] {
    let input = folder.file("commands-\(UUID().uuidString)")
    try commands.map { $0 + "\n" }.joined().write(toFile: input, atomically: true, encoding: .utf8)
    let outcome = try Command(RedisTools.cli, ["-p", try instance.port(of: "resp")], input: input).wait()
    // An error is followed by an empty line, and an answer that is nothing is one.
    var lines: [String] = []
    var isBehindError = false
    for line in outcome.text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
      if line.isEmpty && isBehindError {
        isBehindError = false
        continue
      }
      isBehindError = ["TRYAGAIN ", "LOADING ", "BUSY ", "ERR "].contains { line.hasPrefix($0) }
      lines.append(String(line))
    }
    return lines
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
    let instances = try ["a", "b"].map { try instance(data, topic, $0, session_ms: 8000) }
    try settle(instances, partitions: 4)
    let other = try #require(
      try expected.first { try instances[0].get(path($0.user)).status == 200 && !isOwn($0.user, instances[0]) })
    try instances[1].pause()
    defer { instances[1].resume() }
    let reply = try instances[0].get(path(other.user))
    #expect(reply.status == 503 && reply.headers["retry-after"] == "1", "\(reply)")
    #expect(reply.body.contains("\(instances[1].address), has not answered within 2000 ms"), "\(reply.body)")
    // The group takes its partitions away from it, and the other answers for them.
    try instances[0].reach("taken over", within: 90) {
      let reply = try instances[0].get(path(other.user))
      #expect(reply.status == 503 || reply.body == other.line + "\n", "\(reply)")
      return reply.status == 200
    }
    instances[1].resume()
    try settle(instances, partitions: 4)
    try compare(expected, instances)
    for instance in instances { try instance.stop() }
  }

  /// Whether an instance has a user itself: it answers what is marked as forwarded.
  private func isOwn(_ user: String, _ instance: Daemon) throws -> Bool {
    try HTTPReply.get(instance.address, path(user), fields: "X-Interestd-Forwarded: 127.0.0.1:1\r\n").status == 200
  }

  @Test(
    "users on other partitions than the daemon's partitioner tells are reported and refused, by name of the right one")
  func misplaced() throws {
    let data = try DataSet.synthetic(in: folder, events: 2000, users: 40).data
    let expected = try lines(data, "whole")
    let topic = try Topic(partitions: 4)
    try topic.produce(data.behaviors, flags: ["--partitioner", "crc32"])
    let right = expected.filter { user, _ in
      Array(user.utf8).withUnsafeBytes { crc32Partition($0, count: 4) == murmur2Partition($0, count: 4) }
    }
    try #require(!right.isEmpty && right.count < expected.count)
    for round in 1...2 {
      let daemon = try instance(data, topic, "wrong")
      try daemon.awaitApplied(2000)
      for (user, line) in expected {
        let reply = try daemon.get(path(user))
        if right.contains(where: { $0.user == user }) {
          #expect(reply.status == 200 && reply.body == line + "\n")
        } else {
          #expect(reply.status == 500 && reply.body.contains("Set kafka.partitioner to crc32"), "\(reply)")
          #expect(reply.body.contains("user '\(user)' has records on partition"))
        }
      }
      // Whom nobody knows is still answered, as all partitions are here.
      #expect(try daemon.get(path("nobody")).body.hasSuffix("\"groups\":[]}\n"))
      if round == 1 {
        #expect(try daemon.sum("interestd_misplaced_users_total") >= expected.count - right.count)
        #expect(daemon.command.error.contains("set kafka.partitioner to crc32"))
        #expect(daemon.command.error.components(separatedBy: "users are on other partitions").count <= 3)
      } else {
        // It is known without having read any record again.
        #expect(try daemon.sum("interestd_misplaced_users_total") == 0)
      }
      try daemon.stop()
    }
    let wrong = try #require(expected.first { user, _ in !right.contains { $0.user == user } })
    let cli = try Interestd.run("lookup", wrong.user, "--state", folder.file("wrong"), expecting: 1)
    #expect(cli.error.contains("kafka.partitioner"), "\(cli)")
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
