import Foundation
import TestKit
import Testing

/// Each on a broker of its own.
@Suite("Brokers that fail", .executable, .kafka)
struct OutageTests {
  private let folder = TemporaryDirectory()
  private var state: String { folder.file("state") }

  enum Outage: CaseIterable { case killed, paused }

  private func cause(_ outage: Outage, _ broker: KafkaBroker) {
    switch outage {
    case .killed: broker.kill()
    case .paused: broker.pause()
    }
  }

  @Test(
    "the daemon ends within 10 s of either signal, with 0 and everything applied in its state",
    arguments: zip(Outage.allCases, [SIGTERM, SIGINT]))
  func stops(outage: Outage, signal: Int32) throws {
    let broker = try KafkaBroker()
    let topic = try Topic(of: broker)
    try topic.produce(DataSet.sample.behaviors)
    // Nothing but the stop flushes.
    let daemon = try Daemon(
      DataSet.sample, topic, state: state, environment: ["INTERESTD_BUFFER__AGE_MS": "3600000"])
    try daemon.awaitApplied(15_801)
    cause(outage, broker)
    try daemon.stop(signal, within: 10)
    try DataSet.sample.ingest(into: folder.file("file"))
    #expect(try dump(state) == dump(folder.file("file")))
  }

  @Test("the daemon lives on without its broker, answers lookups, and goes on when it is back")
  func goesOn() throws {
    let broker = try KafkaBroker()
    let topic = try Topic(of: broker)
    let data = try DataSet.synthetic(in: folder, events: 20_000).data
    try data.ingest(into: folder.file("file"))
    let expected = try dump(folder.file("file"))
    try topic.publishAll(of: data, events: 20_000)
    let daemon = try Daemon(data, topic, state: state)
    try daemon.awaitApplied(20_000)
    broker.kill()
    #expect(try daemon.get("/healthz").status == 200)
    let line = try #require(expected.textLines.first)
    #expect(try daemon.get("/v1/users/000000000000/sequence?groups=100000").body == line + "\n")
    try broker.restart()
    try topic.produce(data.behaviors)
    try daemon.awaitApplied(40_000)
    try daemon.stop()
    // Every behavior twice.
    try FileManager.default.copyItem(atPath: data.behaviors, toPath: folder.file("again.jsonl"))
    try data.ingest(into: folder.file("file"), folder.file("again.jsonl"))
    #expect(try dump(state) == dump(folder.file("file")))
  }

  @Test("the daemon waits for a broker that is not there yet, alive and not ready, and ends soon when asked to")
  func neverThere() throws {
    let port = FreePorts.take(1)[0]
    let daemon = try Daemon([
      "run", "--config", DataSet.sample.configuration, "--cluster-map", DataSet.sample.clusterMap, "--state", state,
      "--brokers", "127.0.0.1:\(port)", "--topic", "t",
    ])
    try daemon.reach("told") { daemon.command.error.contains("waiting for the brokers") }
    #expect(try daemon.get("/healthz").status == 200)
    let ready = try daemon.get("/readyz")
    #expect(ready.status == 503 && ready.body.contains("not ready: waiting for the brokers 127.0.0.1:\(port)"))
    #expect(try daemon.get("/metrics").body.contains("interestd_problem{problem=\"start\"} 1\n"))
    #expect(try daemon.get("/v1/users/u1/sequence").status == 503)
    try daemon.stop(within: 10)
  }

  @Test("produce ends with 1 where its broker dies before everything is delivered, and tells how much was")
  func produce() throws {
    let broker = try KafkaBroker()
    let topic = try Topic(of: broker)
    let data = try DataSet.synthetic(in: folder, events: 300_000).data
    let catalog = try String(contentsOfFile: data.configuration, encoding: .utf8)
    try (catalog + "\nkafka: {properties: {message.timeout.ms: 2000}}\n").write(
      toFile: folder.file("impatient.yaml"), atomically: true, encoding: .utf8)
    let producing = try Interestd.start(
      ["produce", "--json", "--config", folder.file("impatient.yaml")] + topic.flags + [data.behaviors])
    let end = try topic.end()
    // Leaders are chosen meanwhile.
    #expect(eventually { !producing.isRunning || ((try? end()) ?? 0) > 0 })
    broker.kill()
    let outcome = try producing.wait(within: 60)
    #expect(outcome.code == 1, "\(outcome)")
    #expect(try outcome.number("delivered") < 300_000)
    #expect(try outcome.number("failed") > 0)
    #expect(outcome.error.contains("deliver"), "\(outcome)")
  }
}

