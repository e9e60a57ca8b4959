import Foundation
import TestKit
import Testing

/// The process dies, or an operation fails, at each boundary of what is written.
@Suite("At every write boundary", .executable)
struct FailpointTests {
  private let folder = TemporaryDirectory()
  private let small = ["INTERESTD_BUFFER__EVENTS": "1500", "INTERESTD_BUFFER__AGE_MS": "100"]

  private func failing(_ points: String, _ more: [String: String] = [:]) -> [String: String] {
    small.merging(["INTERESTD_FAILPOINTS": points]) { $1 }.merging(more) { $1 }
  }

  /// Behaviors, some bad, some repeated, and users who are erased in between.
  private func mixedData() throws -> (data: DataSet, file: String) {
    let data = try DataSet.synthetic(
      in: folder, events: 30_000, flags: ["--bad-share", "0.02", "--duplicate-share", "0.1"]
    ).data
    // Bad ones are not all text.
    let lines = try Data(contentsOf: URL(fileURLWithPath: data.behaviors)).split(separator: UInt8(ascii: "\n"))
    var mixed = Data()
    for (number, line) in lines.enumerated() {
      mixed += line + [UInt8(ascii: "\n")]
      // Users are drawn by a power law: the first ones have many behaviors.
      guard number % 700 == 699 else { continue }
      let user = String(repeating: "0", count: 11) + "\(number / 700 % 10)"
      mixed += Data((#"{"user_id":"\#(user)","type":"$erase","time_ms":1700000000000}"# + "\n").utf8)
    }
    let file = folder.file("mixed.jsonl")
    try mixed.write(to: URL(fileURLWithPath: file))
    return (data, file)
  }

  private func letters(_ state: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: folder.file("\(state)/dead-letters.jsonl")))
  }

  @Test(
    "a process that dies there goes on from what is durable, and the end is the same",
    arguments: [
      "buffer=kill@1", "buffer=kill@7001", "flush=kill@1", "flush=kill@4", "sst_write=kill@1", "sst_write=kill@5",
      "sst_written=kill@1", "sst_written=kill@6", "ingest=kill@1", "ingest=kill@3", "dead_letter=kill@40",
      "dead_letters_sync=kill@3", "erase=kill@1",
    ])
  func killed(points: String) throws {
    let (data, file) = try mixedData()
    try data.ingest(into: folder.file("whole"), file, environment: small)
    // Twice at the same place of each run: the second meets what the first left.
    for _ in 1...2 {
      try data.ingest(into: folder.file("state"), file, environment: failing(points), expecting: 128 + SIGKILL)
    }
    try data.ingest(into: folder.file("state"), file, environment: small)
    #expect(try dump(folder.file("state")) == dump(folder.file("whole")))
    #expect(try letters("state") == letters("whole"))
    #expect(try !letters("state").isEmpty)
  }

  @Test(
    "where writing fails a run ends with an error, and the next goes on",
    arguments: ["sst_write=error@3", "sst_written=error@2"])
  func failed(points: String) throws {
    let (data, file) = try mixedData()
    try data.ingest(into: folder.file("whole"), file, environment: small)
    let outcome = try data.ingest(into: folder.file("state"), file, environment: failing(points), expecting: 1)
    #expect(outcome.error.contains("failpoint"), "\(outcome)")
    try data.ingest(into: folder.file("state"), file, environment: small)
    #expect(try dump(folder.file("state")) == dump(folder.file("whole")))
  }

  private func daemon(_ data: DataSet, _ topic: Topic, _ name: String, _ environment: [String: String]) throws -> Daemon
  {
    try Daemon(data, topic, state: folder.file(name), environment: environment)
  }

  @Test(
    "a daemon that dies there goes on from what is durable, and the end is the same", .kafka,
    arguments: [
      "buffer=kill@5000", "flush=kill@3", "sst_written=kill@2", "ingest=kill@3", "dead_letter=kill@50",
      "dead_letters_sync=kill@3", "commit=kill@2",
    ])
  func killedDaemon(points: String) throws {
    let data = try DataSet.synthetic(in: folder, events: 20_000, flags: ["--bad-share", "0.02"]).data
    try data.ingest(into: folder.file("whole"))
    let topic = try Topic(partitions: 3)
    try topic.publishAll(of: data, events: 20_000, "--bad-share", "0.02")
    let dying = try daemon(data, topic, "state", failing(points))
    #expect(try dying.command.wait(within: 60).code == 128 + SIGKILL)
    let next = try daemon(data, topic, "state", small)
    try next.awaitApplied(20_000, within: 90)
    try next.stop()
    #expect(try dump(folder.file("state")) == dump(folder.file("whole")))
  }

  @Test("a daemon whose writing fails says so, tries again, and goes on by itself", .kafka)
  func retries() throws {
    let data = try DataSet.synthetic(in: folder, events: 20_000).data
    try data.ingest(into: folder.file("whole"))
    let topic = try Topic(partitions: 3)
    let daemon = try daemon(data, topic, "state", failing("sst_write=error@2x4"))
    try topic.publishAll(of: data, events: 20_000)
    try daemon.reach("the failure told") { try daemon.get("/readyz").body.contains("failpoint sst_write") }
    let problem = try daemon.metrics("interestd_problem").first { $0.labels.contains("flush") }
    #expect(problem?.value == 1)
    try daemon.awaitApplied(20_000, within: 60)
    try daemon.stop()
    #expect(try dump(folder.file("state")) == dump(folder.file("whole")))
  }

  @Test("records that are lost on their way after an assignment are read again", .kafka)
  func lostRecords() throws {
    let data = try DataSet.synthetic(in: folder, events: 20_000).data
    try data.ingest(into: folder.file("whole"))
    let topic = try Topic(partitions: 3)
    try topic.publishAll(of: data, events: 20_000)
    let daemon = try daemon(data, topic, "state", failing("record=error@500x40"))
    try daemon.awaitApplied(20_000, within: 90)
    #expect(try daemon.sum("interestd_refetched_gaps_total") > 0)
    try daemon.stop()
    #expect(try dump(folder.file("state")) == dump(folder.file("whole")))
  }

  @Test("an instance that dies while it gives partitions up leaves a state that goes on", .kafka)
  func killedRevoking() throws {
    let data = try DataSet.synthetic(in: folder, events: 20_000).data
    try data.ingest(into: folder.file("whole"))
    let topic = try Topic(partitions: 4)
    try topic.publishAll(of: data, events: 20_000)
    let first = try daemon(data, topic, "first", failing("revoke=kill@1"))
    try first.awaitApplied(20_000, within: 60)
    let second = try daemon(data, topic, "second", small)
    #expect(try first.command.wait(within: 60).code == 128 + SIGKILL)
    let again = try daemon(data, topic, "first", small)
    for instance in [again, second] {
      try instance.reach("half of the partitions", within: 60) {
        try instance.metrics("interestd_partition_durable_offset").count == 2
      }
      try instance.awaitReady()
    }
    let durable = { try [again, second].reduce(0) { try $0 + $1.sum("interestd_partition_durable_offset") } }
    try again.reach("everything durable") { try durable() == 20_000 }
    try again.stop()
    try second.stop()
    // What is not owned is left out, so that the two are the whole, each user once.
    let lines = try ["first", "second"].flatMap { try dump(folder.file($0)).textLines }
    #expect(try lines.sorted() == dump(folder.file("whole")).textLines.sorted())
    let all = try Interestd.run("dump", "--all-partitions", "--state", folder.file("first")).output.textLines
    #expect(try all.count > dump(folder.file("first")).textLines.count)
  }
}
