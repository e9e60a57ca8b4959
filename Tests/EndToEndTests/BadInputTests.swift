import Foundation
import TestKit
import Testing

/// A record that is no behavior, and the reason that the dead letters must give.
private struct BadRecord {
  let reason: String
  let bytes: [UInt8]

  init(_ reason: String, _ bytes: [UInt8]) {
    self.reason = reason
    self.bytes = bytes
  }

  /// A good behavior of the sample's catalog with fields written otherwise.
  init(
    _ reason: String, user: String = #""u1""#, shop: String = #""42""#, type: String = #""order""#,
    time_ms: String = "1500000000000", also: String = ""
  ) {
    self.init(
      reason,
      Array(#"{"user_id":\#(user),"shop_id":\#(shop),"type":\#(type),"time_ms":\#(time_ms)\#(also)}"#.utf8))
  }

  static let all: [BadRecord] = [
    BadRecord("malformed_json", Array(#"{"user_id":"u1","shop_id":"42","ty"#.utf8)),
    BadRecord("wrong_type", user: "true"), BadRecord("wrong_type", time_ms: #""noon""#),
    BadRecord("wrong_type", also: #","dwell_ms":1.5"#), BadRecord("unknown_type", type: #""teleport""#),
    BadRecord("empty_id", user: #""""#), BadRecord("empty_id", shop: #""""#),
    BadRecord("over_long_id", user: "\"\(String(repeating: "u", count: 10_240))\""),
    BadRecord("over_long_id", shop: "\"\(String(repeating: "s", count: 10_240))\""),
    BadRecord("malformed_json", time_ms: "NaN"), BadRecord("malformed_json", also: #","spend_micros":NaN"#),
    BadRecord("time_out_of_range", time_ms: "-1"), BadRecord("time_out_of_range", time_ms: "9223372036854775807"),
    BadRecord("invalid_utf8", Array(#"{"user_id":"u1"#.utf8) + [0xFF] + Array(#"","shop_id":"42"}"#.utf8)),
    BadRecord(
      "record_too_large",
      Array(#"{"user_id":"u1","item_id":""#.utf8) + [UInt8](repeating: 0x78, count: 10 << 20) + Array(#""}"#.utf8)),
  ]
}

private struct DeadLetter: Decodable {
  var file: String?
  var position: UInt64?
  var record: Int?
  var topic: String?
  var partition: Int?
  var offset: Int?
  var reason: String
  var detail: String
  var key_base64: String?
  var value_base64: String?

  var value: [UInt8]? { value_base64.flatMap { Data(base64Encoded: $0) }.map(Array.init) }

  static func all(in state: String) throws -> [DeadLetter] {
    try Data(contentsOf: URL(fileURLWithPath: "\(state)/dead-letters.jsonl")).textLines
      .map { try JSONDecoder().decode(DeadLetter.self, from: Data($0.utf8)) }
  }
}

@Suite("Bad input", .executable)
struct BadInputTests {
  private let folder = TemporaryDirectory()
  private var state: String { folder.file("state") }
  private let good = [UInt8](#"{"user_id":"u1","shop_id":"42","type":"order","time_ms":1500000000000}"#.utf8)

  @discardableResult
  private func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: folder.file(name)))
    return folder.file(name)
  }

  private func events(of user: String) throws -> Int {
    let outcome = try Interestd.run("lookup", user, "--state", state, "--json")
    let groups = try outcome.json()["groups"] as? [[String: Any]] ?? []
    return groups.reduce(0) { $0 + ($1["events"] as? Int ?? 0) }
  }

  @Test(
    "of a file is dead-lettered with file, position, number and reason, and everything else is ingested",
    arguments: ["jsonl", "jsonl.gz"])
  func file(ending: String) throws {
    let line: [UInt8] = [0x0A]
    var bytes: [UInt8] = []
    var positions: [Int] = []
    for bad in BadRecord.all {
      bytes += good + line
      positions.append(bytes.count)
      bytes += bad.bytes + line
    }
    let path = try write("b.\(ending)", ending == "jsonl" ? bytes : gzip(bytes))
    let outcome = try DataSet.sample.ingest(into: state, path)
    #expect(try outcome.number("behaviors") == BadRecord.all.count)
    #expect(try outcome.number("bad_records") == BadRecord.all.count)
    #expect(try outcome.json()["dead_letters"] as? String == "\(state)/dead-letters.jsonl")
    let letters = try DeadLetter.all(in: state)
    #expect(letters.map(\.reason) == BadRecord.all.map(\.reason))
    #expect(letters.map(\.position) == positions.map { UInt64($0) })
    #expect(letters.map(\.record) == BadRecord.all.indices.map { 2 * $0 + 2 })
    #expect(letters.allSatisfy { $0.file?.hasSuffix("/b.\(ending)") == true && !$0.detail.isEmpty })
    for (letter, bad) in zip(letters, BadRecord.all) where bad.reason != "record_too_large" {
      #expect(letter.value == bad.bytes)
    }
    #expect(try events(of: "u1") == BadRecord.all.count)
  }

  @Test(
    "of a topic is dead-lettered into the state's file where that is wanted, with topic, partition, offset and reason, and everything else is ingested",
    .kafka)
  func topic() throws {
    let topic = try Topic(partitions: 1, [("max.message.bytes", "16777216")])
    let key = Array("u1".utf8)
    let own: [(reason: String, key: [UInt8]?, value: [UInt8]?)] = [
      ("null_value", key, nil), ("null_value", nil, nil), ("key_mismatch", nil, good),
      ("key_mismatch", Array("u2".utf8), good), ("empty_value", key, []),
      ("malformed_protobuf", key, [0x0A, 0x7F, 0x01]),
    ]
    let bad = own + BadRecord.all.map { ($0.reason, key, $0.bytes) }
    var records: [(partition: Int32?, key: [UInt8]?, value: [UInt8]?)] = []
    for record in bad { records += [(0, key, good), (0, record.key, record.value)] }
    try topic.publish(records)
    let daemon = try Daemon(
      DataSet.sample, topic, state: state, environment: ["INTERESTD_DEAD_LETTERS__TO": "file"])
    try daemon.awaitApplied(2 * bad.count)
    #expect(try daemon.sum("interestd_bad_records_total") == bad.count)
    #expect(
      try daemon.metrics("interestd_bad_records_total").contains {
        $0.labels == #"{reason="key_mismatch"}"# && $0.value == 2
      })
    try daemon.stop()
    let letters = try DeadLetter.all(in: state)
    #expect(letters.map(\.reason) == bad.map(\.reason))
    #expect(letters.map(\.offset) == bad.indices.map { 2 * $0 + 1 })
    #expect(letters.allSatisfy { $0.topic == topic.name && $0.partition == 0 })
    #expect(letters.map { $0.key_base64 == nil } == bad.map { $0.key == nil })
    for (letter, bad) in zip(letters, bad) where bad.reason != "record_too_large" {
      #expect(letter.value == bad.value)
    }
    #expect(try events(of: "u1") == bad.count)
  }

  @Test("keys may be anything where the configuration says to ignore them", .kafka)
  func keysIgnored() throws {
    let topic = try Topic(partitions: 2)
    try topic.publish([(0, nil, good), (1, Array("x".utf8), good), (0, Array("u1".utf8), good)])
    let daemon = try Daemon(DataSet.sample, topic, state: state, environment: ["INTERESTD_KAFKA__KEY": "ignore"])
    try daemon.awaitApplied(3)
    #expect(try daemon.get("/v1/users/u1/sequence").body.contains(#""events":3"#))
    try daemon.stop()
    #expect(try events(of: "u1") == 3)
  }

  @Test("a half-written gzip gives what is in it, is told with exit code 1, and goes on when it is whole")
  func halfGzip() throws {
    let whole = try Data(contentsOf: URL(fileURLWithPath: DataSet.sample.behaviors))
    let path = try write("b.jsonl.gz", Array(whole[..<(whole.count / 2)]))
    let half = try DataSet.sample.ingest(into: state, path, expecting: 1)
    #expect(try half.number("behaviors") > 1000)
    #expect(half.error.contains("b.jsonl.gz"), "\(half)")
    #expect(half.error.contains("half-written") || half.error.contains("ends inside"), "\(half)")
    try write("b.jsonl.gz", Array(whole))
    let rest = try DataSet.sample.ingest(into: state, path)
    #expect(try half.number("behaviors") + rest.number("behaviors") == 15_801)
    try DataSet.sample.ingest(into: folder.file("whole"))
    #expect(try dump(state) == dump(folder.file("whole")))
  }

  @Test("an unterminated last line is left until its rest is there, and told")
  func unterminated() throws {
    let path = try write("b.jsonl", good + [0x0A] + good[..<20])
    let first = try DataSet.sample.ingest(into: state, path)
    #expect(try first.number("behaviors") == 1)
    #expect(try first.number("bad_records") == 0)
    #expect(first.error.contains("not complete"), "\(first)")
    #expect((try first.json()["incomplete"] as? [String])?.count == 1)
    try write("b.jsonl", good + [0x0A] + good + [0x0A])
    #expect(try DataSet.sample.ingest(into: state, path).number("behaviors") == 1)
    #expect(try events(of: "u1") == 2)
  }

  @Test("a file that changed where it was ingested is refused with a hint, and adds nothing")
  func changed() throws {
    let path = try write("b.jsonl", good + [0x0A])
    try DataSet.sample.ingest(into: state, path)
    try write("b.jsonl", Array(String(decoding: good, as: UTF8.self).replacing("42", with: "43").utf8) + [0x0A])
    let refused = try DataSet.sample.ingest(into: state, path, expecting: 1)
    #expect(refused.error.contains("changed since they were ingested"), "\(refused)")
    #expect(refused.error.contains("another name or state"), "\(refused)")
    #expect(try events(of: "u1") == 1)
  }

  @Test("standard input is new each time unless it is named")
  func standardInput() throws {
    let path = try write("b.jsonl", good + [0x0A])
    func ingest(_ flags: String...) throws -> Int {
      try Interestd.start(DataSet.sample.ingestion(into: state, ["-"]) + flags, input: path).wait().number("behaviors")
    }
    #expect(try [ingest(), ingest(), ingest("--input-name", "feed"), ingest("--input-name", "feed")] == [1, 1, 1, 0])
    #expect(try events(of: "u1") == 3)
  }

  @Test("a file of garbage stops at the breaker, loudly, and leaves no behaviors")
  func garbage() throws {
    let path = try write("b.jsonl", Array(repeatElement(Array("garbage\n".utf8), count: 5000).joined()))
    let outcome = try DataSet.sample.ingest(into: state, path, expecting: 1)
    #expect(outcome.error.contains("1000 of 1000 records"), "\(outcome)")
    #expect(outcome.error.contains("malformed_json"), "\(outcome)")
    #expect(try dump(state).isEmpty)
  }

  @Test("a partition of garbage is stopped by the breaker, loudly, and the others go on", .kafka)
  func garbageTopic() throws {
    let topic = try Topic(partitions: 2)
    try topic.publish((0..<1500).map { _ in (0, Array("u1".utf8), Array("garbage".utf8)) })
    let good = #"{"user_id":"u2","shop_id":"42","type":"order","time_ms":1483271606000}"#
    try topic.publish([(1, Array("u2".utf8), Array(good.utf8))])
    let daemon = try Daemon(DataSet.sample, topic, state: state)
    var told = ""
    try daemon.reach("the breaker told") {
      told = try daemon.get("/readyz").body
      return told.contains("1000 of 1000 records are bad")
    }
    #expect(told.contains("partition 0 of topic \(topic.name) is stopped at offset 1000"))
    #expect(!told.contains("partition 1"))
    #expect(try daemon.sum("interestd_behaviors_total") == 1)
    #expect(try daemon.stop().error.contains("a partition is stopped"))
  }

  @Test(
    "a cluster map that is none is refused with its line",
    arguments: [
      ("shop,group\n1,1\n", ":1:"), ("shop_id,group_id\n1,1\n1,2\n", ":3:"), ("shop_id,group_id\n1,0\n", ":2:"),
      ("shop_id,group_id\n1\n", ":2:"), ("", ":1:"),
    ])
  func clusterMap(csv: String, place: String) throws {
    let map = try write("g.csv", Array(csv.utf8))
    let outcome = try Interestd.run(
      "ingest", "--config", DataSet.sample.configuration, "--cluster-map", map, "--state", state,
      DataSet.sample.behaviors, expecting: 1)
    #expect(outcome.error.contains("g.csv\(place)"), "\(outcome)")
    #expect(!FileManager.default.fileExists(atPath: state))
  }
}
