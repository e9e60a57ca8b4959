import Bytes
import Foundation
import InterestCodec
import InterestModel
import InterestStore
import Lookup
import TestKit
import Testing

@testable import Serving

@Suite("Lookups of every protocol")
struct LookupsTests {
  private static func clusterMap() throws -> ClusterMap {
    try Array("shop_id,group_id\n1,11\n2,12\n3,11\nfour,14\n".utf8).withUnsafeBytes {
      try ClusterMap(csv: $0, name: "map.csv")
    }
  }

  /// Group 11 newest, then 0, then 14; nothing in 12.
  private func filled(clusterMap: ClusterMap? = nil) throws -> ServingFixture {
    let fixture = try ServingFixture(clusterMap: clusterMap)
    let buffer = try fixture.buffer()
    for (time_ms, group) in [(1000, 14), (2000, 0), (3000, 11), (2500, 11)] as [(Int64, UInt32)] {
      fixture.append(.at(time_ms, group: group), of: "a", to: buffer)
    }
    return fixture
  }

  private func object(_ bytes: [UInt8]) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
  }

  private func groups(_ sequence: Any?) -> [Int]? {
    ((sequence as? [String: Any])?["groups"] as? [[String: Any]])?.compactMap { $0["group"] as? Int }
  }

  private func list(_ ids: [String]) -> ByteStrings {
    var list = ByteStrings()
    for id in ids { list.append(id) }
    return list
  }

  private func groupsAnswer(
    _ fixture: ServingFixture, _ shops: [String], _ query: SequenceQuery = SequenceQuery(), _ form: AnswerForm = .json
  ) throws -> [UInt8] {
    var output = ByteBuffer()
    _ = try withBytes("a") { try fixture.cached.groups(of: $0, shops: list(shops), query, form, into: &output) }
    return Array(output.bytes)
  }

  @Test("the groups of shops come once each, by time, and shops that no map names are in group 0")
  func groupsOfShops() throws {
    let fixture = try filled(clusterMap: Self.clusterMap())
    var answer = try object(groupsAnswer(fixture, ["3", "four", "1", "nowhere", "2"]))
    #expect(groups(answer["sequence"]) == [14, 0, 11])
    #expect(answer["shop_groups"] as? [Int] == [11, 14, 11, 0, 12])
    answer = try object(groupsAnswer(fixture, ["2"]))
    #expect(groups(answer["sequence"]) == [])
    answer = try object(groupsAnswer(fixture, ["four", "1"], SequenceQuery(groups: 1)))
    #expect(groups(answer["sequence"]) == [11])
  }

  @Test("the groups of shops in Protobuf are the sequence behind its length, and each shop's group")
  func groupsInProtobuf() throws {
    let fixture = try filled(clusterMap: Self.clusterMap())
    let bytes = try groupsAnswer(fixture, ["1", "nowhere"], SequenceQuery(fields: [.events]), .protobuf)
    let sequence =
      [0x0a, 1, 0x61, 0x10, 1, 0x1a, 32] + Array(fixture.store.generation.clusterMap.utf8)
      + [0x52, 2, 0, 11, 0x5a, 2, 1, 2]
    #expect(bytes == [0x0a, UInt8(sequence.count)] + sequence + [0x12, 2, 11, 0])
  }

  @Test("shops are refused where there are none, too many, or one without a name, and where there is no map")
  func refusedShops() throws {
    let fixture = try filled(clusterMap: Self.clusterMap())
    for shops in [[], [""], ["1", String(repeating: "s", count: 256)], Array(repeating: "1", count: 1001)] {
      let error = #expect(throws: LookupError.self) { try groupsAnswer(fixture, shops) }
      #expect(error?.code == .badRequest && error?.parameter == "shops")
    }
    let error = #expect(throws: LookupError.self) { try groupsAnswer(try filled(), ["1"]) }
    #expect(error?.code == .noClusterMap)
  }

  @Test("a batch answers in the order asked, each as alone, and one that fails leaves the others")
  func batch() throws {
    let fixture = try filled()
    let users = ["a", "nobody", "", "a", String(repeating: "u", count: 256)]
    for form in AnswerForm.allCases {
      let outcome = try fixture.cached.batch(of: list(users), SequenceQuery(), form) { _ in
        Issue.record("nothing was owed")
      }
      guard case .answered(let batch) = outcome else { throw IsElsewhere() }
      #expect(batch.count == 5)
      for (index, user) in users.enumerated() {
        switch batch[index] {
        case .answered(let isKnown, let bytes):
          #expect(
            try Answer(isKnown: isKnown, bytes: Array(bytes)) == fixture.fresh.answer(user, SequenceQuery(), form))
        case .failed(let error):
          #expect(["", users[4]].contains(user) && error.code == .badRequest && error.parameter == "user")
        }
      }
    }
    #expect(throws: LookupError.self) {
      try fixture.cached.batch(of: list(Array(repeating: "a", count: 1001)), SequenceQuery(), .json) { _ in }
    }
  }

  @Test("a batch's message and its lines are read back as another instance reads them")
  func batchForms() throws {
    let fixture = try filled()
    let users = ["nobody", "a", ""]
    for form in AnswerForm.allCases {
      let outcome = try fixture.cached.batch(of: list(users), SequenceQuery(), form) { _ in }
      guard case .answered(let batch) = outcome else { throw IsElsewhere() }
      var output = ByteBuffer()
      if form == .json { batch.writeJSONLines(into: &output) } else { batch.writeProtobuf(into: &output) }
      if form == .json {
        let lines = String(decoding: output.bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        #expect(lines.count == 3)
        #expect(lines[1] == (try fixture.fresh.answer("a").text))
        #expect(lines[2].hasPrefix(#"{"error":{"code":"bad_request","parameter":"user","message":"#))
        #expect(lines[2].hasSuffix(#"},"index":2,"user_id":""}"#))
      } else {
        #expect(Array(output.bytes.suffix(3)) == [0x1a, 1, 0])
      }
    }
  }

  @Test("lookups are counted by whether the user is known, also those of threads that are gone")
  func counted() throws {
    let fixture = try filled()
    for user in ["a", "nobody", "a", "nobody", "a"] { _ = try fixture.cached.answer(user) }
    #expect(throws: LookupError.self) { try fixture.cached.answer("") }
    do {
      let more = Lookups(fixture.service)
      _ = try more.answer("a")
      _ = try more.answer("nobody")
      #expect(fixture.service.users.values == UserCounters.Values(known: 4, unknown: 3))
    }
    #expect(fixture.service.users.values == UserCounters.Values(known: 4, unknown: 3))
  }

  @Test(
    "a time is RFC 3339 or a number of milliseconds",
    arguments: [
      ("2024-02-29T13:05:07Z", 1_709_211_907_000), ("2024-02-29 13:05:07z", 1_709_211_907_000),
      ("2024-02-29T13:05:07.9999Z", 1_709_211_907_999), ("2024-02-29T13:05:07.25+01:30", 1_709_206_507_250),
      ("2024-02-28T23:30:00-01:00", 1_709_166_600_000), ("2016-12-31T23:59:60Z", 1_483_228_800_000),
      ("1709211907000", 1_709_211_907_000), ("2024-02-29", 1_709_164_800_000),
    ])
  func times(text: String, time_ms: Int64) throws {
    #expect(try QueryParameters.query(asOf: text).asOf_ms == time_ms)
  }

  @Test(
    "what is nearly a time is refused, and names the parameter",
    arguments: [
      "2023-12-31T99:99:99Z", "2024-02-30T00:00:00Z", "2023-12-13T25:00:00Z", "2023-12-13T12:60:00Z",
      "2023-12-13T12:00:61Z", "2023-12-14T00:00:00Z2030-01-01", "2023-12-10T09:00:00Zfoo", "2023-12-13T12:00:00",
      "2023-12-13T12:00Z", "2023-12-13T12:00:00.Z", "2023-12-13T12:00:00+0100", "2023-12-13T12:00:00+24:00",
      "2023-12-13T12:00:00Z ", " 2023-12-13", "2023-12-13T-1:00:00Z", "2023-12-13T1２:00:00Z", "é023-12-13T12:00:00Z",
      "+1709164800000", "1e12", "",
    ])
  func noTimes(text: String) {
    let error = #expect(throws: LookupError.self) { try QueryParameters.query(asOf: text) }
    #expect(error?.parameter == "as_of" && error?.code == .badRequest)
  }

  @Test("a day that is gone is refused with the one from which on windows are known")
  func pastDay() throws {
    let fixture = try ServingFixture()
    let newest_ms: Int64 = 1_506_694_409_000
    fixture.append(.at(newest_ms), of: "a", to: try fixture.buffer())
    func answer(_ day: String) throws -> Answer {
      try fixture.fresh.answer("a", QueryParameters.query(asOf: day), .json)
    }
    let error = #expect(throws: LookupError.self) { try answer("2017-09-28") }
    #expect(error?.parameter == "as_of" && error?.message.contains("newest event is of 2017-09-29,") == true)
    let named = try answer("2017-09-29")
    #expect(try named == answer("2017-09-29T00:00:00Z"))
    #expect(try named == answer("\(newest_ms)"))
    for wrong in ["2017-9-29", "2017-09-31", "2017-09-29x", "29.09.2017", "2017-09"] {
      #expect(throws: LookupError.self, "\(wrong)") { try answer(wrong) }
    }
  }

  @Test("what is told of groups without a cluster map is nothing, not that there are none")
  func described() throws {
    for map in [nil, try Self.clusterMap()] {
      let fixture = try ServingFixture(clusterMap: map)
      var output = ByteBuffer()
      try fixture.cached.describe(.json, into: &output)
      let generations = try object(Array(output.bytes))["generations"] as? [[String: Any]]
      #expect(generations?.first?["group_count"] as? Int == (map == nil ? nil : 3))
    }
  }

  @Test("only the columns that are asked for are there")
  func fields() throws {
    let fixture = try filled()
    let all = try object(fixture.fresh.answer("a").bytes)["groups"] as? [[String: Any]] ?? []
    let some = try object(fixture.fresh.answer("a", SequenceQuery(fields: [.counts, .behaviorShop])).bytes)["groups"]
    for (all, some) in zip(all, try #require(some as? [[String: Any]])) {
      #expect(Set(some.keys) == ["group", "counts", "behaviors"])
      #expect(some["counts"] as? [String: Int] == all["counts"] as? [String: Int])
      let shops = (all["behaviors"] as? [[String: Any]])?.compactMap { $0["shop"] as? Int }
      #expect(some["behaviors"] as? [[String: Int]] == shops?.map { ["shop": $0] })
    }
    let protobuf = try fixture.fresh.answer("a", SequenceQuery(behaviors: 0, fields: [.behaviors]), .protobuf).bytes
    #expect(protobuf.suffix(5) == [0x52, 3, 14, 0, 11])
  }

  @Test("another generation than the one that is served is refused")
  func generations() throws {
    let fixture = try filled()
    #expect(try fixture.fresh.answer("a", SequenceQuery(generation: 1)) == fixture.fresh.answer("a"))
    let error = #expect(throws: LookupError.self) { try fixture.cached.answer("a", SequenceQuery(generation: 2)) }
    #expect(error?.code == .noGeneration && error?.parameter == "generation")
  }

  @Test("before there is a state, lookups are unavailable and can be tried again")
  func starting() {
    let lookups = Lookups(LookupService())
    let error = #expect(throws: LookupError.self) { try lookups.answer("a") }
    #expect(error?.code == .unavailable && error?.retryAfter_s == 1)
  }

  @Test("a description tells types, generation, source and limits")
  func describe() throws {
    let fixture = try filled(clusterMap: Self.clusterMap())
    var output = ByteBuffer()
    try fixture.cached.describe(.json, into: &output)
    let description = try object(Array(output.bytes))
    #expect(description["version"] as? String == "1.2.3")
    let types = description["types"] as? [[String: Any]]
    #expect(types?.compactMap { $0["code"] as? Int } == [1, 2, 7, 128, 255])
    #expect(types?.last?["category"] as? String == "negative")
    let generation = (description["generations"] as? [[String: Any]])?.first
    #expect(generation?["group_count"] as? Int == 3)
    #expect(generation?["window_days"] as? [Int] == [1, 7, 30])
    #expect((description["source"] as? [String: Any])?["partitioner"] as? String == "murmur2")
    #expect((description["limits"] as? [String: Int])?["users"] == 1000)
    output.clear()
    try fixture.cached.describe(.protobuf, into: &output)
    #expect(
      Array(output.bytes.prefix(18)) == [0x0a, 5] + Array("1.2.3".utf8) + [0x12, 11, 0x0a, 5] + Array("click".utf8) + [
        0x10, 1,
      ])
  }
}

