import Bytes
import InterestModel

/// What follows from a group's behaviors, where all of them are kept: what `Statistics.add` counts, of too few to saturate.
struct KeptTally {
  /// Sixteen bits for each category.
  var counts: UInt64 = 0
  var dwellSum_ms: UInt64 = 0
  var dwellMaximum_ms: UInt64 = 0
  var dwellCount: UInt64 = 0
  var spendSum_micros: Int64 = 0
  var spendCount: UInt64 = 0

  @inline(__always)
  mutating func add(_ behavior: Behavior, category: UInt8) {
    add(category: category)
    add(dwell_ms: UInt64(behavior.dwell_ms))
    add(spend_micros: behavior.spend_micros)
  }

  @inline(__always)
  mutating func add(category: UInt8) { counts &+= 1 &<< (UInt64(category & 3) &* 16) }

  @inline(__always)
  mutating func add(dwell_ms: UInt64) {
    dwellSum_ms &+= dwell_ms
    dwellMaximum_ms = max(dwellMaximum_ms, dwell_ms)
    dwellCount &+= isNonzero(dwell_ms)
  }

  @inline(__always)
  mutating func add(spend_micros: Int64) {
    spendSum_micros &+= spend_micros
    spendCount &+= isNonzero(UInt64(bitPattern: spend_micros))
  }
}

/// 1 or 0, without a branch.
@inline(__always)
private func isNonzero(_ number: UInt64) -> UInt64 { (number | (0 &- number)) &>> 63 }

/// A reader's memory for what is wanted of one group beside its columns.
struct GroupScratch: ~Copyable {
  /// Of each behavior, newest first.
  let times_ms: UnsafeMutablePointer<Int64>
  /// Which columns it has a value in, as in the block.
  fileprivate let flags: UnsafeMutablePointer<UInt8>

  init(kept: Int) {
    times_ms = .allocate(capacity: kept)
    flags = .allocate(capacity: kept)
  }

  deinit {
    times_ms.deallocate()
    flags.deallocate()
  }
}

extension GroupBlock {
  /// Passes a block's behaviors on to columns: stored varints are those of the answer, except that times are stored as steps and absent
  /// numbers not at all. So no behavior is put together and taken apart again.
  ///
  /// - Parameters:
  ///   - take: So many of the newest go to the columns; all are checked and counted.
  ///   - statistics: Filled where the block has them; otherwise they are what the tally tells.
  /// - Returns: Nil where the bytes are not a block.
  @inline(__always)
  static func pass(
    _ block: ByteReader, last_ms: Int64, _ rules: FoldRules, take: Int, to columns: inout BehaviorColumns,
    _ scratch: borrowing GroupScratch, _ statistics: UnsafeMutablePointer<Statistics>, _ tally: inout KeptTally
  ) -> (count: Int, hasStatistics: Bool)? {
    var reader = block
    let header = reader.quickVarint()
    guard header &>> 1 <= UInt64(rules.keptBehaviors), header &>> 1 > 0 else { return nil }
    let count = Int(truncatingIfNeeded: header &>> 1)
    let hasStatistics = header & 1 != 0
    if hasStatistics && !readStatistics(&reader, last_ms: last_ms, statistics) { return nil }
    let take = min(take, count)
    guard passTimes(&reader, last_ms: last_ms, count, take, to: &columns.times, scratch.times_ms) else { return nil }
    passShops(&reader, count, take, to: &columns.shops)
    guard let flags = passTypes(&reader, rules, count, take, to: &columns.types, scratch.flags, &tally) else {
      return nil
    }
    passSome(&reader, flags & 1, scratch.flags, count, take, to: &columns.dwells) { tally.add(dwell_ms: $0) }
    passSome(&reader, flags & 2, scratch.flags, count, take, to: &columns.spends) {
      tally.add(spend_micros: unzigzag($0))
    }
    passSome(&reader, flags & 4, scratch.flags, count, take, to: &columns.items) { _ in }
    return reader.isWhole && tally.dwellMaximum_ms <= UInt64(UInt32.max) ? (count, hasStatistics) : nil
  }

