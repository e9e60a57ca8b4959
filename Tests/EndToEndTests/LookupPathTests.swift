import Foundation
import TestKit
import Testing

@Suite("Lookups over HTTP", .executable)
struct LookupPathTests {
  private let folder = TemporaryDirectory()
  private let server: Daemon

  init() throws {
    let sample = DataSet.sample
    let state = folder.file("state")
    try sample.ingest(into: state)
    server = try Daemon(["serve", "--state", state, "--cluster-map", sample.clusterMap, "--cache-mb", "64"])
    try server.awaitReady()
  }

  private func object(_ reply: HTTPReply) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(reply.body.utf8)) as? [String: Any], "\(reply.body)")
  }

  private func post(_ path: String, _ body: String, fields: String = "") throws -> HTTPReply {
    try HTTPReply.get(
      server.address, path, method: "POST",
      fields: "\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
  }

  @Test("the groups of shops are those of the sequence, by GET and by POST")
  func groups() throws {
    let sequence = try object(server.get("/v1/users/1062/sequence?groups=100000"))
    let groups = try #require(sequence["groups"] as? [[String: Any]])
    let behaviors = try #require(groups.first?["behaviors"] as? [[String: Any]])
    let shop = try #require(behaviors.first?["shop"] as? Int)
    let reply = try server.get("/v1/users/1062/groups?shops=\(shop),\(shop)&behaviors=0")
    #expect(reply.status == 200)
    let answer = try object(reply)
    let group = try #require(groups.first?["group"] as? Int)
    #expect(answer["shop_groups"] as? [Int] == [group, group])
    let found = (answer["sequence"] as? [String: Any])?["groups"] as? [[String: Any]]
    #expect(found?.count == 1 && found?.first?["group"] as? Int == group)
    let posted = try post("/v1/users/1062/groups", #"{"shops":[\#(shop),"\#(shop)"],"behaviors":0}"#)
    #expect(posted.body.trimmingCharacters(in: .newlines) == reply.body.trimmingCharacters(in: .newlines))
    try server.stop()
  }

  @Test("a batch has each user's own answer, null and the reason where there is none, and comes as lines too")
  func batch() throws {
    let body = #"{"users":["1062","nobody",""],"groups":2,"fields":["counts"]}"#
    let one = try server.get("/v1/users/1062/sequence?groups=2&fields=counts").body
    let nobody = try server.get("/v1/users/nobody/sequence?groups=2&fields=counts").body
    let batch = try post("/v1/sequences:batchGet", body)
    #expect(batch.status == 200)
    let failures = try #require(try object(batch)["failures"] as? [[String: Any]])
    #expect(failures.count == 1 && failures.first?["index"] as? Int == 2)
    let expected = "{\"sequences\":[" + [one, nobody].map { $0.dropLast() }.joined(separator: ",") + ",null],"
    #expect(batch.body.hasPrefix(expected))
    let lines = try post("/v1/sequences:batchGet", body, fields: "Accept: application/x-ndjson\r\n")
    #expect(lines.headers["content-type"] == "application/x-ndjson")
    #expect(lines.body.hasPrefix(one + nobody + #"{"error":{"code":"bad_request","parameter":"user""#))
    #expect(lines.body.hasSuffix(#"},"index":2,"user_id":""}"# + "\n"))
    try server.stop()
  }

  @Test("whoever keeps answers is told that they differ by Accept and Accept-Encoding, whichever there were")
  func varying() throws {
    for accepted in ["", "Accept: application/x-protobuf\r\n", "Accept: application/x-ndjson\r\n"] {
      for user in ["1062", "nobody"] {
        let reply = try HTTPReply.get(server.address, "/v1/users/\(user)/sequence", fields: accepted)
        #expect(reply.headers["vary"] == "Accept, Accept-Encoding")
        let batch = try post("/v1/sequences:batchGet", #"{"users":["\#(user)"]}"#, fields: accepted)
        #expect(batch.headers["vary"] == "Accept, Accept-Encoding")
      }
    }
    #expect(try server.get("/healthz").headers["vary"] == nil)
    try server.stop()
  }

  @Test("no fields are all of them, as a list and as text, as they are in Protobuf")
  func allFields() throws {
    let all = try server.get("/v1/users/1062/sequence?groups=2").body
    #expect(try server.get("/v1/users/1062/sequence?groups=2&fields=").body == all)
    for fields in ["[]", "\"\""] {
      let batch = try post("/v1/sequences:batchGet", #"{"users":["1062"],"groups":2,"fields":\#(fields)}"#)
      #expect(batch.body == "{\"sequences\":[\(all.dropLast())],\"failures\":[]}\n")
    }
    try server.stop()
  }

  @Test("refusals name the parameter, and ready answers show in the metrics")
  func refusals() throws {
    for (reply, parameter) in [
      (try server.get("/v1/users/1/sequence?fields=counts,nothing"), "fields"),
      (try server.get("/v1/users/1/groups"), "shops"),
      (try post("/v1/sequences:batchGet", #"{"users":"1"}"#), "users"),
      (try post("/v1/sequences:batchGet", #"{"users":[1.5]}"#), "users"),
      (try post("/v1/sequences:batchGet", #"{"users":["1"],"group":3}"#), "group"),
    ] {
      #expect(reply.status == 400)
      #expect((try object(reply)["error"] as? [String: String])?["parameter"] == parameter, "\(reply.body)")
    }
    for (reply, status, code) in [
      (try server.get("/v1/users/1/sequence?generation=2"), 404, "no_generation"),
      (try server.get("/nothing"), 404, "not_found"),
      (try server.get("/v1/sequences:batchGet"), 405, "method_not_allowed"),
      (try post("/v1/sequences:batchGet", String(repeating: " ", count: 256 << 10 + 1)), 413, "content_too_large"),
    ] {
      #expect(reply.status == status)
      #expect((try object(reply)["error"] as? [String: String])?["code"] == code, "\(reply.body)")
    }
    let first = try server.get("/v1/users/1062/sequence")
    #expect(try server.get("/v1/users/1062/sequence").body == first.body)
    #expect(try server.sum("interestd_answer_cache_hits_total") == 1)
    let description = try object(server.get("/v1/describe"))
    #expect(((description["generations"] as? [[String: Any]])?.first?["group_count"] as? Int ?? 0) > 100)
    try server.stop()
  }
}
