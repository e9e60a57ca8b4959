import Foundation
import TestKit
import Testing

@Suite("interestd serve", .executable)
struct ServeTests {
  private let folder = TemporaryDirectory()
  private let sample = DataSet.sample
  private let server: Daemon
  private let expected: [String]

  init() throws {
    let state = folder.file("state")
    try sample.ingest(into: state)
    expected = try dump(state).textLines
    server = try Daemon(["serve", "--state", state])
    try server.awaitReady()
  }

  private func line(of user: String) throws -> String {
    try #require(expected.first { $0.hasPrefix(#"{"user_id":"\#(user)","#) })
  }

  @Test("answers every user with the dump's line, by HTTP and by the CLI, and ends with 0 when asked to")
  func everyUser() throws {
    for line in expected {
      let user = line.dropFirst(#"{"user_id":""#.count).prefix { $0 != "\"" }
      // The default cuts at 100 groups, a dump does not.
      let reply = try server.get("/v1/users/\(user)/sequence?groups=100000")
      #expect(reply.status == 200)
      #expect(reply.headers["content-type"]?.hasPrefix("application/json") == true)
      #expect(reply.body == line + "\n")
    }
    let cli = try Interestd.run("lookup", "1062", "--endpoint", server.url, "--groups", "100000", "--json")
    #expect(cli.text == (try line(of: "1062")) + "\n")
    try server.stop()
  }

  @Test("answers the same by endpoint as from the state directory, for every option")
  func options() throws {
    let queries: [[String]] = [
      [], ["--groups", "3"], ["--groups", "0"], ["--behaviors", "0"], ["--behaviors", "2", "--groups", "5"],
      ["--order", "frequency", "--groups", "4"], ["--order", "recency", "--groups", "4"],
      ["--as-of", "1510000000000", "--groups", "2"], ["--as-of", "2018-01-01T00:00:00Z", "--groups", "2"],
      ["--as-of", "2018-01-01T02:00:00+02:00", "--groups", "2"], ["--as-of", "2018-01-01", "--groups", "2"],
      ["--generation", "1"], ["--fields", "counts,windows,behavior_shop", "--groups", "3"],
    ]
    let remote = try queries.map {
      try Interestd.start(["lookup", "1879", "--endpoint", server.url, "--json"] + $0).wait()
    }
    try server.stop()
    for (query, remote) in zip(queries, remote) {
      let local = try Interestd.start(["lookup", "1879", "--state", folder.file("state"), "--json"] + query).wait()
      #expect(local.code == 0, "\(query): \(local)")
      #expect(remote.text == local.text, "\(query): \(remote)")
    }
  }

  @Test("cuts groups by recency or frequency and returns them by time, and behaviors newest first")
  func selection() throws {
    func groups(_ query: String) throws -> [[String: Any]] {
      let body = try server.get("/v1/users/1879/sequence?" + query).body
      let object = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
      return try #require(object?["groups"] as? [[String: Any]])
    }
    func number(_ group: [String: Any], _ key: String) -> Int { group[key] as? Int ?? -1 }
    let all = try groups("groups=100000")
    #expect(all.count > 50)
    let times = all.map { number($0, "last_ms") }
    #expect(times == times.sorted())
    #expect(try groups("groups=7").map { number($0, "group") } == all.suffix(7).map { number($0, "group") })
    let frequent = try groups("groups=7&order=frequency")
    let least = frequent.map { number($0, "events") }.min() ?? 0
    #expect(all.count { number($0, "events") > least } < 7)
    #expect(frequent.map { number($0, "last_ms") } == frequent.map { number($0, "last_ms") }.sorted())
    for group in try groups("groups=5&behaviors=3") {
      let behaviors = try #require(group["behaviors"] as? [[String: Any]])
      #expect(behaviors.count == min(3, number(group, "events")))
      let times = behaviors.map { number($0, "time_ms") }
      #expect(times == times.sorted(by: >))
      #expect(times.first == number(group, "last_ms"))
    }
    #expect(try groups("behaviors=0").allSatisfy { ($0["behaviors"] as? [Any])?.isEmpty == true })
  }

  @Test("answers an unknown user with an empty sequence, whatever its id is made of")
  func unknown() throws {
    for (path, user) in [("nobody", "nobody"), ("a%2Fb%20c%3F%25", "a/b c?%"), ("%C3%BC", "ü")] {
      let reply = try server.get("/v1/users/\(path)/sequence")
      #expect(reply.status == 200)
      #expect(reply.body.hasPrefix(#"{"user_id":"\#(user)","generation":1,"cluster_map":""#), "\(reply.body)")
      #expect(reply.body.hasSuffix(#""groups":[]}"# + "\n"))
      let cli = try Interestd.run("lookup", user, "--endpoint", server.url, "--json")
      #expect(cli.text == reply.body)
    }
  }

  @Test(
    "refuses a parameter that is out of place with 400 and its name",
    arguments: [
      ("groups=-1", "groups"), ("groups=many", "groups"), ("groups=", "groups"), ("groups=100001", "groups"),
      ("groups=1&groups=2", "groups"), ("behaviors=-1", "behaviors"), ("behaviors=1.5", "behaviors"),
      ("order=newest", "order"), ("as_of=yesterday", "as_of"), ("as_of=2018-02-30", "as_of"),
      ("as_of=2018-01-1x", "as_of"), ("as_of=1", "as_of"), ("as_of=0", "as_of"),
      ("generation=x", "generation"), ("gruops=1", "gruops"),
    ])
  func badParameters(query: String, name: String) throws {
    let reply = try server.get("/v1/users/1062/sequence?\(query)")
    #expect(reply.status == 400)
    let object = try JSONSerialization.jsonObject(with: Data(reply.body.utf8)) as? [String: [String: Any]]
    #expect(object?["error"]?["parameter"] as? String == name, "\(reply.body)")
    #expect((object?["error"]?["message"] as? String)?.isEmpty == false)
  }

  @Test("refuses a user id that is too long or no UTF-8, unknown paths and other methods")
  func badRequests() throws {
    let long = String(repeating: "x", count: 256)
    #expect(try server.get("/v1/users/\(long)/sequence").status == 400)
    #expect(try server.get("/v1/users/\(long.dropLast())/sequence").status == 200)
    #expect(try server.get("/v1/users/%FF/sequence").status == 400)
    #expect(try server.get("/v1/users//sequence").status == 400)
    #expect(try server.get("/v1/users/1062").status == 404)
    #expect(try server.get("/").status == 404)
    let post = try HTTPReply.get(server.address, "/v1/users/1062/sequence", method: "POST")
    #expect(post.status == 405)
    #expect(post.headers["allow"] == "GET, HEAD")
    let head = try HTTPReply.get(server.address, "/v1/users/1062/sequence", method: "HEAD")
    #expect(head.status == 200)
    #expect(head.body == "")
    #expect(try server.get("/healthz?x=1").status == 400)
  }

  @Test("tells health, readiness and metrics")
  func monitoring() throws {
    #expect(try server.get("/healthz").status == 200)
    #expect(try server.get("/healthz").body == "{\"status\":\"alive\"}\n")
    #expect(try server.get("/readyz").body == "{\"status\":\"ready\"}\n")
    _ = try server.get("/v1/users/1062/sequence")
    let reply = try server.get("/metrics")
    #expect(reply.headers["content-type"]?.hasPrefix("text/plain") == true)
    #expect(try server.sum("interestd_ready") == 1)
    #expect(try server.sum("interestd_build_info") == 1)
    #expect(try server.sum("interestd_lookup_duration_seconds_count") == 1)
    #expect(
      try server.metrics("interestd_http_responses_total").contains { $0.labels.contains("2xx") && $0.value >= 4 })
    #expect(try server.sum("interestd_state_bytes") > 10_000)
    #expect(try server.sum("interestd_level_files") > 0)
    #expect(try server.sum("interestd_block_cache_pinned_bytes") > 0)
    #expect(try server.sum("interestd_block_cache_used_bytes") > 0)
    #expect(try server.sum("process_resident_memory_bytes") > 1_000_000)
    // Each metric is described once and typed, as Prometheus wants it.
    let helps = reply.body.split(separator: "\n").filter { $0.hasPrefix("# HELP") }
      .map { $0.split(separator: " ")[2] }
    #expect(Set(helps).count == helps.count)
    #expect(reply.body.split(separator: "\n").count { $0.hasPrefix("# TYPE") } == helps.count)
  }

  @Test("stops by SIGINT as by SIGTERM, and says so", arguments: [SIGINT, SIGTERM])
  func stops(signal: Int32) throws {
    let outcome = try server.stop(signal)
    #expect(outcome.error.contains("message=stopping signal=\(signal == SIGINT ? "SIGINT" : "SIGTERM")"))
    #expect(outcome.error.contains("message=stopped"))
  }

  @Test("refuses an address that others can reach unless that is allowed, and one that is taken")
  func addresses() throws {
    let copy = TemporaryDirectory()
    try sample.ingest(into: copy.file("state"))
    let remote = try Interestd.run("serve", "--state", copy.file("state"), "--http", "0.0.0.0:0", expecting: 1)
    #expect(remote.error.contains("http.allow_remote"), "\(remote)")
    let taken = try Interestd.run("serve", "--state", copy.file("state"), "--http", server.address, expecting: 1)
    #expect(taken.error.contains(server.address), "\(taken)")
  }
}
