import Bytes
import InterestModel

/// Stored state to group sequence: selects groups, orders them and reads only those. One thread's; memory reused.
public struct SequenceReader: ~Copyable {
  private struct Candidate: BitwiseCopyable {
    var rank: UInt64
    var last_ms: Int64
    var group: UInt32
    var blockStart: UInt32
    var blockSize: UInt32
  }

  private let configuration: StateConfiguration
  private let rules: FoldRules
  private var candidates: ContiguousArray<Candidate> = []
  private let kept: UnsafeMutablePointer<Behavior>
  private let statistics = UnsafeMutablePointer<Statistics>.allocate(capacity: 1)

  public init(configuration: StateConfiguration, rules: FoldRules) {
    self.configuration = configuration
    self.rules = rules
    kept = .allocate(capacity: rules.keptBehaviors)
    statistics.initialize(to: Statistics())
  }

  deinit {
    kept.deallocate()
    statistics.deallocate()
  }

  /// Replaces what is in `sequence`.
  ///
  /// - Parameter groups: Only these are looked at, ascending, each once; nil: all.
  public mutating func read(
    _ state: UnsafeRawBufferPointer, _ query: SequenceQuery, of groups: UnsafeBufferPointer<UInt32>? = nil,
    into sequence: inout GroupSequence
  ) throws(SequenceError) {
    sequence.clear()
    let newest_ms = try select(state, query, of: groups)
    let newestDay = newest_ms / StateConfiguration.day_ms
    let day = query.asOf_ms.map { $0 / StateConfiguration.day_ms } ?? newestDay
    if day < newestDay { throw .asOfTooEarly(newest_ms: newest_ms) }
    let behaviors = query.hasBehaviors ? query.behaviors ?? .max : 0
    for index in 0..<candidates.count {
      try readGroup(candidates[index], of: state, day: day, behaviors: behaviors, into: &sequence)
    }
  }

  /// Leaves the groups to return in `candidates`, ascending by (last_ms, group). Returns the time of the user's newest event.
  private mutating func select(
    _ state: UnsafeRawBufferPointer, _ query: SequenceQuery, of groups: UnsafeBufferPointer<UInt32>?
  ) throws(SequenceError) -> Int64 {
    candidates.removeAll(keepingCapacity: true)
    guard var cursor = StateCursor(state), let base = state.baseAddress else { throw .damaged }
    var wanted = 0
    var isEmpty = true
    while cursor.next() {
      isEmpty = false
      if let groups {
        while wanted < groups.count && groups[wanted] < cursor.group { wanted &+= 1 }
        guard wanted < groups.count && groups[wanted] == cursor.group else { continue }
      }
      var candidate = Candidate(
        rank: 0, last_ms: cursor.last_ms, group: cursor.group,
        blockStart: UInt32(truncatingIfNeeded: cursor.block.baseAddress.unsafelyUnwrapped - base),
        blockSize: UInt32(truncatingIfNeeded: cursor.block.count))
      if query.order == .frequency {
        guard let events = GroupBlock.events(of: cursor.block, last_ms: cursor.last_ms, statistics) else {
          throw .damaged
        }
        candidate.rank = events
      }
      candidates.append(candidate)
    }
    if cursor.isDamaged || isEmpty { throw .damaged }
    if let limit = query.groups, candidates.count > limit {
      candidates.withUnsafeMutableBufferPointer { all in
        guard let base = all.baseAddress else { return }
        introsort(base, all.count) { a, b in
          if a.rank != b.rank { return a.rank > b.rank }
          return a.last_ms != b.last_ms ? a.last_ms > b.last_ms : a.group > b.group
        }
      }
      candidates.removeSubrange(limit...)
    }
    candidates.withUnsafeMutableBufferPointer { all in
      guard let base = all.baseAddress else { return }
      introsort(base, all.count) { a, b in a.last_ms != b.last_ms ? a.last_ms < b.last_ms : a.group < b.group }
    }
    return cursor.newest_ms
  }

  private func readGroup(
    _ candidate: Candidate, of state: UnsafeRawBufferPointer, day: Int64, behaviors: Int,
    into sequence: inout GroupSequence
  ) throws(SequenceError) {
    let block = UnsafeRawBufferPointer(
      rebasing: state[Int(candidate.blockStart)..<Int(candidate.blockStart + candidate.blockSize)])
    let statistics = statistics
    guard
      let read = GroupBlock.read(
        block, group: candidate.group, last_ms: candidate.last_ms, rules, into: kept, statistics)
    else { throw .damaged }
    if !read.hasStatistics {
      statistics.pointee.reset()
      for index in 0..<read.count {
        statistics.pointee.add(kept[index], category: rules.category(of: kept[index].type))
      }
    }
    var group = GroupSequence.Group()
    group.group = candidate.group
    group.events = statistics.pointee.events
    group.strong = statistics.pointee.counts[0]
    group.weak = statistics.pointee.counts[1]
    group.negative = statistics.pointee.counts[2]
    group.payment = statistics.pointee.counts[3]
    group.dwellSum_ms = statistics.pointee.dwellSum_ms
    group.dwellMaximum_ms = statistics.pointee.dwellMaximum_ms
    group.dwellCount = statistics.pointee.dwellCount
    group.spendSum_micros = statistics.pointee.spendSum_micros
    group.spendCount = statistics.pointee.spendCount
    group.first_ms = statistics.pointee.first_ms
    group.last_ms = statistics.pointee.last_ms
    sequence.groups.append(group)
    for length in configuration.windows_days {
      sequence.windows.append(statistics.pointee.events(inLast: length, daysUpTo: day))
    }
    for index in 0..<min(read.count, behaviors) { sequence.behaviors.append(kept[index]) }
    sequence.rowSplits.append(sequence.behaviors.count)
  }
}
