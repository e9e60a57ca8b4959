import Bytes
import InterestModel

/// Stored state to group sequence: selects groups, orders them and reads only those. One thread's; memory reused.
public struct SequenceReader: ~Copyable {
  private struct Candidate: BitwiseCopyable {
    /// Events, where they rank.
    var rank: UInt64 = 0
    /// `last_ms` in the upper 42 bits, then the place among the user's groups, which ascend: one number to compare.
    var key: UInt64
    var group: UInt32
    var blockStart: UInt32
    var blockSize: UInt32

    private static var placeBits: UInt64 { 22 }

    init(_ cursor: borrowing StateCursor, place: Int, base: UnsafeRawPointer) {
      // Where there are more places than fit, the group decides.
      let place = min(UInt64(truncatingIfNeeded: place), 1 &<< Self.placeBits &- 1)
      key = UInt64(bitPattern: cursor.last_ms) &<< Self.placeBits | place
      group = cursor.group
      blockStart = UInt32(truncatingIfNeeded: cursor.block.baseAddress.unsafelyUnwrapped - base)
      blockSize = UInt32(truncatingIfNeeded: cursor.block.count)
    }

    var last_ms: Int64 { Int64(bitPattern: key &>> Self.placeBits) }

    @inline(__always)
    static func isNewer(_ a: Candidate, _ b: Candidate) -> Bool { a.key != b.key ? a.key > b.key : a.group > b.group }

    @inline(__always)
    static func isLarger(_ a: Candidate, _ b: Candidate) -> Bool { a.rank != b.rank ? a.rank > b.rank : isNewer(a, b) }
  }

  private let configuration: StateConfiguration
  private let rules: FoldRules
  private var candidates = Column<Candidate>(capacity: 256)
  private let windowCount: Int
  /// When each window begins, for the query at hand.
  private let windowStarts_ms: UnsafeMutablePointer<Int64>
  private let statistics = UnsafeMutablePointer<Statistics>.allocate(capacity: 1)

  public init(configuration: StateConfiguration, rules: FoldRules) {
    self.configuration = configuration
    self.rules = rules
    windowCount = configuration.windows_days.count
    windowStarts_ms = .allocate(capacity: windowCount)
    statistics.initialize(to: Statistics())
  }

  deinit {
    windowStarts_ms.deallocate()
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
    let hasWindows = query.fields.contains(.windows)
    let day = query.asOf_ms.map { $0 / StateConfiguration.day_ms } ?? newestDay
    if day < newestDay { throw .asOfTooEarly(newest_ms: newest_ms) }
    for window in 0..<windowCount {
      windowStarts_ms[window] = (day &- Int64(configuration.windows_days[window]) &+ 1) &* StateConfiguration.day_ms
    }
    let statistics = statistics
    let behaviors = query.hasBehaviors ? query.behaviors ?? .max : 0
    for candidate in candidates.elements {
      let block = UnsafeRawBufferPointer(
        start: state.baseAddress.unsafelyUnwrapped + Int(candidate.blockStart), count: Int(candidate.blockSize))
      // Read where they stay, as far as they are wanted.
      let kept = sequence.behaviorColumn.reserve(rules.keptBehaviors)
      guard
        let read = GroupBlock.read(
          block, group: candidate.group, last_ms: candidate.last_ms, rules, into: kept, statistics)
      else { throw .damaged }
      let group = sequence.groupColumn.reserve(1)
      if read.hasStatistics {
        group.initialize(to: GroupSequence.Group(candidate.group, statistics.pointee))
        if hasWindows {
          for length in configuration.windows_days {
            sequence.windowColumn.append(statistics.pointee.events(inLast: length, daysUpTo: day))
          }
        }
      } else {
        group.initialize(to: GroupSequence.Group(candidate.group, kept, read.count, rules))
        if hasWindows { countWindows(kept, read.count, into: &sequence) }
      }
      sequence.groupColumn.commit(1)
      sequence.behaviorColumn.commit(min(read.count, behaviors))
      sequence.splitColumn.append(sequence.behaviorColumn.count)
    }
  }

  /// Of a group of which every behavior is kept.
  @inline(__always)
  private func countWindows(
    _ kept: UnsafePointer<Behavior>, _ count: Int, into sequence: inout GroupSequence
  ) {
    let counts = sequence.windowColumn.reserve(windowCount)
    for window in 0..<windowCount {
      let start_ms = windowStarts_ms[window]
      var events = 0
      while events < count && kept[events].time_ms >= start_ms { events &+= 1 }
      counts[window] = UInt64(truncatingIfNeeded: events)
    }
    sequence.windowColumn.commit(windowCount)
  }

