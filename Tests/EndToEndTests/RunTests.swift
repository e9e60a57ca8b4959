import Foundation
import TestKit
import Testing

@Suite("interestd run", .executable, .kafka)
struct RunTests {
  private let folder = TemporaryDirectory()
  private var state: String { folder.file("state") }

  /// Flushed and committed often.
  private static let small = ["INTERESTD_BUFFER__EVENTS": "1024", "INTERESTD_BUFFER__AGE_MS": "100"]

  @Test("answers lookups by HTTP and by the CLI while it ingests, each at least as far as before, and right in the end")
  func answersWhileIngesting() throws {
    let data = try DataSet.synthetic(in: folder, events: 200_000, users: 500).data
    try data.ingest(into: folder.file("whole"))
    let expected = try dump(folder.file("whole")).textLines
    let user = "000000000001"
    let line = try #require(expected.first { $0.contains(user) })
    let topic = try Topic()
    let daemon = try Daemon(data, topic, state: state, environment: Self.small)
    try daemon.awaitReady()
    let producing = try Interestd.start(["produce", "--json", data.behaviors] + topic.flags)
    var seen = 0
    var steps: Set<Int> = []
    try daemon.reach("produced and applied") {
      let reply = try daemon.get("/v1/users/\(user)/sequence?groups=100000&behaviors=0")
      // A rebalance under load may refuse for a moment; it must not answer with less.
      if reply.status == 503 { return false }
      #expect(reply.status == 200, "\(reply.body)")
      let body = reply.body
      let events = body.split(separator: #""events":"#).dropFirst().reduce(0) {
        $0 + (Int($1.prefix { $0.isNumber }) ?? 0)
      }
      #expect(events >= seen)
      seen = events
      steps.insert(events)
      return try !producing.isRunning && daemon.sum("interestd_partition_applied_offset") == 200_000
    }
    #expect(steps.count > 3, "\(steps.sorted())")
    #expect(try daemon.get("/v1/users/\(user)/sequence?groups=100000").body == line + "\n")
    let cli = try Interestd.run("lookup", user, "--endpoint", daemon.url, "--groups", "100000", "--json")
    #expect(cli.text == line + "\n")
    #expect(try producing.wait().number("delivered") == 200_000)
    try daemon.stop()
    #expect(try dump(state).textLines == expected)
  }

  @Test("killed at any moment and started again gives the same dump", arguments: [0, 1, 30, 70])
  func killed(flushes: Int) throws {
    let data = try DataSet.synthetic(in: folder, events: 100_000, flags: ["--bad-share", "0.01"]).data
    try data.ingest(into: folder.file("whole"))
    let topic = try Topic()
    try topic.publishAll(of: data, "--bad-share", "0.01")
    // A file's letters stand there once each; a topic's may be repeated.
    let environment = Self.small.merging(["INTERESTD_DEAD_LETTERS__TO": "file"]) { $1 }
    for round in 1...2 {
      let daemon = try Daemon(data, topic, state: state, environment: environment)
      try daemon.reach("\(flushes) flushes") {
        try daemon.sum("interestd_flushes_total") >= flushes
          || round == 2 && daemon.sum("interestd_partition_applied_offset") == 100_000
      }
      daemon.command.kill()
    }
    let daemon = try Daemon(data, topic, state: state, environment: environment)
    try daemon.awaitApplied(100_000)
    try daemon.stop()
    #expect(try dump(state) == dump(folder.file("whole")))
    // Each bad record stands once, whatever partition it came by.
    let letters = try Data(contentsOf: URL(fileURLWithPath: "\(state)/dead-letters.jsonl")).textLines
    let whole = try Data(contentsOf: URL(fileURLWithPath: folder.file("whole/dead-letters.jsonl"))).textLines
    #expect(letters.count == whole.count)
    #expect(Set(letters).count == letters.count)
  }

  @Test("stopped by either signal ends with 0, everything durable and committed", arguments: [SIGTERM, SIGINT])
  func stops(signal: Int32) throws {
    let topic = try Topic()
    try topic.produce(DataSet.sample.behaviors)
    // Nothing but the stop flushes.
    let daemon = try Daemon(
      DataSet.sample, topic, state: state, environment: ["INTERESTD_BUFFER__AGE_MS": "3600000"])
    try daemon.awaitApplied(15_801)
    #expect(try daemon.sum("interestd_partition_durable_offset") == 0)
    let outcome = try daemon.stop(signal)
    #expect(outcome.error.contains("message=stopped"))
    #expect(try topic.committed(by: topic.name).values.reduce(0, +) == 15_801)
    // Nothing is read again.
    let again = try Daemon(DataSet.sample, topic, state: state)
    try again.awaitReady()
    #expect(try again.sum("interestd_behaviors_total") == 0)
    try again.stop()
    try DataSet.sample.ingest(into: folder.file("file"))
    #expect(try dump(state) == dump(folder.file("file")))
  }

  @Test("stopped in the middle of a backlog ends with 0, and goes on when it is started again")
  func stopsInBacklog() throws {
    let data = try DataSet.synthetic(in: folder, events: 300_000).data
    try data.ingest(into: folder.file("whole"))
    let topic = try Topic()
    try topic.publishAll(of: data, events: 300_000)
    let daemon = try Daemon(data, topic, state: state, environment: Self.small)
    try daemon.reach("20 flushes") { try daemon.sum("interestd_flushes_total") >= 20 }
    try daemon.stop()
    let again = try Daemon(data, topic, state: state)
    try again.awaitApplied(300_000)
    try again.stop()
    #expect(try dump(state) == dump(folder.file("whole")))
  }

