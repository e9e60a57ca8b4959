import Bytes
import InterestCodec
import InterestModel
import TestKit
import Testing

@Suite("Selection and order of groups")
struct SelectionTests {
  private let folding = Folding(TestConfiguration.make(keptBehaviors: 2))

  /// Group 1: 4 events, newest 40. Group 2: 2, newest 90. Group 3: 2, newest 90. Group 4: 3, newest 60. Group 5: 1, newest 10.
  private var state: StateBytes {
    let times: [UInt32: [Int64]] = [1: [40, 30, 20, 10], 2: [90, 1], 3: [90, 2], 4: [60, 50, 40], 5: [10]]
    return folding.state(times.flatMap { group, times in times.map { .at($0, group: group) } })
  }

  private func groups(_ query: SequenceQuery) throws -> [UInt32] {
    try folding.sequence(state, query).groups.map(\.group)
  }

  @Test("groups are cut by recency, ties to the larger id, and come back oldest first")
  func recency() throws {
    #expect(try groups(.everything) == [5, 1, 4, 2, 3])
    #expect(try groups(SequenceQuery(groups: 1)) == [3])
    #expect(try groups(SequenceQuery(groups: 2)) == [2, 3])
    #expect(try groups(SequenceQuery(groups: 4)) == [1, 4, 2, 3])
    #expect(try groups(SequenceQuery(groups: 0)) == [])
    #expect(try groups(SequenceQuery(groups: 6)) == [5, 1, 4, 2, 3])
  }

  @Test("groups are cut by frequency, then recency, then id, and come back oldest first")
  func frequency() throws {
    #expect(try groups(SequenceQuery(groups: 1, order: .frequency)) == [1])
    #expect(try groups(SequenceQuery(groups: 2, order: .frequency)) == [1, 4])
    #expect(try groups(SequenceQuery(groups: 3, order: .frequency)) == [1, 4, 3])
    #expect(try groups(SequenceQuery(groups: 4, order: .frequency)) == [1, 4, 2, 3])
    #expect(try groups(SequenceQuery(groups: nil, order: .frequency)) == [5, 1, 4, 2, 3])
  }

  @Test("behaviors are cut to the newest of each group, and 0 is none")
  func behaviors() throws {
    let all = try folding.sequence(state)
    #expect(all.rowSplits == [0, 1, 3, 5, 7, 9])
    let one = try folding.sequence(state, SequenceQuery(behaviors: 1))
    #expect(one.rowSplits == [0, 1, 2, 3, 4, 5])
    #expect(one.behaviors.map(\.time_ms) == [10, 40, 60, 90, 90])
    let none = try folding.sequence(state, SequenceQuery(behaviors: 0))
    #expect(none.behaviors.isEmpty)
    #expect(none.groups.map(\.events) == [1, 4, 3, 2, 2])
    #expect(none.rowSplits == [0, 0, 0, 0, 0, 0])
  }

  @Test("the total order goes on through shop, type, dwell, spend and item, all descending")
  func totalOrder() throws {
    let ranked: [Behavior] = [
      .at(9, shop: 1), .at(8, shop: .max, type: 1), .at(8, shop: 1 << 63, type: 255),
      .at(8, shop: 2, type: 128, dwell_ms: 1, spend_micros: -5), .at(8, shop: 2, type: 2, dwell_ms: .max),
      .at(8, shop: 2, type: 2, dwell_ms: 3, spend_micros: 1), .at(8, shop: 2, type: 2, dwell_ms: 3, spend_micros: -1),
      .at(8, shop: 2, type: 2, dwell_ms: 3, spend_micros: .min, item: .max),
      .at(8, shop: 2, type: 2, dwell_ms: 3, spend_micros: .min, item: 1),
      .at(8, shop: 2, type: 2, dwell_ms: 3, spend_micros: .min),
    ]
    for (a, b) in zip(ranked, ranked.dropFirst()) {
      #expect(Behavior.isNewer(a, b) && !Behavior.isNewer(b, a))
    }
    let wide = Folding(TestConfiguration.make(keptBehaviors: 7))
    var random = SeededGenerator(seed: 6)
    for _ in 0..<10 {
      let kept = try wide.groups(wide.state(ranked.shuffled(using: &random)))[0].kept
      let expected = ReferenceFold(wide.configuration).sequence(of: ranked)[0].kept
      #expect(
        kept.map(\.item) == expected.map(\.item) && kept.map(\.spend_micros) == ranked.prefix(7).map(\.spend_micros))
      #expect(
        kept.map(\.dwell_ms) == ranked.prefix(7).map(\.dwell_ms) && kept.map(\.type) == ranked.prefix(7).map(\.type))
    }
  }

  @Test("equal behaviors are all counted and kept: the fold is over a multiset")
  func equals() throws {
    let sequence = try folding.sequence(folding.fold([folding.state([.at(5), .at(5)]), folding.state([.at(5)])]))
    #expect(sequence.groups[0].events == 3)
    #expect(sequence.behaviors.map(\.time_ms) == [5, 5])
  }

  @Test("a sequence's JSON is the contract's, character for character")
  func json() throws {
    let configuration = TestConfiguration.make(keptBehaviors: 3, windows_days: [1, 30])
    let folding = Folding(configuration)
    let reference = ReferenceFold(configuration)
    var maker = BehaviorMaker(seed: 12, configuration)
    for count in [1, 20, 200] {
      let behaviors = maker.behaviors(count, groups: 5, span_days: 60)
      var text = ByteBuffer()
      let writer = SequenceJSONWriter(configuration: configuration)
      Array("u-1".utf8).withUnsafeBytes { user in
        if let sequence = try? folding.sequence(folding.state(behaviors)) {
          writer.write(user: user, generation: 3, clusterMap: "c0ffee", sequence, into: &text)
        }
      }
      let expected = reference.json(user: "u-1", generation: 3, clusterMap: "c0ffee", reference.sequence(of: behaviors))
      #expect(String(decoding: text.bytes, as: UTF8.self) == expected)
    }
  }

  @Test("an empty sequence, and names that need escapes, are JSON")
  func escapes() throws {
    let entry = BehaviorCatalog.Entry(type: "a\"\\\n\u{1}é", code: 9, category: .strong)
    let configuration = StateConfiguration(catalog: try BehaviorCatalog([entry]), windows_days: [])
    let folding = Folding(configuration)
    let writer = SequenceJSONWriter(configuration: configuration)
    var text = ByteBuffer()
    Array("u\"\t\u{7f}ü".utf8).withUnsafeBytes { user in
      writer.write(user: user, generation: 1, clusterMap: "m", GroupSequence(), into: &text)
    }
    #expect(
      String(decoding: text.bytes, as: UTF8.self)
        == #"{"user_id":"u\"\t\#u{7f}ü","generation":1,"cluster_map":"m","groups":[]}"#)
    text.clear()
    let sequence = try folding.sequence(folding.state([.at(1, type: 9)]))
    Array("u".utf8).withUnsafeBytes {
      writer.write(user: $0, generation: 1, clusterMap: "m", sequence, into: &text)
    }
    let json = String(decoding: text.bytes, as: UTF8.self)
    #expect(json.contains(#""windows":{},"behaviors":[{"time_ms":1,"shop":1,"type":"a\"\\\n\u0001é","dwell_ms":0,"#))
  }
}
