import Bytes
import InterestCodec
import InterestModel
import TestKit
import Testing

@Suite("Behaviors as columns")
struct ColumnTests {
  /// A message's packed columns, by field.
  private func columns(of message: UnsafeRawBufferPointer) throws -> [UInt64: [UInt64]] {
    var reader = ByteReader(
      try #require(message.baseAddress).assumingMemoryBound(to: UInt8.self), count: message.count)
    var columns: [UInt64: [UInt64]] = [:]
    while !reader.isAtEnd {
      let tag = reader.varint()
      if tag & 7 == 0 {
        columns[tag >> 3] = [reader.varint()]
        continue
      }
      let bytes = reader.bytes(reader.varint())
      guard tag >> 3 > 3, let start = bytes.baseAddress else { continue }
      var values = ByteReader(start.assumingMemoryBound(to: UInt8.self), count: bytes.count)
      while !values.isAtEnd { columns[tag >> 3, default: []].append(values.varint()) }
      #expect(!values.failed)
    }
    #expect(reader.isWhole)
    return columns
  }

  /// By the message's schema, from behaviors that were read one by one.
  private func expected(_ sequence: borrowing GroupSequence, _ fields: SequenceFields) -> [UInt64: [UInt64]] {
    let behaviors = sequence.behaviors
    let all: [(UInt64, SequenceFields, [UInt64])] = [
      (41, .behaviorTime, behaviors.map { UInt64($0.time_ms) }), (42, .behaviorShop, behaviors.map(\.shop)),
      (43, .behaviorType, behaviors.map { UInt64($0.type) }),
      (44, .behaviorDwell, behaviors.map { UInt64($0.dwell_ms) }),
      (45, .behaviorSpend, behaviors.map { zigzag($0.spend_micros) }), (46, .behaviorItem, behaviors.map(\.item)),
    ]
    let asked = all.filter { fields.contains($0.1) && !$0.2.isEmpty }
    return Dictionary(uniqueKeysWithValues: asked.map { ($0.0, $0.2) })
  }

  private func numbers(_ group: GroupSequence.Group) -> [UInt64] {
    [
      UInt64(group.group), group.events, group.strong, group.weak, group.negative, group.payment, group.dwellSum_ms,
      UInt64(group.dwellMaximum_ms), group.dwellCount, zigzag(group.spendSum_micros), group.spendCount,
      UInt64(group.first_ms), UInt64(group.last_ms),
    ]
  }

  @Test("are the behaviors that are read one by one, and the statistics are the same", arguments: [1, 2, 5, 32, 255])
  func same(kept: Int) throws {
    let configuration = TestConfiguration.make(keptBehaviors: kept)
    let folding = Folding(configuration)
    let writer = SequenceProtobufWriter(configuration: configuration)
    var maker = BehaviorMaker(seed: UInt64(kept), configuration)
    var output = ByteBuffer()
    for round in 0..<120 {
      var behaviors = maker.behaviors(1 + round * round / 12, groups: 1 + round % 40, span_days: Int64(round % 60))
      // Shops of all sizes, where few users of a catalog have ids of one size.
      let size = UInt64(round % 64)
      for index in behaviors.indices where round % 3 > 0 {
        behaviors[index].shop = maker.random.next() >> UInt64.random(in: size...63, using: &maker.random)
        if round % 3 > 1 { behaviors[index].item = 0 }
      }
      let state = folding.state(behaviors)
      let query = SequenceQuery(
        groups: round % 5 == 4 ? 3 : nil, behaviors: [nil, 0, 1, 2, 40][round % 5],
        fields: round % 7 == 6 ? [.counts, .behaviorShop, .behaviorDwell] : .all)
      let sequence = try folding.sequence(state, query)
      let columns = try folding.columns(state, query)
      #expect(columns.groups.map(numbers) == sequence.groups.map(numbers))
      #expect(columns.windows == sequence.windows)
      #expect(columns.rowSplits == sequence.rowSplits)
      output.clear()
      [UInt8(ascii: "u")].withUnsafeBytes {
        writer.write(user: $0, generation: 1, clusterMap: "m", columns, query, into: &output)
      }
      let written = try self.columns(of: output.bytes)
      #expect(written.filter { (41...46).contains($0.key) } == expected(sequence, query.fields))
      #expect(written[40]?.map { Int($0) } == (query.hasBehaviors ? Array(sequence.rowSplits) : nil))
      #expect(written[12] == sequence.groups.map(\.strong))
      #expect(written[22] == (query.fields.contains(.times) ? sequence.groups.map { UInt64($0.last_ms) } : nil))
    }
  }

  @Test("are refused where behaviors are, whatever bytes are changed or missing")
  func damage() throws {
    let configuration = TestConfiguration.make(keptBehaviors: 4)
    let folding = Folding(configuration)
    var maker = BehaviorMaker(seed: 9, configuration)
    var damaged = 0
    for round in 0..<60 {
      let whole = folding.state(maker.behaviors(1 + round, groups: 1 + round % 7, span_days: 50))
      for _ in 0..<60 {
        var state = whole
        state[Int.random(in: 0..<state.count, using: &maker.random)] ^= UInt8.random(in: 1...255, using: &maker.random)
        if Bool.random(using: &maker.random) { state.removeLast(Int.random(in: 0...1, using: &maker.random)) }
        let one = Result { () throws(SequenceError) in _ = try folding.sequence(state) }
        let other = Result { () throws(SequenceError) in _ = try folding.columns(state) }
        switch (one, other) {
        case (.success, .success): break
        case (.failure(let a), .failure(let b)):
          #expect(a == b)
          damaged += 1
        default: Issue.record("behaviors: \(one), columns: \(other), of \(state)")
        }
      }
    }
    #expect(damaged > 500)
  }
}
