import Bytes
import TestKit
import Testing

@Suite("Introsort")
struct SortingTests {
  private func sorted(_ values: [Int], _ precedes: (Int, Int) -> Bool = { $0 < $1 }) -> [Int] {
    var values = values
    values.withUnsafeMutableBufferPointer { buffer in
      if let base = buffer.baseAddress { introsort(base, buffer.count, precedes) }
    }
    return values
  }

  private static let sizes = [0, 1, 2, 3, 23, 24, 25, 26, 48, 49, 100, 1000, 4097]

  @Test("the first of an order are chosen as sorting would, whatever the pattern", arguments: sizes)
  func selection(_ count: Int) {
    var random = SeededGenerator(seed: UInt64(count + 1))
    let upward = Array(0..<count)
    for pattern in [upward, upward.reversed(), upward.shuffled(using: &random), upward.map { $0 % 3 }] {
      for wanted in [0, 1, count / 3, count - 1, count, count + 5] where wanted >= 0 {
        var values = pattern
        values.withUnsafeMutableBufferPointer { buffer in
          if let base = buffer.baseAddress { selectFirst(wanted, of: base, buffer.count) { $0 > $1 } }
        }
        #expect(values.prefix(wanted).sorted(by: >) == Array(pattern.sorted(by: >).prefix(wanted)))
        #expect(values.sorted() == pattern.sorted())
      }
    }
  }

  @Test("sorts as the standard library does, whatever the pattern", arguments: sizes)
  func patterns(_ count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    let upward = Array(0..<count)
    let half = count / 2
    let patterns: [[Int]] = [
      upward, upward.reversed(), upward.shuffled(using: &random), Array(repeating: 7, count: count),
      upward.map { min($0, count - $0) },  // organ pipe
      upward.map { max($0, count - $0) },
      upward.map { $0 % 2 == 0 ? $0 : -$0 },
      upward.map { $0 % 5 },
      upward.map { ($0 + half) % max(count, 1) },
      upward.dropLast() + [-1],
      upward.map { _ in Int.random(in: 0...1, using: &random) },
      upward.map { _ in Int(truncatingIfNeeded: random.next()) },
    ]
    for (index, pattern) in patterns.enumerated() {
      #expect(sorted(pattern) == pattern.sorted(), "pattern \(index)")
      #expect(sorted(pattern, >) == pattern.sorted(by: >), "pattern \(index), descending")
    }
  }

  /// McIlroy's "A Killer Adversary for Quicksort" (1999): decides the order while it is asked, so that pivots are the smallest.
  private final class Adversary {
    var ranks: [Int]
    var comparisons = 0
    private let gas: Int
    private var solid = 0
    private var candidate = 0

    init(_ count: Int) {
      gas = count
      ranks = Array(repeating: count, count: count)
    }

    func precedes(_ a: Int, _ b: Int) -> Bool {
      comparisons += 1
      if ranks[a] == gas && ranks[b] == gas {
        let frozen = a == candidate ? a : b
        ranks[frozen] = solid
        solid += 1
      }
      if ranks[a] == gas { candidate = a } else if ranks[b] == gas { candidate = b }
      return ranks[a] < ranks[b]
    }
  }

  @Test("an adversary that makes every pivot a bad one meets the heapsort", arguments: [1000, 20_000])
  func killer(_ count: Int) {
    let adversary = Adversary(count)
    let order = sorted(Array(0..<count), adversary.precedes)
    // Quicksort alone would need some count^2 / 6.
    let logarithm = Int.bitWidth - count.leadingZeroBitCount
    #expect(adversary.comparisons < 6 * count * logarithm)
    let ranks = order.map { adversary.ranks[$0] }
    #expect(ranks == ranks.sorted())
    #expect(order.sorted() == Array(0..<count))
    // The input that it came to, as plain numbers.
    var comparisons = 0
    let again = sorted(adversary.ranks) { a, b in
      comparisons += 1
      return a < b
    }
    #expect(again == adversary.ranks.sorted())
    #expect(comparisons < 6 * count * logarithm)
  }

  @Test("elements keep all of their fields")
  func fields() {
    struct Pair: BitwiseCopyable, Equatable {
      var key: Int
      var value: Int
    }
    var random = SeededGenerator(seed: 3)
    var pairs = (0..<500).map { Pair(key: Int.random(in: 0..<50, using: &random), value: $0) }
    let precedes: (Pair, Pair) -> Bool = { $0.key != $1.key ? $0.key < $1.key : $0.value < $1.value }
    let expected = pairs.sorted(by: precedes)
    pairs.withUnsafeMutableBufferPointer { introsort($0.baseAddress!, $0.count, precedes) }
    #expect(pairs == expected)
    pairs.shuffle(using: &random)
    pairs.withUnsafeMutableBufferPointer { insertionSort($0.baseAddress!, $0.count, precedes) }
    #expect(pairs == expected)
  }
}
