import Foundation
import Kafka
import TestKit
import Testing

/// Behaviors of a topic, some of types that the configuration does not know at first.
private final class World {
  let folder = TemporaryDirectory()
  let data: DataSet
  let topic: Topic
  private let catalog: [String]

  /// Types that are left out of the configuration until `repair`.
  private static let unknown = ["order", "pay", "review"]

  init(events: Int, partitions: Int32 = 4) throws {
    data = try DataSet.synthetic(in: folder, events: events, users: 300).data
    topic = try Topic(partitions: partitions)
    catalog = try String(contentsOfFile: data.configuration, encoding: .utf8).split(separator: "\n").map(String.init)
    try write(catalog.filter { line in !Self.unknown.contains { line.contains(" \($0),") } })
  }

  var state: String { folder.file("state") }

  private func write(_ lines: [String]) throws {
    try (lines.joined(separator: "\n") + "\n").write(toFile: data.configuration, atomically: true, encoding: .utf8)
  }

  /// From now on the configuration has all types.
  func repair() throws { try write(catalog) }

  /// Runs the daemon over everything that is in the topic, and stops it.
  func fold(_ check: (Daemon) throws -> Void = { _ in }) throws {
    let daemon = try Daemon(data, topic, state: state, environment: environment)
    let end = Int(try topic.end()())
    try daemon.awaitReady()
    try daemon.reach("applied") { try daemon.sum("interestd_partition_applied_offset") >= end }
    try check(daemon)
    try daemon.stop()
  }

  let environment = ["INTERESTD_INGEST__BREAKER_PERCENT": "100"]

  func startRedrive(_ flags: [String] = []) throws -> Command {
    try Interestd.start(redriving + flags, environment: environment)
  }

  private var redriving: [String] {
    ["redrive", "--config", data.configuration, "--json", "--group", topic.name] + topic.flags
  }

  @discardableResult
  func redrive(_ flags: String..., expecting code: Int32 = 0) throws -> Command.Outcome {
    let outcome = try startRedrive(flags).wait(within: 120)
    try #require(outcome.code == code, "\(outcome)")
    return outcome
  }

  func erase(_ users: String...) throws -> Command.Outcome {
    try Interestd.start(["erase", "--config", data.configuration, "--json"] + users + topic.flags).wait()
  }

  /// The dump of these lines of the behaviors, as files.
  func expectedDump(_ isWanted: (String) -> Bool = { _ in true }) throws -> [String] {
    let lines = try Data(contentsOf: URL(fileURLWithPath: data.behaviors)).textLines.filter(isWanted)
    let name = "expected-\(UUID().uuidString)"
    try (lines.joined(separator: "\n") + "\n").write(
      toFile: folder.file("\(name).jsonl"), atomically: true, encoding: .utf8)
    try data.ingest(into: folder.file(name), folder.file("\(name).jsonl"))
    return try dump(folder.file(name)).textLines
  }

  static func isUnknown(_ line: String) -> Bool { unknown.contains { line.contains("\"type\":\"\($0)\"") } }
}

