import InterestCodec
import InterestModel
import TestKit
import Testing

@Suite("Damaged states")
struct DamagedStateTests {
  private let configuration = TestConfiguration.make(keptBehaviors: 4)

  /// The parts of an envelope: the readable state, then what could not be read. Nil where it is none.
  private func parts(_ bytes: StateBytes) -> [StateBytes]? {
    guard bytes.first == 255 else { return nil }
    var parts: [StateBytes] = []
    var rest = bytes.dropFirst()
    while !rest.isEmpty {
      var size = 0
      var shift = 0
      while let byte = rest.popFirst() {
        size |= Int(byte & 127) << shift
        shift += 7
        if byte < 128 { break }
      }
      parts.append(StateBytes(rest.prefix(size)))
      rest = rest.dropFirst(size)
    }
    return parts
  }

  /// The readable part of whatever a fold made, damage that nobody has met yet set aside.
  private func readable(_ bytes: StateBytes, _ folding: Folding) throws -> StateBytes {
    try #require(parts(folding.fold([bytes, [0]])))[0]
  }

  @Test("a state cut at any length is unreadable, and a fold keeps what it is folded with")
  func truncation() throws {
    let folding = Folding(configuration)
    var maker = BehaviorMaker(seed: 1, configuration)
    let whole = folding.state(maker.behaviors(60, groups: 7, span_days: 50))
    let other = folding.state(maker.behaviors(30, groups: 3, span_days: 50))
    for size in 0..<whole.count {
      let cut = StateBytes(whole.prefix(size))
      #expect(!folding.isReadable(cut))
      #expect(throws: SequenceError.damaged) { _ = try folding.sequence(cut) }
      let folded = folding.fold([cut, other])
      #expect(parts(folded) == (size == 0 ? [other] : [other, cut]))
      #expect(parts(folding.fold([other, cut])) == parts(folded))
      #expect(throws: SequenceError.damaged) { _ = try folding.sequence(folded) }
    }
    #expect(!folding.isReadable(whole + [0]))
  }

  @Test("flipped bits never crash a read or a fold, and never spoil what they are folded with")
  func flips() throws {
    let folding = Folding(configuration)
    var maker = BehaviorMaker(seed: 2, configuration)
    // Groups that no random behavior is in show whether the other operand survives.
    let ownBehaviors = (1...9).map { Behavior.at(Int64($0), dwell_ms: 5, group: 40_000 + UInt32($0 % 2)) }
    let own = folding.state(ownBehaviors)
    let victims = (1...20).map { folding.state(maker.behaviors(5 * $0, groups: 1 + $0 % 6, span_days: 40)) }
    var outcomes = (readable: 0, damaged: 0)
    for index in 0..<20_000 {
      var bytes = victims[index % victims.count]
      for _ in 0..<Int.random(in: 1...3, using: &maker.random) {
        bytes[Int.random(in: 0..<bytes.count, using: &maker.random)] ^=
          1 << UInt8.random(in: 0..<8, using: &maker.random)
      }
      for order in SequenceQuery.Order.allCases {
        _ = try? folding.sequence(bytes, SequenceQuery(groups: 2, order: order))
      }
      let folded = folding.fold(index % 2 == 0 ? [bytes, own] : [own, bytes])
      if folding.isReadable(bytes) {
        outcomes.readable += 1
        #expect(folding.isReadable(folded))
      } else {
        outcomes.damaged += 1
        #expect(throws: SequenceError.damaged) { _ = try folding.sequence(folded) }
      }
      let kept = try folding.groups(try readable(folded, folding)).filter { $0.group / 2 == 20_000 }
      #expect(kept.map(\.events).reduce(0, +) >= 9)
    }
    #expect(outcomes.readable > 1000 && outcomes.damaged > 1000)
  }

  @Test("random bytes, envelopes among them, never crash a fold")
  func noise() {
    let folding = Folding(configuration)
    var random = SeededGenerator(seed: 3)
    let own = folding.state([.at(1)])
    for _ in 0..<5000 {
      var bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      if !bytes.isEmpty { bytes[0] = [1, 255, bytes[0]].randomElement(using: &random)! }
      #expect(folding.fold([bytes, own]).count >= own.count)
      _ = try? folding.sequence(bytes)
    }
  }