@Suite("Requests in Protobuf")
struct LookupRequestTests {
  private func read(_ kind: LookupRequest.Kind, _ bytes: [UInt8]) throws -> LookupRequest {
    var request = LookupRequest()
    try bytes.withUnsafeBytes { try request.read(kind, $0) }
    return request
  }

  @Test("without a selection every parameter has its default, and unknown fields are passed by")
  func defaults() throws {
    for bytes in [[0x0a, 1, 0x61], [0x0a, 1, 0x61, 0x12, 0], [0xa2, 6, 2, 1, 2, 0x0a, 1, 0x61, 0x98, 6, 5]] {
      let request = try read(.getSequence, bytes.map { UInt8($0) })
      #expect(request.users.count == 1 && request.users[0].elementsEqual("a".utf8))
      #expect(request.query == SequenceQuery())
    }
  }

  @Test("every parameter is read")
  func parameters() throws {
    let selection: [UInt8] = [8, 7, 16, 0, 24, 2, 32, 1, 40, 0xe8, 7, 50, 2, 2, 9]
    let request = try read(.getSequence, [0x0a, 1, 0x61, 0x12, UInt8(selection.count)] + selection)
    #expect(
      request.query
        == SequenceQuery(
          groups: 7, behaviors: 0, order: .frequency, asOf_ms: 1000, generation: 1, fields: [.counts, .behaviorShop]))
  }

  @Test("what is written for another instance is read as it was meant")
  func roundTrip() throws {
    let queries = [
      SequenceQuery(groups: 3, behaviors: 2, order: .frequency, asOf_ms: 5, generation: 9, fields: [.windows]),
      SequenceQuery(groups: 0, behaviors: 0, fields: [.counts, .behaviors]), SequenceQuery(),
      SequenceQuery(fields: [.behaviorTime, .behaviorItem]),
    ]
    for query in queries {
      var shops = ByteStrings()
      for shop in ["1", "zwei"] { shops.append(shop) }
      var bytes = ByteBuffer()
      withBytes("a") { LookupRequest.writeGetGroups(user: $0, shops: shops, query, into: &bytes) }
      let groups = try read(.getGroups, Array(bytes.bytes))
      #expect(groups.query == query && groups.shops.count == 2 && groups.shops[1].elementsEqual("zwei".utf8))
      bytes.clear()
      LookupRequest.writeBatchGetSequences(users: shops, at: [1, 0, 1], query, into: &bytes)
      let batch = try read(.batchGetSequences, Array(bytes.bytes))
      #expect(batch.query == query && batch.users.count == 3 && batch.users[0].elementsEqual("zwei".utf8))
    }
  }

  @Test("a user id of a batch that is not UTF-8 is told by its place")
  func namedIDs() {
    let ids: [UInt8] = [0x0a, 1, 0x61, 0x0a, 1, 0x62, 0x0a, 1, 0xff]
    let users = #expect(throws: LookupError.self) { _ = try read(.batchGetSequences, ids) }
    #expect(users?.parameter == "user_ids[2]" && users?.message == "is not UTF-8")
  }

  @Test(
    "what is out of place is refused by name",
    arguments: [
      ([0x0a, 5, 0x61], nil), ([0x12, 2, 24, 3], "order"), ([0x12, 2, 50, 1], nil), ([0x12, 2, 48, 0], "fields"),
      ([0x12, 4, 16, 0x80, 0x02, 0], "behaviors"), ([0x12, 2, 40, 0], "as_of_ms"), ([0x0a, 1, 0xff], "user_id"),
      ([0x12, 4, 8, 0xc0, 0x84, 0x3d], "groups"),
    ] as [([UInt8], String?)])
  func refusals(_ bytes: [UInt8], _ parameter: String?) {
    let error = #expect(throws: LookupError.self) { _ = try read(.getSequence, bytes) }
    #expect(error?.code == .badRequest && error?.parameter == parameter)
  }
}
