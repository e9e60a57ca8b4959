import Bytes
import InterestModel

/// The fold of stored states: behaviors to a state, states to one state. Associative and commutative to the bit, in that any
/// way of splitting and ordering the same behaviors gives the same bytes (DESIGN.md section 5).
///
/// One thread's; all its memory is reused from call to call. What it returns lies in that memory until the next call.
public struct StateFolder: ~Copyable {
  private struct Part: BitwiseCopyable {
    var from: Int
    var count: Int
    var hasStatistics: Bool
  }

  public let rules: FoldRules
  private var assembler = StateAssembler()
  private var cursors: ContiguousArray<StateCursor> = []
  private var inputs = 0
  private var parts = UnsafeMutablePointer<Part>.allocate(capacity: 0)
  private var partStatistics = UnsafeMutablePointer<Statistics>.allocate(capacity: 0)
  private var behaviors = UnsafeMutablePointer<Behavior>.allocate(capacity: 0)
  private let total = UnsafeMutablePointer<Statistics>.allocate(capacity: 1)

  public init(rules: FoldRules) {
    self.rules = rules
    total.initialize(to: Statistics())
  }

  deinit {
    parts.deallocate()
    partStatistics.deallocate()
    behaviors.deallocate()
    total.deallocate()
  }

  /// The state of `count` (at least one) behaviors of one user, which are reordered in place.
  public mutating func state(of run: UnsafeMutablePointer<Behavior>, _ count: Int) -> UnsafeRawBufferPointer {
    introsort(run, count) { $0.group == $1.group ? Behavior.isNewer($0, $1) : $0.group < $1.group }
    var newest_ms = Int64.min
    for index in 0..<count { newest_ms = max(newest_ms, run[index].time_ms) }
    assembler.begin(newest_ms: newest_ms)
    let total = total
    var first = 0
    while first < count {
      let group = run[first].group
      var end = first &+ 1
      while end < count && run[end].group == group { end &+= 1 }
      let hasMore = end &- first > rules.keptBehaviors
      if hasMore {
        total.pointee.reset()
        for index in first..<end { total.pointee.add(run[index], category: rules.category(of: run[index].type)) }
      }
      assembler.add(
        group: group, kept: run + first, min(end &- first, rules.keptBehaviors),
        statistics: hasMore ? UnsafePointer(total) : nil)
      first = end
    }
    return assembler.finish()
  }

  /// Folds states (or envelopes) of one user into one. Never fails: what cannot be read is kept beside the rest in an envelope.
  /// A single input is returned as it is, unread; the block of a group that only one input has is passed on unread, too, so that
  /// damage in it shows when the group is read, or folded with another state's.
  public mutating func fold(_ states: UnsafeBufferPointer<UnsafeRawBufferPointer>) -> UnsafeRawBufferPointer {
    if states.count == 1 { return states[0] }
    if let folded = foldReadable(states) { return folded }
    return foldDamaged(states)
  }

  /// Nil where an input cannot be read.
  private mutating func foldReadable(_ states: UnsafeBufferPointer<UnsafeRawBufferPointer>) -> UnsafeRawBufferPointer? {
    reserve(inputs: states.count)
    cursors.removeAll(keepingCapacity: true)
    var newest_ms = Int64.min
    for state in states {
      guard var cursor = StateCursor(state), cursor.next() else { return nil }
      newest_ms = max(newest_ms, cursor.newest_ms)
      cursors.append(cursor)
    }
    assembler.begin(newest_ms: newest_ms)
    while !cursors.isEmpty {
      var group = UInt32.max
      var holders = 0
      var holder = 0
      for index in 0..<cursors.count {
        let candidate = cursors[index].group
        if candidate < group {
          (group, holders, holder) = (candidate, 1, index)
        } else if candidate == group {
          if holders == 0 { holder = index }
          holders &+= 1
        }
      }
      if holders == 1 {
        assembler.add(group: group, last_ms: cursors[holder].last_ms, block: cursors[holder].block)
        guard advance(holder) else { return nil }
      } else {
        guard foldGroup(group) else { return nil }
      }
    }
    return assembler.finish()
  }

  /// Steps a cursor, and drops it at its end. False where it is damaged.
  @inline(__always)
  private mutating func advance(_ index: Int) -> Bool {
    if cursors[index].next() { return true }
    if cursors[index].isDamaged { return false }
    cursors.swapAt(index, cursors.count - 1)
    cursors.removeLast()
    return true
  }

  /// Takes `group` from every cursor that stands at it. False where one cannot be read.
  private mutating func foldGroup(_ group: UInt32) -> Bool {
    let parts = parts, partStatistics = partStatistics, behaviors = behaviors, total = total
    var partCount = 0
    var count = 0
    var anyStatistics = false
    var index = 0
    while index < cursors.count {
      guard cursors[index].group == group else {
        index &+= 1
        continue
      }
      guard
        let read = GroupBlock.read(
          cursors[index].blockReader, group: group, last_ms: cursors[index].last_ms, rules, into: behaviors + count,
          partStatistics + partCount)
      else { return false }
      parts[partCount] = Part(from: count, count: read.count, hasStatistics: read.hasStatistics)
      partCount &+= 1
      count &+= read.count
      anyStatistics = anyStatistics || read.hasStatistics
      let before = cursors.count
      guard advance(index) else { return false }
      if cursors.count == before { index &+= 1 }
    }
    let needsStatistics = anyStatistics || count > rules.keptBehaviors
    if needsStatistics {
      total.pointee.reset()
      for index in 0..<partCount {
        if parts[index].hasStatistics {
          total.pointee.add((partStatistics + index).pointee)
        } else {
          for kept in parts[index].from..<parts[index].from &+ parts[index].count {
            total.pointee.add(behaviors[kept], category: rules.category(of: behaviors[kept].type))
          }
        }
      }
    }
    introsort(behaviors, count, Behavior.isNewer)
    assembler.add(
      group: group, kept: behaviors, min(count, rules.keptBehaviors),
      statistics: needsStatistics ? UnsafePointer(total) : nil)
    return true
  }

  /// See `StateAssembler.envelope`.
  mutating func wrap(_ state: [UInt8], _ unreadable: [[UInt8]]) -> UnsafeRawBufferPointer {
    assembler.envelope(state, unreadable)
  }

  private mutating func reserve(inputs count: Int) {
    guard count > inputs else { return }
    parts.deallocate()
    partStatistics.deallocate()
    behaviors.deallocate()
    inputs = max(count, 2 * inputs)
    parts = .allocate(capacity: inputs)
    partStatistics = .allocate(capacity: inputs)
    partStatistics.initialize(repeating: Statistics(), count: inputs)
    behaviors = .allocate(capacity: inputs * rules.keptBehaviors)
  }
}
