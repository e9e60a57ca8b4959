import InterestCodec
import InterestModel
import TestKit
import Testing

@Suite("The fold forgets order")
struct FoldPropertyTests {
  /// One random user.
  struct Case: CustomTestStringConvertible, Sendable {
    var seed: UInt64
    var keptBehaviors: Int
    var events: Int
    var groups: Int
    var span_days: Int64

    var testDescription: String {
      "seed \(seed): K \(keptBehaviors), \(events) events, \(groups) groups, \(span_days) d"
    }

    var configuration: StateConfiguration {
      TestConfiguration.make(keptBehaviors: keptBehaviors, windows_days: [1, 2, 7, 31, 32])
    }

    func behaviors() -> [Behavior] {
      var maker = BehaviorMaker(seed: seed, configuration)
      return maker.behaviors(events, groups: groups, span_days: span_days)
    }
  }

  static let cases: [Case] = [1, 2, 32, 255].flatMap { kept in
    var random = SeededGenerator(seed: UInt64(kept))
    return (0..<30).map { index in
      Case(
        seed: UInt64(kept * 1000 + index), keptBehaviors: kept,
        events: index < 4 ? index + 1 : Int.random(in: 2...400, using: &random),
        groups: index % 5 == 0 ? 1 : Int.random(in: 1...60, using: &random),
        span_days: [0, 1, 3, 40, 400, 3 * 365][index % 6])
    }
  }

  @Test("every order, splitting and grouping of the same behaviors gives the same bytes", arguments: cases)
  func sameBytes(_ one: Case) {
    let folding = Folding(one.configuration)
    let behaviors = one.behaviors()
    let expected = folding.state(behaviors)
    #expect(folding.isReadable(expected))
    var random = SeededGenerator(seed: one.seed ^ 0xF01D)
    for _ in 0..<6 {
      let shuffled = behaviors.shuffled(using: &random)
      #expect(folding.state(shuffled) == expected)
      let states = split(shuffled, using: &random).map(folding.state)
      #expect(folding.fold(states) == expected)
      #expect(states.dropFirst().reduce(states[0]) { folding.fold([$0, $1]) } == expected)
      #expect(states.dropLast().reversed().reduce(states.last!) { folding.fold([$1, $0]) } == expected)
      #expect(foldTree(states, folding, using: &random) == expected)
      #expect(foldTree(states, folding, using: &random) == expected)
    }
    let singles = behaviors.shuffled(using: &random).map { folding.state([$0]) }
    #expect(folding.fold(singles) == expected)
  }

  @Test("what is read from a state is what the reference computes from all behaviors", arguments: cases)
  func sameAsReference(_ one: Case) throws {
    let folding = Folding(one.configuration)
    let reference = ReferenceFold(one.configuration)
    let behaviors = one.behaviors()
    var random = SeededGenerator(seed: one.seed ^ 0x5EED)
    let state = foldTree(split(behaviors, using: &random).map(folding.state), folding, using: &random)
    #expect(try folding.groups(state) == reference.sequence(of: behaviors))
    let newest_ms = behaviors.map(\.time_ms).max()!
    for order in SequenceQuery.Order.allCases {
      for limit in [0, 1, 2, 7, one.groups, nil] {
        let kept = [0, 1, 5, 32, nil].randomElement(using: &random)!
        let asOf_ms = [nil, newest_ms, newest_ms + Int64.random(in: 0...40 * 86_400_000, using: &random)]
          .randomElement(using: &random)!
        let query = SequenceQuery(groups: limit, behaviors: kept, order: order, asOf_ms: asOf_ms)
        let expected = reference.sequence(
          of: behaviors, groups: limit, behaviors: kept, byFrequency: order == .frequency, asOf_ms: asOf_ms)
        #expect(try folding.groups(state, query) == expected, "\(query)")
      }
    }
  }

  @Test("a single state is returned as it is, readable or not")
  func single() {
    let folding = Folding(TestConfiguration.make())
    for state in [folding.state([.at(5)]), [], [7, 7, 7], [255]] as [StateBytes] {
      #expect(folding.fold([state]) == state)
    }
  }

  @Test("a folder's memory may be reused for larger and smaller inputs")
  func reuse() {
    let configuration = TestConfiguration.make(keptBehaviors: 3)
    let shared = Folding(configuration)
    var maker = BehaviorMaker(seed: 77, configuration)
    for (count, parts) in [(300, 40), (2, 2), (40, 3), (900, 90), (5, 5), (60, 2)] {
      let behaviors = maker.behaviors(count, groups: 9, span_days: 90)
      let size = (count + parts - 1) / parts
      let states = stride(from: 0, to: count, by: size).map { start in
        shared.state(Array(behaviors[start..<min(start + size, count)]))
      }
      #expect(shared.fold(states) == Folding(configuration).state(behaviors))
    }
  }

  /// Runs of random lengths, each of at least one behavior.
  private func split(_ behaviors: [Behavior], using random: inout SeededGenerator) -> [[Behavior]] {
    var runs: [[Behavior]] = []
    var start = 0
    let longest = Int.random(in: 1...max(1, behaviors.count / 2), using: &random)
    while start < behaviors.count {
      let end = min(behaviors.count, start + Int.random(in: 1...longest, using: &random))
      runs.append(Array(behaviors[start..<end]))
      start = end
    }
    return runs
  }

  /// Folds random two to five of the states into one, until one is left: commutes and associates at random.
  private func foldTree(_ states: [StateBytes], _ folding: Folding, using random: inout SeededGenerator) -> StateBytes {
    var states = states
    while states.count > 1 {
      let taken = (0..<Int.random(in: 2...min(5, states.count), using: &random)).map { _ in
        states.remove(at: Int.random(in: 0..<states.count, using: &random))
      }
      states.append(folding.fold(taken))
    }
    return states[0]
  }
}