  @inline(__always)
  private static func passTimes(
    _ reader: inout ByteReader, last_ms: Int64, _ count: Int, _ take: Int, to column: inout ByteBuffer,
    _ times_ms: UnsafeMutablePointer<Int64>
  ) -> Bool {
    var time = last_ms
    // Negative once a step or a time was: a sum of steps that wraps may come back into range.
    var signs = last_ms
    times_ms[0] = last_ms
    for index in 1..<max(count, 1) {
      let step = Int64(truncatingIfNeeded: reader.quickVarint())
      time &-= step
      signs |= step | time
      times_ms[index] = time
    }
    guard Behavior.times_ms.contains(last_ms) && time >= Behavior.times_ms.lowerBound && signs >= 0 else {
      return false
    }
    append(times_ms, take, to: &column)
    return true
  }

  /// Times take six bytes each, from 1971 to 2109.
  @inline(__always)
  private static func append(_ times_ms: UnsafePointer<Int64>, _ count: Int, to column: inout ByteBuffer) {
    let start = column.reserve(10 &* count).assumingMemoryBound(to: UInt8.self)
    if count == 0 { return }
    var at = start
    if times_ms[count &- 1] >= 1 &<< 35 && times_ms[0] < 1 &<< 42 {
      for index in 0..<count {
        writeVarint(ofSixBytes: UInt64(bitPattern: times_ms[index]), at)
        at += 6
      }
    } else {
      for index in 0..<count { writeVarint(UInt64(bitPattern: times_ms[index]), &at) }
    }
    column.commit(at - start)
  }

  @inline(__always)
  private static func passShops(_ reader: inout ByteReader, _ count: Int, _ take: Int, to column: inout ByteBuffer) {
    let start = column.reserve(10 &* count &+ 8).assumingMemoryBound(to: UInt8.self)
    var at = start
    reader.passVarints(take, to: &at)
    column.commit(at - start)
    if take < count { reader.passVarints(count &- take, to: &at) }
  }

  /// Returns the flags that any behavior has. Nil where a type is unknown.
  @inline(__always)
  private static func passTypes(
    _ reader: inout ByteReader, _ rules: FoldRules, _ count: Int, _ take: Int, to column: inout ByteBuffer,
    _ flags: UnsafeMutablePointer<UInt8>, _ tally: inout KeptTally
  ) -> UInt8? {
    let start = column.reserve(2 &* count).assumingMemoryBound(to: UInt8.self)
    var at = start
    var end = start
    var seen: UInt8 = 0
    for index in 0..<count {
      let typeAndFlags = reader.quickVarint()
      let type = UInt8(truncatingIfNeeded: typeAndFlags &>> 3)
      let category = rules.category(of: type)
      guard typeAndFlags &>> 11 == 0, category != FoldRules.unknown else { return nil }
      tally.add(category: category)
      flags[index] = UInt8(truncatingIfNeeded: typeAndFlags & 7)
      seen |= flags[index]
      writeVarint(UInt64(type), &at)
      if index < take { end = at }
    }
    column.commit(end - start)
    return seen
  }

  /// A column that has a value where a behavior's flags have `flag`, and zeros elsewhere.
  ///
  /// - Parameter flag: 0 where no behavior has a value.
  @inline(__always)
  private static func passSome(
    _ reader: inout ByteReader, _ flag: UInt8, _ flags: UnsafePointer<UInt8>, _ count: Int, _ take: Int,
    to column: inout ByteBuffer, _ each: (UInt64) -> Void
  ) {
    let start = column.reserve(10 &* count &+ 8).assumingMemoryBound(to: UInt8.self)
    if flag == 0 {
      for index in 0..<take { start[index] = 0 }
      return column.commit(take)
    }
    var at = start
    var end = start
    for index in 0..<count {
      each(reader.passVarint(if: flags[index] & flag != 0, to: &at))
      if index < take { end = at }
    }
    column.commit(end - start)
  }
}
