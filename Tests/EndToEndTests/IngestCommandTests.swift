import Foundation
import TestKit
import Testing

@Suite("interestd ingest", .executable)
struct IngestCommandTests {
  private let folder = TemporaryDirectory()
  private var state: String { folder.file("state") }

  @Test("run twice gives the same dump, and counts nothing twice")
  func twice() throws {
    let first = try DataSet.sample.ingest(into: state)
    let expected = try dump(state)
    let second = try DataSet.sample.ingest(into: state)
    #expect(try first.number("behaviors") == 15_801)
    #expect(try second.number("behaviors") == 0)
    #expect(try second.number("skipped_bytes") > 0)
    for key in ["users", "groups"] { #expect(try first.number(key) == second.number(key)) }
    #expect(try dump(state) == expected)
  }

  @Test("killed at any moment and run again gives the same dump", arguments: [0, 2, 20, 60])
  func killed(files: Int) throws {
    let data = try DataSet.synthetic(in: folder, events: 150_000, flags: ["--bad-share", "0.01"]).data
    try data.ingest(into: folder.file("whole"))
    let small = ["INTERESTD_BUFFER__EVENTS": "1024"]
    // Twice: the second kill meets a state that was gone on with.
    for round in 1...2 {
      let running = try Interestd.start(data.ingestion(into: state, [data.behaviors]), environment: small)
      let isReached = eventually { !running.isRunning || stateFiles >= files * round }
      #expect(isReached)
      running.kill()
      #expect(try round == 2 || running.wait().code == 128 + SIGKILL)
    }
    try data.ingest(into: state, environment: small)
    #expect(try dump(state) == dump(folder.file("whole")))
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: "\(state)/dead-letters.jsonl"))
        == Data(contentsOf: URL(fileURLWithPath: folder.file("whole/dead-letters.jsonl"))))
  }

  /// Files that RocksDB has numbered so far: one for each flush at least.
  private var stateFiles: Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(state)/db")) ?? []
    return names.compactMap { $0.hasSuffix(".sst") ? Int($0.dropLast(4)) : nil }.max() ?? 0
  }

  @Test("asked to stop ends soon with exit code 1, and goes on when it is run again", arguments: [SIGINT, SIGTERM])
  func stopped(signal: Int32) throws {
    let data = try DataSet.synthetic(in: folder, events: 400_000).data
    let small = ["INTERESTD_BUFFER__EVENTS": "1024"]
    let running = try Interestd.start(data.ingestion(into: state, [data.behaviors]), environment: small)
    #expect(eventually { !running.isRunning || stateFiles >= 5 })
    running.send(signal)
    let first = try running.wait(within: 10)
    #expect(first.code == 1)
    #expect(first.error.contains("run again"), "\(first)")
    let second = try data.ingest(into: state)
    #expect(try first.number("behaviors") + second.number("behaviors") == 400_000)
    #expect(try first.number("behaviors") > 0)
    try data.ingest(into: folder.file("whole"))
    #expect(try dump(state) == dump(folder.file("whole")))
  }

  @Test("waiting for standard input, ends soon when it is asked to stop")
  func stoppedWhileWaiting() throws {
    let pipe = folder.file("pipe.fifo")
    #expect(mkfifo(pipe, 0o600) == 0)
    // Open for both, so that neither side waits for the other and no end comes.
    let descriptor = open(pipe, O_RDWR | O_CLOEXEC)
    defer { close(descriptor) }
    let running = try Interestd.start(DataSet.sample.ingestion(into: state, ["-"]), input: pipe)
    #expect(eventually { !running.isRunning || FileManager.default.fileExists(atPath: "\(state)/identity.json") })
    running.send(SIGTERM)
    #expect(try running.wait(within: 10).code != 0)
  }

  @Test("gives the same dump for files and for a topic of 8 partitions", .kafka)
  func filesAndTopic() throws {
    try DataSet.sample.ingest(into: state)
    let topic = try Topic(partitions: 8)
    try topic.produce(DataSet.sample.behaviors)
    let daemon = try Daemon(DataSet.sample, topic, state: folder.file("topic"))
    try daemon.awaitApplied(15_801)
    try daemon.stop()
    let offsets = try topic.committed(by: topic.name)
    #expect(offsets.count == 8)
    #expect(offsets.values.reduce(0, +) == 15_801)
    #expect(try dump(folder.file("topic")) == dump(state))
  }

  @Test("refuses a state of something else and names the difference, and leaves it as it is")
  func otherState() throws {
    try DataSet.sample.ingest(into: state)
    let expected = try dump(state)
    try "shop_id,group_id\n1,1\n".write(toFile: folder.file("other.csv"), atomically: true, encoding: .utf8)
    let common = ["ingest", "--state", state, DataSet.sample.behaviors]
    let otherMap = try Interestd.start(
      common + ["--config", DataSet.sample.configuration, "--cluster-map", folder.file("other.csv")]
    ).wait()
    #expect(otherMap.code == 1)
    #expect(otherMap.error.contains("cluster map: the state has ee12c3c99da22ab5192d11412f7e18d1, wanted is"))
    let otherConfiguration = try DataSet.sample.ingest(
      into: state, environment: ["INTERESTD_STATE__KEPT_BEHAVIORS": "8"], expecting: 1)
    #expect(otherConfiguration.error.contains("state.kept_behaviors: the state has 32, wanted is 8"))
    let catalog = "behaviors:\n  - {type: order, code: 1, category: weak}\n"
    try catalog.write(toFile: folder.file("other.yaml"), atomically: true, encoding: .utf8)
    let otherCatalog = try Interestd.start(
      common + ["--config", folder.file("other.yaml"), "--cluster-map", DataSet.sample.clusterMap]
    ).wait()
    #expect(otherCatalog.code == 1)
    #expect(otherCatalog.error.contains("behavior code 1: the state has order (payment), wanted is order (weak)"))
    #expect(otherCatalog.error.contains("behavior code 2"))
    #expect(try dump(state) == expected)
  }

  @Test("allows more behavior types than the state was made with")
  func moreTypes() throws {
    try DataSet.sample.ingest(into: state)
    let expected = try dump(state)
    let catalog = try String(contentsOfFile: DataSet.sample.configuration, encoding: .utf8)
    try (catalog.trimmingCharacters(in: .newlines) + "\n  - {type: view, code: 9, category: weak}\n").write(
      toFile: folder.file("more.yaml"), atomically: true, encoding: .utf8)
    try Interestd.run(
      "ingest", "--config", folder.file("more.yaml"), "--cluster-map", DataSet.sample.clusterMap, "--state", state,
      DataSet.sample.behaviors)
    #expect(try dump(state) == expected)
  }

  @Test("finds a state that another process writes, and says who")
  func inUse() throws {
    try DataSet.sample.ingest(into: state)
    let server = try Daemon(["serve", "--state", state])
    try server.awaitReady()
    for outcome in [
      try DataSet.sample.ingest(into: state, expecting: 1),
      try Interestd.run("dump", "--state", state, expecting: 1),
      try Interestd.run("lookup", "1062", "--state", state, expecting: 1),
      try Interestd.run("serve", "--state", state, "--http", "127.0.0.1:0", expecting: 1),
    ] {
      #expect(outcome.error.contains("in use (pid \(server.command.processID), interestd serve"), "\(outcome)")
      #expect(outcome.error.contains(server.address), "it names the address that it listens on: \(outcome)")
      #expect(outcome.error.contains("--endpoint"))
    }
    try server.stop()
    try Interestd.run("lookup", "1062", "--state", state)
  }

  @Test("may be read by many at once")
  func readers() throws {
    try DataSet.sample.ingest(into: state)
    let readers = try (0..<4).map { _ in try Interestd.start(["dump", "--state", state]) }
    let dumps = try readers.map { try $0.wait() }
    #expect(dumps.allSatisfy { $0.code == 0 && $0.output == dumps[0].output && !$0.output.isEmpty })
  }

  @Test("compacts a state when asked, to the same dump")
  func compacts() throws {
    let data = try DataSet.synthetic(in: folder, events: 50_000).data
    let small = ["INTERESTD_BUFFER__EVENTS": "1024"]
    try data.ingest(into: state, environment: small)
    let expected = try dump(state)
    let outcome = try data.ingest(into: state, data.behaviors, "--compact")
    #expect(try outcome.number("behaviors") == 0)
    #expect(try dump(state) == expected)
  }
}