  @Test("tells health, readiness and what each partition is at")
  func monitoring() throws {
    let topic = try Topic(partitions: 3)
    try topic.produce(DataSet.sample.behaviors)
    let daemon = try Daemon(DataSet.sample, topic, state: state)
    #expect(try daemon.get("/healthz").status == 200)
    try daemon.awaitApplied(15_801)
    #expect(try daemon.get("/readyz").status == 200)
    for metric in ["applied_offset", "end_offset"] {
      let values = try daemon.metrics("interestd_partition_\(metric)")
      #expect(values.map(\.labels).sorted() == (0..<3).map { "{partition=\"\($0)\"}" }, "\(metric)")
      #expect(values.reduce(0) { $0 + $1.value } == 15_801)
    }
    #expect(try daemon.metrics("interestd_partition_lag_events").allSatisfy { $0.value == 0 })
    let now = Date().timeIntervalSince1970
    for (_, time) in try daemon.metrics("interestd_partition_last_applied_timestamp_seconds") {
      #expect(time > now - 3600 && time < now + 60)
    }
    for (_, time) in try daemon.metrics("interestd_partition_last_event_timestamp_seconds") {
      #expect(time > 1_400_000_000 && time < 1_600_000_000)
    }
    let live = try daemon.metrics("interestd_partition_state").filter { $0.value == 1 }
    #expect(live.count == 3)
    #expect(live.allSatisfy { $0.labels.contains(#"state="live""#) })
    #expect(try daemon.sum("interestd_behaviors_total") == 15_801)
    try daemon.stop()
  }

  @Test("is live on an empty topic, and commits every partition of it")
  func emptyTopic() throws {
    let topic = try Topic(partitions: 3)
    let daemon = try Daemon(DataSet.sample, topic, state: state)
    try daemon.awaitReady()
    #expect(try daemon.get("/v1/users/1062/sequence").body.hasSuffix("\"groups\":[]}\n"))
    try daemon.stop()
    #expect(try topic.committed(by: topic.name, partitions: 3) == [0: 0, 1: 0, 2: 0])
    #expect(try dump(state).isEmpty)
  }

  @Test("as a static member keeps its partitions over a restart")
  func staticMember() throws {
    let topic = try Topic()
    try topic.produce(DataSet.sample.behaviors)
    // Killed, too: the group waits for the same member, which does not wait for its session's end.
    for _ in 0..<3 {
      let daemon = try Daemon(
        DataSet.sample, topic, state: state, session_ms: 45_000, member: "one")
      try daemon.awaitApplied(15_801, within: 30)
      daemon.command.kill()
    }
  }

  @Test("refuses a state of another topic, partition count or kind, a compacted topic and one that is missing")
  func refusals() throws {
    let topic = try Topic(partitions: 2)
    let daemon = try Daemon(DataSet.sample, topic, state: state)
    try daemon.awaitReady()
    let inUse = try DataSet.sample.ingest(into: state, expecting: 1)
    #expect(
      inUse.error.contains("in use (pid \(daemon.command.processID), interestd run on \(daemon.url))"), "\(inUse)")
    try daemon.stop()
    func refusal(_ topic: Topic, _ state: String, named name: String = "") throws -> String {
      let arguments =
        ["run", "--config", DataSet.sample.configuration, "--cluster-map", DataSet.sample.clusterMap, "--state", state]
        + ["--http", "127.0.0.1:0", "--brokers", topic.bootstrap, "--topic", name.isEmpty ? topic.name : name]
      let outcome = try Interestd.start(arguments).wait(within: 30)
      #expect(outcome.code == 1, "\(outcome)")
      return outcome.error
    }
    #expect(try refusal(Topic(partitions: 3), state).contains("source: the state has Kafka cluster"))
    let files = folder.file("files")
    try DataSet.sample.ingest(into: files)
    #expect(try refusal(topic, files).contains("source: the state has files, wanted is Kafka cluster"))
    #expect(try DataSet.sample.ingest(into: state, expecting: 1).error.contains("wanted is files"))
    let compacted = try Topic(partitions: 1, [("cleanup.policy", "compact")])
    #expect(try refusal(compacted, folder.file("new")).contains("cleanup.policy=compact"))
    #expect(try refusal(topic, folder.file("new"), named: "no-such-topic").contains("no-such-topic"))
  }

  @Test("says of a topic whose needed records are gone what to do, and serves nothing of it")
  func lostHistory() throws {
    let topic = try Topic(partitions: 1)
    try topic.produce(DataSet.sample.behaviors)
    let daemon = try Daemon(DataSet.sample, topic, state: state)
    try daemon.awaitApplied(15_801)
    try daemon.stop()
    try topic.produce(DataSet.sample.behaviors)
    try topic.deleteRecords(before: 20_000)
    let again = try Daemon(DataSet.sample, topic, state: state)
    try again.reach("lost") { try again.sum("interestd_partition_end_offset") > 0 }
    let ready = try again.get("/readyz")
    #expect(ready.status == 503)
    #expect(ready.body.contains("the log begins at offset 20000"), "\(ready.body)")
    #expect(ready.body.contains("new state directory"))
    let reply = try again.get("/v1/users/1062/sequence")
    #expect(reply.status == 503)
    try again.stop()
  }
}
