import Foundation
import TestKit
import Testing

/// What Debian's redis-tools make of the daemon.
@Suite("Redis' own tools", .executable, .redisTools)
struct RedisToolsTests {
  private let folder = TemporaryDirectory()
  private let sample = DataSet.sample
  private let server: Daemon
  private let port: String

  init() throws {
    let state = folder.file("state")
    try sample.ingest(into: state)
    server = try Daemon(["serve", "--state", state, "--cluster-map", sample.clusterMap, "--resp", "127.0.0.1:0"])
    try server.awaitReady()
    port = try server.port(of: "resp")
  }

  private func cli(_ arguments: String...) throws -> String {
    let outcome = try Command(RedisTools.cli, ["-p", port] + arguments).wait()
    try #require(outcome.code == 0, "\(arguments): \(outcome)")
    return outcome.text.trimmingCharacters(in: .newlines)
  }

  @Test("redis-cli reads every user as HTTP tells it, in both protocols")
  func everyUser() throws {
    let users = try dumpedUsers()
    #expect(users.count > 200)
    let commands = folder.file("commands")
    try users.map { "interest.sequence \($0) groups 100000 format json\n" }.joined()
      .write(toFile: commands, atomically: true, encoding: .utf8)
    for version in ["-2", "-3"] {
      let outcome = try Command(RedisTools.cli, ["-p", port, version], input: commands).wait()
      #expect(outcome.lines == (try dump(copy()).textLines), "\(outcome.error)")
    }
    for user in users.prefix(20) {
      let body = try server.get("/v1/users/\(user)/sequence").body.trimmingCharacters(in: .newlines)
      #expect(try cli("interest.sequence", user, "format", "json") == body)
    }
    try server.stop()
  }

  /// The state is open elsewhere: a dump reads another one of the same behaviors.
  private func copy() throws -> String {
    let path = folder.file("copy")
    if !FileManager.default.fileExists(atPath: path) { try sample.ingest(into: path) }
    return path
  }

  private func dumpedUsers() throws -> [String] {
    try dump(copy()).textLines.map { line in
      let start = try #require(line.range(of: "\"user_id\":\"")).upperBound
      return String(line[start...].prefix { $0 != "\"" })
    }
  }

  @Test("redis-cli is answered in both protocols what it asks for a key and on connecting")
  func keys() throws {
    for version in ["-2", "-3"] {
      #expect(try cli(version, "ping") == "PONG")
      #expect(try cli(version, "get", "nobody") == "")
      #expect(try cli(version, "--no-raw", "get", "nobody") == "(nil)")
      let length = try #require(Int(try cli(version, "strlen", "1062")))
      let raw = try Command(RedisTools.cli, ["-p", port, version, "get", "1062"]).wait().output
      #expect(raw.count == length + 1)
      #expect(try cli(version, "exists", "1062", "nobody", "1879", "1062") == "3")
      #expect(try cli(version, "type", "1062") == "string")
      #expect(try cli(version, "type", "nobody") == "none")
      #expect(try cli(version, "ttl", "1062") == "-1")
      #expect(try cli(version, "pttl", "nobody") == "-2")
      #expect(try cli(version, "--no-raw", "mget", "nobody", "nobody") == "1) (nil)\n2) (nil)")
      // Clients choose by either what they may send.
      let greeting = try cli(version, "hello").replacingOccurrences(of: "\n", with: " ")
      #expect(greeting.contains("server interestd version 7.0.0 "))
      #expect(try cli(version, "info", "server").contains("redis_version:7.0.0"))
      #expect(try cli(version, "info", "server").contains("redis_mode:standalone"))
      #expect(try cli(version, "command", "count") == "28")
      #expect(try cli(version, "command", "docs", "mget").contains("at most 1000 users"))
      #expect(try cli(version, "client", "list").contains("resp=\(version.dropFirst())"))
    }
    #expect(try cli("-n", "0", "ping") == "PONG")
    try server.stop()
  }