@Suite("interestd produce", .executable, .kafka)
struct ProduceTests {
  private let folder = TemporaryDirectory()

  @Test("delivers every record to the partition that lookups ask, keyed by user and stamped with the time of sending")
  func delivers() throws {
    let topic = try Topic(partitions: 8)
    let outcome = try topic.produce(DataSet.sample.behaviors, format: "protobuf")
    #expect(try outcome.number("delivered") == 15_801)
    #expect(try outcome.number("failed") == 0)
    let records = try topic.records()
    #expect(records.count == 15_801)
    let now_ms = Int64(Date().timeIntervalSince1970 * 1000)
    #expect(records.allSatisfy { abs($0.timestamp_ms - now_ms) < 3_600_000 })
    // A user's records are on one partition, in the file's order.
    let partitions = Dictionary(grouping: records, by: \.key).mapValues { Set($0.map(\.partition)) }
    #expect(partitions.count == 228)
    #expect(partitions.values.allSatisfy { $0.count == 1 })
    #expect(Set(records.map(\.partition)).count == 8)
  }

  @Test("converts between the formats of files and topics", arguments: ["jsonl", "binpb"], ["json", "protobuf"])
  func formats(file: String, format: String) throws {
    let data = try DataSet.synthetic(in: folder, events: 3000, name: "b.\(file)").data
    try data.ingest(into: folder.file("file"))
    let topic = try Topic(partitions: 2)
    try topic.produce(data.behaviors, format: format)
    let first = try #require(try topic.records().first?.value.first)
    #expect((first == UInt8(ascii: "{")) == (format == "json"))
    let daemon = try Daemon(data, topic, state: folder.file("topic"))
    try daemon.awaitApplied(3000)
    try daemon.stop()
    #expect(try dump(folder.file("topic")) == dump(folder.file("file")))
  }

  @Test("ends with 1 where a record is bad or is refused by the broker, and tells which")
  func undelivered() throws {
    let event = #"{"user_id":"u1","shop_id":"1","type":"order","time_ms":1500000000000}"#
    try "\(event)\n{\"user_id\":\n\(event)\n".write(toFile: folder.file("bad.jsonl"), atomically: true, encoding: .utf8)
    let bad = try Topic(partitions: 1).produce(folder.file("bad.jsonl"), expecting: 1)
    #expect(try bad.number("delivered") == 2)
    #expect(try bad.number("bad_records") == 1)
    #expect(bad.error.contains("record 2"), "\(bad)")
    let small = try Topic(partitions: 1, [("max.message.bytes", "100")])
    let refused = try small.produce(DataSet.sample.behaviors, expecting: 1)
    #expect(try refused.number("failed") == 15_801)
    #expect(refused.error.contains("MSG_SIZE_TOO_LARGE"), "\(refused)")
  }

  @Test("refuses a topic and inputs that are not there, with 1")
  func missing() throws {
    let topic = try Topic(partitions: 1)
    let outcome = try Interestd.start(
      ["produce", "--brokers", topic.bootstrap, "--topic", "missing", DataSet.sample.behaviors]
    ).wait()
    #expect(outcome.code == 1)
    #expect(outcome.error.contains("--create --topic missing"), "\(outcome)")
    #expect(try topic.produce(folder.file("missing.jsonl"), expecting: 1).error.contains("missing.jsonl"))
    let nobody = try Interestd.start(
      ["produce", "--brokers", "127.0.0.1:\(FreePorts.take(1)[0])", "--topic", "t", DataSet.sample.behaviors]
    ).wait(within: 30)
    #expect(nobody.code == 1)
  }
}
