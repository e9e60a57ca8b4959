import InterestCodec
import InterestModel
import TestKit
import Testing

@Suite("Statistics at their edges")
struct StatisticsTests {
  private static let day: Int64 = 86_400_000

  @Test("a window begins and ends at midnight of UTC")
  func midnight() throws {
    let folding = Folding(TestConfiguration.make(keptBehaviors: 1, windows_days: [1, 2, 3]))
    let newest = 100 * Self.day + 5
    let times = [
      newest, 100 * Self.day, 100 * Self.day - 1, 99 * Self.day, 99 * Self.day - 1, 98 * Self.day, 98 * Self.day - 1,
    ]
    let state = folding.state(times.map { .at($0) })
    #expect(try folding.sequence(state).windows == [2, 4, 6])
    func windows(asOf_ms: Int64) throws -> ContiguousArray<UInt64> {
      try folding.sequence(state, SequenceQuery(asOf_ms: asOf_ms)).windows
    }
    #expect(try windows(asOf_ms: 101 * Self.day - 1) == [2, 4, 6])
    #expect(try windows(asOf_ms: 101 * Self.day) == [0, 2, 4])
    #expect(try windows(asOf_ms: 102 * Self.day) == [0, 0, 2])
    #expect(try windows(asOf_ms: .max) == [0, 0, 0])
    #expect(try windows(asOf_ms: 100 * Self.day) == [2, 4, 6])
  }

  @Test("an as_of before the newest event's day is refused, and names that event")
  func tooEarly() throws {
    let folding = Folding(TestConfiguration.make())
    let newest = 100 * Self.day + 5
    let state = folding.state([.at(newest), .at(40 * Self.day, group: 2)])
    for asOf_ms in [100 * Self.day - 1, 0, -1, .min] as [Int64] {
      #expect(throws: SequenceError.asOfTooEarly(newest_ms: newest)) {
        _ = try folding.sequence(state, SequenceQuery(asOf_ms: asOf_ms))
      }
    }
    // Whatever groups are asked for, the user's newest event counts.
    #expect(throws: SequenceError.asOfTooEarly(newest_ms: newest)) {
      _ = try folding.sequence(state, SequenceQuery(groups: 0, asOf_ms: 99 * Self.day))
    }
  }

  @Test("the windows of every group count back from the user's newest event, not from the group's")
  func reference() throws {
    let folding = Folding(TestConfiguration.make(windows_days: [1, 30]))
    let state = folding.state([.at(100 * Self.day), .at(90 * Self.day, group: 2), .at(60 * Self.day, group: 3)])
    let sequence = try folding.sequence(state)
    #expect(sequence.groups.map(\.group) == [3, 2, 1])
    #expect(sequence.windows == [0, 0, 0, 1, 1, 1])
  }

  @Test("32 days are counted, and the 33rd is forgotten, whether it came before or after")
  func dropped() throws {
    let folding = Folding(TestConfiguration.make(keptBehaviors: 1, windows_days: [31, 32]))
    let days: [Int64] = [100, 69, 68, 67, 1]
    let singles = days.map { folding.state([.at($0 * Self.day)]) }
    let expected = folding.state(days.map { .at($0 * Self.day) })
    #expect(folding.fold(singles) == expected)
    #expect(folding.fold(singles.reversed()) == expected)
    #expect(try folding.sequence(expected).windows == [1, 2])
    #expect(try folding.sequence(expected).groups[0].events == 5)
    // The group's newest day moves on by 31 and by 32 days.
    for (day, windows) in [(131, [1, 2]), (132, [1, 1])] as [(Int64, ContiguousArray<UInt64>)] {
      let later = folding.fold([expected, folding.state([.at(day * Self.day)])])
      #expect(try folding.sequence(later).windows == windows)
    }
  }

  @Test("at K behaviors all are kept and nothing else is stored; one more brings the statistics")
  func threshold() throws {
    let folding = Folding(TestConfiguration.make(keptBehaviors: 4))
    let reference = ReferenceFold(folding.configuration)
    let behaviors = (1...6).map { Behavior.at(Int64($0), dwell_ms: 10, spend_micros: -5) }
    let sizes = (1...6).map { folding.state(Array(behaviors.prefix($0))).count }
    #expect(sizes[4] > sizes[3] + 10)
    #expect(sizes[5] == sizes[4])
    for count in 1...6 {
      let some = Array(behaviors.prefix(count))
      #expect(try folding.groups(folding.state(some)) == reference.sequence(of: some))
    }
  }

  @Test("counts and sums of dwell saturate, sums of spend wrap, in any grouping of the folds")
  func saturation() throws {
    let folding = Folding(TestConfiguration.make(keptBehaviors: 2, windows_days: [1]))
    let behaviors = (1...3).map { Behavior.at(Int64($0), type: 128, dwell_ms: .max, spend_micros: .max) }
    let few = folding.state(behaviors)
    var doubled: [StateBytes] = [few]
    for _ in 0..<70 { doubled.append(folding.fold([doubled.last!, doubled.last!])) }
    func group(_ times: Int) throws -> GroupSequence.Group { try folding.sequence(doubled[times]).groups[0] }
    #expect(try group(20).payment == 3 << 20)
    #expect(try group(20).dwellSum_ms == 3 << 20 * UInt64(UInt32.max))
    #expect(try group(20).spendSum_micros == (3 << 20) &* Int64.max)
    #expect(try folding.sequence(doubled[20]).windows == [3 << 20])
    #expect(try folding.sequence(doubled[31]).windows == [UInt64(UInt32.max)])
    #expect(try group(30).dwellSum_ms == 3 << 30 * UInt64(UInt32.max))
    #expect(try group(31).dwellSum_ms == .max)
    let full = try group(70)
    #expect(full.events == .max)
    #expect(full.payment == .max)
    #expect(full.dwellCount == .max)
    #expect(full.spendCount == .max)
    #expect(full.dwellMaximum_ms == .max)
    #expect(full.spendSum_micros == 0)
    #expect(full.first_ms == 1 && full.last_ms == 3)
    #expect(doubled[70] == doubled[69])
    // Where an inner sum saturates in one grouping, and not in the other.
    let large = doubled[62]
    let inner = folding.fold([folding.fold([large, large]), few])
    #expect(inner == folding.fold([large, folding.fold([large, few])]))
    #expect(inner == folding.fold([few, large, large]))
  }

  @Test("events are the saturated sum of the categories")
  func events() {
    var statistics = Statistics()
    statistics.counts[0] = .max - 1
    statistics.counts[3] = 1
    #expect(statistics.events == .max)
    statistics.counts[1] = 7
    #expect(statistics.events == .max)
    statistics.counts[0] = 2
    #expect(statistics.events == 10)
  }

  @Test("first and last behavior may be as far apart as times go")
  func span() throws {
    let folding = Folding(TestConfiguration.make(keptBehaviors: 1, windows_days: [32]))
    let times = [Behavior.times_ms.lowerBound, Behavior.times_ms.upperBound]
    let state = folding.fold(times.map { folding.state([.at($0)]) })
    let group = try folding.sequence(state).groups[0]
    #expect(group.first_ms == 1 && group.last_ms == 4_102_444_799_999 && group.events == 2)
    #expect(try folding.sequence(state).windows == [1])
  }
}
