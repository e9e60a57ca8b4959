import Bytes
import InterestModel

/// Stored state to group sequence: selects groups, orders them and reads only those. One thread's; memory reused.
public struct SequenceReader: ~Copyable {
  private struct Candidate: BitwiseCopyable {
    /// Events, where they rank.
    var rank: UInt64 = 0
    var last_ms: Int64
    var group: UInt32
    var blockStart: UInt32
    var blockSize: UInt32

    @inline(__always)
    static func isNewer(_ a: Candidate, _ b: Candidate) -> Bool {
      a.last_ms != b.last_ms ? a.last_ms > b.last_ms : a.group > b.group
    }

    @inline(__always)
    static func isLarger(_ a: Candidate, _ b: Candidate) -> Bool { a.rank != b.rank ? a.rank > b.rank : isNewer(a, b) }
  }

  private let configuration: StateConfiguration
  private let rules: FoldRules
  private var candidates = Column<Candidate>(capacity: 256)
  /// The candidates' indices, in the order of the answer.
  private var places = Column<UInt64>(capacity: 128)
  private let windowCount: Int
  /// When each window begins, for the query at hand.
  private let windowStarts_ms: UnsafeMutablePointer<Int64>
  private let statistics = UnsafeMutablePointer<Statistics>.allocate(capacity: 1)
  private let scratch: GroupScratch