  /// Leaves the groups to return in `candidates`, ascending by (last_ms, group). Returns the time of the user's newest event.
  private mutating func select(
    _ state: UnsafeRawBufferPointer, _ query: SequenceQuery, of groups: UnsafeBufferPointer<UInt32>?
  ) throws(SequenceError) -> Int64 {
    candidates.clear()
    guard var cursor = StateCursor(state), let base = state.baseAddress else { throw .damaged }
    let limit = query.groups ?? .max
    // Of thousands of groups few are returned: the others are dropped when twice as many have gathered, and what lies below all that are
    // left is not taken any more.
    let gathered = limit > 1 << 20 ? Int.max : max(2 * limit, 256)
    var least: UInt64 = 0
    var wanted = 0
    var place = 0
    while cursor.next() {
      place &+= 1
      if let groups {
        while wanted < groups.count && groups[wanted] < cursor.group { wanted &+= 1 }
        guard wanted < groups.count && groups[wanted] == cursor.group else { continue }
      }
      var candidate = Candidate(cursor, place: place, base: base)
      if query.order == .frequency {
        guard let events = GroupBlock.events(of: cursor.block, last_ms: cursor.last_ms, statistics) else {
          throw .damaged
        }
        candidate.rank = events
      } else if candidate.key < least {
        continue
      }
      candidates.append(candidate)
      if candidates.count == gathered {
        cut(to: limit, query.order)
        if query.order == .recency { least = candidates.elements.lazy.map(\.key).min() ?? 0 }
      }
    }
    if cursor.isDamaged || place == 0 { throw .damaged }
    cut(to: limit, query.order)
    introsort(candidates.first, candidates.count) { Candidate.isNewer($1, $0) }
    return cursor.newest_ms
  }

  /// Leaves the first `limit` of the order.
  private mutating func cut(to limit: Int, _ order: SequenceQuery.Order) {
    guard candidates.count > limit else { return }
    switch order {
    case .recency: selectFirst(limit, of: candidates.first, candidates.count, Candidate.isNewer)
    case .frequency: selectFirst(limit, of: candidates.first, candidates.count, Candidate.isLarger)
    }
    candidates.truncate(to: limit)
  }
}

extension GroupSequence.Group {
  @inline(__always)
  fileprivate init(_ group: UInt32, _ statistics: borrowing Statistics) {
    self.group = group
    events = statistics.events
    strong = statistics.counts[0]
    weak = statistics.counts[1]
    negative = statistics.counts[2]
    payment = statistics.counts[3]
    dwellSum_ms = statistics.dwellSum_ms
    dwellMaximum_ms = statistics.dwellMaximum_ms
    dwellCount = statistics.dwellCount
    spendSum_micros = statistics.spendSum_micros
    spendCount = statistics.spendCount
    first_ms = statistics.first_ms
    last_ms = statistics.last_ms
  }

  /// Of a group of which every behavior is kept, newest first: what `Statistics.add` counts, of too few to saturate.
  @inline(__always)
  fileprivate init(_ group: UInt32, _ kept: UnsafePointer<Behavior>, _ count: Int, _ rules: FoldRules) {
    self.group = group
    events = UInt64(truncatingIfNeeded: count)
    // Sixteen bits for each category.
    var counts: UInt64 = 0
    for index in 0..<count {
      counts &+= 1 &<< (UInt64(rules.category(of: kept[index].type) & 3) &* 16)
      let dwell_ms = kept[index].dwell_ms
      dwellSum_ms &+= UInt64(dwell_ms)
      dwellMaximum_ms = max(dwellMaximum_ms, dwell_ms)
      dwellCount &+= dwell_ms == 0 ? 0 : 1
      spendSum_micros &+= kept[index].spend_micros
      spendCount &+= kept[index].spend_micros == 0 ? 0 : 1
    }
    strong = counts & 0xffff
    weak = counts &>> 16 & 0xffff
    negative = counts &>> 32 & 0xffff
    payment = counts &>> 48
    first_ms = kept[count &- 1].time_ms
    last_ms = kept[0].time_ms
  }
}