  @Test("redis-cli is told what is not to be had here")
  func refusals() throws {
    #expect(
      try cli("set", "1062", "x")
        == "READONLY nothing is written here: behaviors come from files, by 'interestd ingest'")
    #expect(try cli("del", "1062").contains("an event of type $erase, by 'interestd ingest', has a user forgotten"))
    #expect(try cli("cluster", "nodes").contains("cluster support disabled"))
    #expect(try cli("nonsense", "a").hasPrefix("ERR unknown command 'nonsense'"))
    #expect(try cli("interest.sequence", "1062", "groups", "x").hasPrefix("ERR groups: 'x' is not"))
    #expect(try cli("interest.sequence", "1062", "groups").hasPrefix("ERR GROUPS has no value"))
    #expect(try cli("interest.sequence", "1062", "groups", "1", "GROUPS", "2").hasPrefix("ERR GROUPS is there twice"))
    #expect(try cli("interest.sequence", "1062", "colour", "red").hasPrefix("ERR 'colour' is out of place"))
    #expect(try cli("interest.sequence", "1062", "generation", "7").contains("generation 1 only"))
    #expect(try cli("get", String(repeating: "x", count: 256)).hasPrefix("ERR user: a user id has 1 to 255 bytes"))
    let long = String(repeating: "x", count: 256)
    let wrong = "user 2 of 3, '\(long.prefix(64))': a user id has 1 to 255 bytes"
    #expect(try cli("mget", "1062", long, "1879") == "ERR \(wrong)")
    // More than a loop looks up at once.
    let many = [String](repeating: "1062", count: 40)
    #expect(try cli(["mget"] + many + [long]).hasPrefix("ERR user 41 of 41, 'xxx"))
    #expect(try cli(["exists"] + many + [long]).hasPrefix("ERR user 41 of 41, 'xxx"))
    #expect(try cli(["mget"] + [String](repeating: "1062", count: 1001)).hasPrefix("ERR 1001 users are asked for"))
    try server.stop()
  }

  @Test("groups of shops are answered by the parameters of a sequence, as over HTTP, and the shops are behind SHOPS")
  func groupsOfShops() throws {
    func cli(_ line: String) throws -> String { try self.cli(line.split(separator: " ").map(String.init)) }
    let body = try server.get("/v1/users/1062/groups?shops=879152,984677,1&behaviors=2&fields=counts,behavior_shop")
      .body
    #expect(body.contains("\"behaviors\":[{"))
    let options = "behaviors 2 FIELDS counts,behavior_shop format json"
    #expect(try cli("interest.groups 1062 \(options) SHOPS 879152 984677 1") == body)
    #expect(try cli("interest.groups 1062 as_of 2018-01-01T00:00:00Z shops 1").hasPrefix("ERR") == false)
    let one = try cli("interest.groups 1062 groups 1 format json shops 879152 984677")
    #expect(one.components(separatedBy: "\"group\":").count == 2, "\(one)")
    #expect(try cli("interest.groups nobody format json shops 879152").contains("\"groups\":[]"))
    let syntax = "FORMAT protobuf|json] SHOPS shop [shop ...]\n"
    for wrong in ["1062 879152", "1062 879152 984677", "1062 879152 groups 1", "1062 groups 1"] {
      let answer = try cli("interest.groups \(wrong)")
      #expect(answer.hasPrefix("ERR ") && answer.contains(syntax), "\(wrong): \(answer)")
    }
    #expect(try cli("interest.groups 1062 shops").hasPrefix("ERR shops: 0 shops are asked for"))
    #expect(try cli("interest.groups 1062 groups 1 shops").hasPrefix("ERR shops: 0 shops are asked for"))
    #expect(try cli("interest.groups 1062 colour red shops 1").hasPrefix("ERR 'colour' is out of place"))
    try server.stop()
  }

  private func cli(_ arguments: [String]) throws -> String {
    try Command(RedisTools.cli, ["-p", port] + arguments).wait().text
  }

  @Test(
    "redis-benchmark runs to its end, pipelined or not, in both protocols",
    arguments: [
      ["-n", "20000", "-c", "50"], ["-n", "50000", "-P", "16"], ["-n", "20000", "-P", "1000"],
      ["-n", "20000", "-P", "16", "-3"], ["-n", "20000", "-P", "16", "--threads", "2"],
    ])
  func benchmark(options: [String]) throws {
    let common = ["-p", port, "--csv", "-r", "2000"] + options
    for command in [["get", "__rand_int__"], ["get", "1062"], ["mget", "1062", "1879"]] {
      // A value is read 20,000 times at most.
      let outcome = try Command(RedisTools.benchmark, common + command).wait(within: 60)
      #expect(outcome.code == 0, "\(outcome)")
      #expect(!outcome.text.contains("Error") && !outcome.error.contains("Error"), "\(outcome)")
      #expect(outcome.lines.last?.hasPrefix("\"\(command.joined(separator: " "))\",") == true, "\(outcome)")
    }
    try server.stop()
  }

  @Test("redis-benchmark's own tests of reads and connections run, and one of writes is told why not")
  func tests() throws {
    let reads = try Command(RedisTools.benchmark, ["-p", port, "-n", "5000", "--csv", "-t", "ping,get"]).wait()
    #expect(reads.code == 0 && reads.text.contains("\"PING_INLINE\"") && reads.text.contains("\"GET\""), "\(reads)")
    let writes = try Command(RedisTools.benchmark, ["-p", port, "-n", "100", "--csv", "-t", "set"]).wait()
    #expect("\(writes)".contains("READONLY nothing is written here"), "\(writes)")
    try server.stop()
  }

  @Test("INFO and /metrics count what was done")
  func counts() throws {
    let before = try server.sum("interestd_resp_commands_total")
    let benchmark = try Command(RedisTools.benchmark, ["-p", port, "-n", "10000", "--csv", "get", "1062"]).wait()
    #expect(benchmark.code == 0)
    _ = try cli("set", "a", "b")
    let commands = try server.sum("interestd_resp_commands_total") - before
    #expect((10_001...10_010).contains(commands))  // it asks for some settings too
    #expect(try server.sum("interestd_resp_duration_seconds_count") >= 10_001)
    #expect(try server.sum("interestd_resp_errors_total") >= 1)
    #expect(try cli("dbsize").contains("users are not counted"))
    #expect(try server.sum("interestd_resp_sent_bytes_total") > 10_000 * 1000)
    #expect(try server.sum("interestd_resp_connections_accepted_total") >= 51)
    #expect(try cli("info", "stats").contains("total_commands_processed:\(before + commands + 1)"))
    let known = try server.sum("interestd_lookups_total{user=\"known\"}")
    #expect(known >= 10_000)
    _ = try cli(["mget"] + [String](repeating: "nobody", count: 40) + ["1062"])
    _ = try cli("exists", "nobody")
    let stats = try cli("info", "stats")
    #expect(stats.contains("keyspace_hits:\(known + 1)\r\n") && stats.contains("keyspace_misses:41\r\n"), "\(stats)")
    #expect(try cli("info", "memory").hasPrefix("# Memory\r\nused_memory:"))
    try server.stop()
  }

  @Test("a stop while commands come in ends well")
  func stops() throws {
    let load = try Command(RedisTools.benchmark, ["-p", port, "-n", "100000000", "-P", "16", "get", "1062"])
    try server.reach("load") { try server.sum("interestd_resp_commands_total") > 1000 }
    try server.stop()
    load.kill()
  }
}

enum RedisTools {
  static let cli = "/usr/bin/redis-cli"
  static let benchmark = "/usr/bin/redis-benchmark"

  /// Why they cannot be used; nil where they can.
  static let missing: String? =
    [cli, benchmark].allSatisfy { FileManager.default.isExecutableFile(atPath: $0) }
    ? nil : "no redis-cli or redis-benchmark: Debian's redis-tools has them"
}

extension Trait where Self == ConditionTrait {
  /// redis-cli and redis-benchmark must be there.
  static var redisTools: Self { .disabled(if: RedisTools.missing != nil, "\(RedisTools.missing ?? "")") }
}