  public init(configuration: StateConfiguration, rules: FoldRules) {
    self.configuration = configuration
    self.rules = rules
    scratch = GroupScratch(kept: rules.keptBehaviors)
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
  /// - Parameters:
  ///   - groups: Only these are looked at, ascending, each once; nil: all.
  ///   - asColumns: Behaviors are for `SequenceProtobufWriter`, which takes them as bytes of columns.
  public mutating func read(
    _ state: UnsafeRawBufferPointer, _ query: SequenceQuery, of groups: UnsafeBufferPointer<UInt32>? = nil,
    asColumns: Bool = false, into sequence: inout GroupSequence
  ) throws(SequenceError) {
    // Its groups are read in an order that no processor foresees. Of thousands most are not read at all.
    prefetch(state, atMost: 4096)
    sequence.clear()
    let newest_ms = try select(state, query, of: groups)
    let newestDay = newest_ms / StateConfiguration.day_ms
    let day = query.asOf_ms.map { $0 / StateConfiguration.day_ms } ?? newestDay
    if day < newestDay { throw .asOfTooEarly(newest_ms: newest_ms) }
    for window in 0..<windowCount {
      windowStarts_ms[window] = (day &- Int64(configuration.windows_days[window]) &+ 1) &* StateConfiguration.day_ms
    }
    let base = state.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
    let behaviors = query.hasBehaviors ? query.behaviors ?? .max : 0
    for place in places.elements {
      let candidate = candidates.elements[Int(truncatingIfNeeded: place)]
      let block = ByteReader(
        base + Int(candidate.blockStart), count: Int(candidate.blockSize), memoryEnd: base + state.count)
      let count: Int
      if asColumns {
        count = try pass(block, candidate, take: behaviors, query.fields, day: day, into: &sequence)
      } else {
        count = try read(block, candidate, query.fields, day: day, into: &sequence)
        sequence.behaviorColumn.commit(min(count, behaviors))
      }
      sequence.splitColumn.append(sequence.splitColumn.last &+ min(count, behaviors))
    }
  }

  /// Reads a group's behaviors where they stay, behind those of the groups before, and returns their number.
  @inline(__always)
  private mutating func read(
    _ block: ByteReader, _ candidate: Candidate, _ fields: SequenceFields, day: Int64,
    into sequence: inout GroupSequence
  ) throws(SequenceError) -> Int {
    let statistics = statistics
    let kept = sequence.behaviorColumn.reserve(rules.keptBehaviors)
    guard
      let read = GroupBlock.read(
        block, group: candidate.group, last_ms: candidate.last_ms, rules, into: kept, statistics)
    else { throw .damaged }
    if read.hasStatistics {
      append(candidate.group, statistics, fields, day: day, to: &sequence)
    } else {
      var tally = KeptTally()
      for index in 0..<read.count {
        scratch.times_ms[index] = kept[index].time_ms
        tally.add(kept[index], category: rules.category(of: kept[index].type))
      }
      append(candidate.group, tally, read.count, fields, to: &sequence)
    }
    return read.count
  }

  /// Passes a group's behaviors on as bytes, and returns their number.
  @inline(__always)
  private mutating func pass(
    _ block: ByteReader, _ candidate: Candidate, take: Int, _ fields: SequenceFields, day: Int64,
    into sequence: inout GroupSequence
  ) throws(SequenceError) -> Int {
    let statistics = statistics
    var tally = KeptTally()
    guard
      let read = GroupBlock.pass(
        block, last_ms: candidate.last_ms, rules, take: take, to: &sequence.behaviorBytes, scratch, statistics, &tally)
    else { throw .damaged }
    if read.hasStatistics {
      append(candidate.group, statistics, fields, day: day, to: &sequence)
    } else {
      append(candidate.group, tally, read.count, fields, to: &sequence)
    }
    return read.count
  }

  /// A group of which not every behavior is kept.
  private func append(
    _ group: UInt32, _ statistics: UnsafePointer<Statistics>, _ fields: SequenceFields, day: Int64,
    to sequence: inout GroupSequence
  ) {
    sequence.groupColumn.append(GroupSequence.Group(group, statistics.pointee))
    if !fields.contains(.windows) { return }
    for length in configuration.windows_days {
      sequence.windowColumn.append(statistics.pointee.events(inLast: length, daysUpTo: day))
    }
  }

  /// A group of which every behavior is kept; their times are in `scratch`.
  @inline(__always)
  private func append(
    _ group: UInt32, _ tally: KeptTally, _ count: Int, _ fields: SequenceFields, to sequence: inout GroupSequence
  ) {
    let times_ms = UnsafePointer(scratch.times_ms)
    sequence.groupColumn.append(
      GroupSequence.Group(group, tally, count, first_ms: times_ms[count &- 1], last_ms: times_ms[0]))
    if fields.contains(.windows) { countWindows(times_ms, count, into: &sequence) }
  }

  @inline(__always)
  private func countWindows(
    _ times_ms: UnsafePointer<Int64>, _ count: Int, into sequence: inout GroupSequence
  ) {
    let counts = sequence.windowColumn.reserve(windowCount)
    for window in 0..<windowCount {
      let start_ms = windowStarts_ms[window]
      var events = 0
      while events < count && times_ms[events] >= start_ms { events &+= 1 }
      counts[window] = UInt64(truncatingIfNeeded: events)
    }
    sequence.windowColumn.commit(windowCount)
  }

  /// Leaves the groups to return in `places`, ascending by (last_ms, group). Returns the time of the user's newest event.
  private mutating func select(
    _ state: UnsafeRawBufferPointer, _ query: SequenceQuery, of groups: UnsafeBufferPointer<UInt32>?
  ) throws(SequenceError) -> Int64 {
    candidates.clear()
    guard var cursor = StateCursor(state), let base = state.baseAddress else { throw .damaged }
    let limit = query.groups ?? .max
    // Of thousands of groups few are returned: the others are dropped when twice as many have gathered, and what is older than all that
    // are left is not taken any more.
    let gathered = limit > 1 << 20 ? Int.max : max(2 * limit, 256)
    var oldest = Int64.min
    var wanted = 0
    var isEmpty = true
    while cursor.next() {
      isEmpty = false
      if let groups {
        while wanted < groups.count && groups[wanted] < cursor.group { wanted &+= 1 }
        guard wanted < groups.count && groups[wanted] == cursor.group else { continue }
      }
      var candidate = Candidate(
        last_ms: cursor.last_ms, group: cursor.group,
        blockStart: UInt32(truncatingIfNeeded: cursor.block.baseAddress.unsafelyUnwrapped - base),
        blockSize: UInt32(truncatingIfNeeded: cursor.block.count))
      if query.order == .frequency {
        guard let events = GroupBlock.events(of: cursor.block, last_ms: cursor.last_ms, statistics) else {
          throw .damaged
        }
        candidate.rank = events
      } else if candidate.last_ms < oldest {
        continue
      }
      candidates.append(candidate)
      if candidates.count == gathered {
        cut(to: limit, query.order)
        if query.order == .recency { oldest = candidates.elements.lazy.map(\.last_ms).min() ?? .min }
      }
    }
    if cursor.isDamaged || isEmpty { throw .damaged }
    cut(to: limit, query.order)
    arrange()
    return cursor.newest_ms
  }

  private mutating func arrange() {
    places.clear()
    let count = candidates.count
    // The time in the upper 42 bits, the index (the candidates ascend by group) in the lower: one number to compare and to move.
    let indexBits: UInt64 = 22
    if count >> indexBits > 0 {
      introsort(candidates.first, count) { Candidate.isNewer($1, $0) }
      for index in 0..<count { places.append(UInt64(truncatingIfNeeded: index)) }
      return
    }
    let candidates = candidates.elements
    for index in 0..<count {
      places.append(UInt64(bitPattern: candidates[index].last_ms) &<< indexBits | UInt64(truncatingIfNeeded: index))
    }
    let keys = places.first
    introsort(keys, count) { $0 < $1 }
    for index in 0..<count { keys[index] &= 1 &<< indexBits &- 1 }
  }

  /// Leaves the first `limit` of the order.
  private mutating func cut(to limit: Int, _ order: SequenceQuery.Order) {
    guard candidates.count > limit else { return }
    switch order {
    case .recency: selectFirst(limit, of: candidates.first, candidates.count, Candidate.isNewer)
    case .frequency: selectFirst(limit, of: candidates.first, candidates.count, Candidate.isLarger)
    }
    candidates.truncate(to: limit)
    introsort(candidates.first, limit) { $0.group < $1.group }
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

  @inline(__always)
  fileprivate init(_ group: UInt32, _ tally: KeptTally, _ count: Int, first_ms: Int64, last_ms: Int64) {
    self.group = group
    events = UInt64(truncatingIfNeeded: count)
    strong = tally.counts & 0xffff
    weak = tally.counts &>> 16 & 0xffff
    negative = tally.counts &>> 32 & 0xffff
    payment = tally.counts &>> 48
    dwellSum_ms = tally.dwellSum_ms
    dwellMaximum_ms = UInt32(truncatingIfNeeded: tally.dwellMaximum_ms)
    dwellCount = tally.dwellCount
    spendSum_micros = tally.spendSum_micros
    spendCount = tally.spendCount
    self.first_ms = first_ms
    self.last_ms = last_ms
  }
}