  /// States of which some are noise, some cut, and some have groups with types that this catalog does not know.
  private func operands(_ count: Int, _ folding: Folding, seed: UInt64) throws -> (
    states: [StateBytes], whole: [Behavior]
  ) {
    let foreign = BehaviorCatalog.Entry(type: "foreign", code: 99, category: .weak)
    let wider = Folding(
      StateConfiguration(
        catalog: try BehaviorCatalog(configuration.catalog.entries + [foreign]),
        keptBehaviors: configuration.keptBehaviors))
    var maker = BehaviorMaker(seed: seed, configuration)
    // The same few groups in all operands: damaged ones meet readable ones.
    let all = maker.behaviors(10 * count, groups: 8, span_days: 60)
    var whole: [Behavior] = []
    let states = try (0..<count).map { index -> StateBytes in
      var behaviors = Array(all[10 * index..<10 * index + 10])
      switch Int.random(in: 0..<6, using: &maker.random) {
      case 0: return StateBytes(folding.state(behaviors).dropLast(Int.random(in: 1...5, using: &maker.random)))
      case 1: return [9, 9, UInt8(truncatingIfNeeded: index)]
      case 2, 3:
        let spoilt = try #require(behaviors.randomElement(using: &maker.random)).group
        for index in behaviors.indices where behaviors[index].group == spoilt { behaviors[index].type = 99 }
        whole += behaviors.filter { $0.group != spoilt }
        return wider.state(behaviors)
      default:
        whole += behaviors
        return folding.state(behaviors)
      }
    }
    return (states, whole)
  }

  @Test(
    "the readable part is the same in every order and grouping, and later folds go on adding to it", arguments: 1...60)
  func readablePart(seed: Int) throws {
    let folding = Folding(configuration)
    let (states, whole) = try operands(2 + seed % 12, folding, seed: UInt64(seed))
    let expected = whole.isEmpty ? [] : folding.state(whole)
    var random = SeededGenerator(seed: UInt64(seed))
    for _ in 0..<10 {
      var states = states
      while states.count > 1 {
        let taken = (0..<Int.random(in: 2...min(4, states.count), using: &random)).map { _ in
          states.remove(at: Int.random(in: 0..<states.count, using: &random))
        }
        states.append(folding.fold(taken))
      }
      #expect(try readable(states[0], folding) == expected)
    }
  }

  @Test("a user that is damaged stays it, in every later fold")
  func staysDamaged() throws {
    let folding = Folding(configuration)
    var state = folding.fold([folding.state([.at(1)]), [3, 2, 1]])
    for time in 2...20 {
      state = folding.fold([state, folding.state([.at(Int64(time))])])
      #expect(throws: SequenceError.damaged) { _ = try folding.sequence(state) }
    }
    #expect(parts(state) == [folding.state((1...20).map { .at($0) }), [3, 2, 1]])
    let twice = folding.fold([state, folding.fold([[4, 4], folding.state([.at(30)])])])
    #expect(parts(twice)?.dropFirst() == [[3, 2, 1], [4, 4]])
  }

  @Test("unreadable operands are kept up to a bound, and the user stays damaged beyond it")
  func bound() throws {
    let folding = Folding(configuration)
    let own = folding.state([.at(1)])
    let large = StateBytes(repeating: 9, count: 600_000)
    let folded = folding.fold([large, own, large, [8]])
    #expect(folded.count < 1 << 20)
    #expect(parts(folded)?.first == own)
    let dropped = folding.fold([own, StateBytes(repeating: 9, count: 2 << 20)])
    #expect(parts(dropped) == [own])
    #expect(throws: SequenceError.damaged) { _ = try folding.sequence(dropped) }
    #expect(parts(folding.fold([dropped, own])) == [folding.fold([own, own])])
  }

  @Test("a state of a group's block that steps out of time and back is unreadable")
  func timesThatWrap() {
    let folding = Folding(configuration)
    // One group of three behaviors at 9; the steps are 2^64 - 8 and 10: through 17 back to 7.
    let steps: StateBytes = [0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x0a]
    let block: StateBytes = [6] + steps + [1, 1, 1, 8, 8, 8]
    let state: StateBytes = [1, 4, 9, 1, 0, UInt8(block.count)] + block
    #expect(!folding.isReadable(state))
    #expect(throws: SequenceError.damaged) { _ = try folding.sequence(state) }
    let own = folding.state([.at(8)])
    #expect(parts(folding.fold([state, own])) == [own, state])
  }

  @Test("a state without groups is no state")
  func empty() {
    let folding = Folding(configuration)
    #expect(!folding.isReadable([1, 1, 5]))
    #expect(throws: SequenceError.damaged) { _ = try folding.sequence([1, 1, 5]) }
  }
}