@Suite("interestd redrive", .executable, .kafka)
struct RedriveTests {
  @Test("sends back what the daemon counts now, once; what is still bad stays a letter for the next time")
  func repaired() throws {
    let world = try World(events: 20_000)
    try world.topic.produce(world.data.behaviors)
    try world.topic.publish([(1, Array("u1".utf8), Array("garbage".utf8)), (2, nil, nil)])
    let lines = try Data(contentsOf: URL(fileURLWithPath: world.data.behaviors)).textLines
    let unknown = lines.count { World.isUnknown($0) }
    try world.fold { daemon in
      let bad = try daemon.sum("interestd_bad_records_total")
      #expect(bad == unknown + 2)
    }
    #expect(try dump(world.state).textLines == world.expectedDump { !World.isUnknown($0) })
    #expect(try world.redrive("--dry-run").number("still_bad") == unknown + 2)
    try world.repair()
    #expect(try world.redrive("--dry-run").number("sent") == unknown)
    #expect(try world.topic.end()() >= 20_002)
    let first = try world.redrive()
    #expect(try first.number("sent") == unknown)
    #expect(try first.number("still_bad") == 2)
    for key in ["waiting", "erased", "repeated", "expired"] { #expect(try first.number(key) == 0) }
    let second = try world.redrive()
    #expect(try second.number("sent") == 0)
    #expect(try second.number("still_bad") == 2)
    try world.fold()
    #expect(try dump(world.state).textLines == world.expectedDump())
    // Put back twice, with their origin and their own times.
    let letters = try world.topic.dead.records().filter { $0.headers["interestd.redrives"] == "2" }
      .sorted { $0.partition < $1.partition }
    #expect(letters.map(\.headers["interestd.reason"]) == ["malformed_protobuf", "null_value"])
    #expect(letters.map(\.partition) == [1, 2])
    #expect(letters.map(\.value) == [Array("garbage".utf8), []])
    #expect(letters.allSatisfy { $0.headers["interestd.timestamp_ms"] == "\($0.timestamp_ms)" })
  }

  @Test("killed at any moment and started again neither loses a letter nor sends one twice", arguments: 0..<2)
  func killed(round: Int) throws {
    let world = try World(events: 60_000)
    try world.topic.produce(world.data.behaviors)
    try world.fold()
    try world.repair()
    let end = try world.topic.end()
    var killed = 0
    for step in 1...4 {
      let before = try end()
      let command = try world.startRedrive()
      // The first may not have sent anything yet, the others are in the midst of it.
      _ = eventually { !command.isRunning || ((try? end()) ?? 0) > before + Int64(round == 0 ? 1 : 900 * step) }
      if command.isRunning { killed += 1 }
      command.kill()
    }
    #expect(killed > 0)
    let last = try world.redrive()
    #expect(try last.number("still_bad") == 0)
    #expect(try world.redrive().number("sent") == 0)
    try world.fold()
    #expect(try dump(world.state).textLines == world.expectedDump())
  }

  @Test("drops the letters of a user who was erased after them, and sends those from after it")
  func erased() throws {
    let world = try World(events: 5000)
    let user = "000000000001"
    func isOwn(_ line: String) -> Bool { line.contains("\"\(user)\"") }
    let lines = try Data(contentsOf: URL(fileURLWithPath: world.data.behaviors)).textLines
    let bad = lines.count { isOwn($0) && World.isUnknown($0) }
    #expect(bad > 0)
    try world.topic.produce(world.data.behaviors)
    try world.fold()
    // Not applied: nothing of the user may go behind it.
    #expect(try world.erase(user).code == 0)
    try world.repair()
    let early = try world.redrive()
    #expect(try early.number("waiting") == bad)
    #expect(early.error.contains("Run again"), "\(early)")
    try world.fold()
    let later = #"{"user_id":"\#(user)","shop_id":"1","type":"teleport","time_ms":1500000000000}"#
    try world.topic.publish([(nil, Array(user.utf8), Array(later.utf8))])
    try world.fold()
    let redriven = try world.redrive()
    #expect(try redriven.number("erased") == bad)
    #expect(try redriven.number("sent") == 0)
    #expect(try redriven.number("still_bad") == 1)
    try world.fold()
    #expect(try dump(world.state).textLines == world.expectedDump { !isOwn($0) })
  }

  @Test("sends the letters of one record once, however often a crash had it read")
  func repeated() throws {
    let world = try World(events: 3000)
    try world.topic.produce(world.data.behaviors)
    for _ in 0..<2 {
      // Nothing becomes durable: everything is read, and written, again.
      let daemon = try Daemon(
        world.data, world.topic, state: world.state,
        environment: world.environment.merging(["INTERESTD_BUFFER__AGE_MS": "3600000"]) { $1 })
      try daemon.awaitApplied(3000)
      try daemon.reach("written") { try daemon.sum("interestd_dead_letters_unacknowledged") == 0 }
      daemon.command.kill()
    }
    try world.fold()
    try world.repair()
    let outcome = try world.redrive()
    #expect(try outcome.number("repeated") == 2 * outcome.number("sent"))
    try world.fold()
    #expect(try dump(world.state).textLines == world.expectedDump())
  }

  @Test("says that there are no dead letters where the topic is missing")
  func missing() throws {
    let world = try World(events: 10)
    let outcome = try world.redrive(expecting: 1)
    #expect(outcome.error.contains("there are no dead letters: topic \(world.topic.name).dead"), "\(outcome)")
  }
}
