import Bytes
import InterestModel

/// The bytes of one group of a stored state. Its group id and `last_ms` stand in the directory.
///
///     varint  kept << 1 | has statistics
///     [statistics]
///     varint  time of each kept behavior but the newest, as the step back from the one before
///     varint  shop of each
///     varint  type << 3 | has item << 2 | has spend << 1 | has dwell, of each
///     varint  dwell of those that have one; zigzag varint spend of those; varint item of those
///
/// Kept behaviors are newest first. A group has statistics exactly when it has more behaviors than are kept: otherwise they
/// follow from the behaviors.
enum GroupBlock {
  /// No block of a fold that keeps `kept` behaviors is larger.
  static func maximumSize(kept: Int) -> Int { 3 + 12 * 10 + 32 * 5 + kept * (10 + 10 + 2 + 5 + 10 + 10) }

  @inline(__always)
  static func write(
    _ kept: UnsafePointer<Behavior>, _ count: Int, _ statistics: UnsafePointer<Statistics>?,
    _ at: inout UnsafeMutablePointer<UInt8>
  ) {
    writeVarint(UInt64(truncatingIfNeeded: count) &<< 1 | (statistics == nil ? 0 : 1), &at)
    if let statistics { write(statistics, &at) }
    for index in 1..<max(count, 1) {
      writeVarint(UInt64(bitPattern: kept[index &- 1].time_ms &- kept[index].time_ms), &at)
    }
    for index in 0..<count { writeVarint(kept[index].shop, &at) }
    for index in 0..<count {
      let flags: UInt64 =
        (kept[index].dwell_ms == 0 ? 0 : 1) | (kept[index].spend_micros == 0 ? 0 : 2) | (kept[index].item == 0 ? 0 : 4)
      writeVarint(UInt64(kept[index].type) &<< 3 | flags, &at)
    }
    for index in 0..<count where kept[index].dwell_ms != 0 { writeVarint(UInt64(kept[index].dwell_ms), &at) }
    for index in 0..<count where kept[index].spend_micros != 0 { writeVarint(zigzag(kept[index].spend_micros), &at) }
    for index in 0..<count where kept[index].item != 0 { writeVarint(kept[index].item, &at) }
  }

  /// Reads a whole block into memory for `rules.keptBehaviors` behaviors and one statistics. Nil where the bytes are not a block.
  @inline(__always)
  static func read(
    _ block: ByteReader, group: UInt32, last_ms: Int64, _ rules: FoldRules,
    into kept: UnsafeMutablePointer<Behavior>, _ statistics: UnsafeMutablePointer<Statistics>
  ) -> (count: Int, hasStatistics: Bool)? {
    var reader = block
    let header = reader.quickVarint()
    if header == 2 { return readOne(&reader, group: group, last_ms: last_ms, rules, into: kept) ? (1, false) : nil }
    guard header &>> 1 <= UInt64(rules.keptBehaviors), header &>> 1 > 0 else { return nil }
    let count = Int(truncatingIfNeeded: header &>> 1)
    if header & 1 != 0 && !readStatistics(&reader, last_ms: last_ms, statistics) { return nil }
    guard readColumns(&reader, group: group, last_ms: last_ms, rules, count: count, into: kept), reader.isWhole else {
      return nil
    }
    return (count, header & 1 != 0)
  }

  /// Of one behavior and nothing else, as most groups of most users are.
  @inline(__always)
  private static func readOne(
    _ reader: inout ByteReader, group: UInt32, last_ms: Int64, _ rules: FoldRules,
    into kept: UnsafeMutablePointer<Behavior>
  ) -> Bool {
    var behavior = Behavior()
    behavior.time_ms = last_ms
    behavior.group = group
    behavior.shop = reader.quickVarint()
    let typeAndFlags = reader.quickVarint()
    behavior.typeAndTag = UInt32(truncatingIfNeeded: typeAndFlags &>> 3)
    var dwell: UInt64 = 0
    if typeAndFlags & 1 != 0 { dwell = reader.quickVarint() }
    if typeAndFlags & 2 != 0 { behavior.spend_micros = unzigzag(reader.quickVarint()) }
    if typeAndFlags & 4 != 0 { behavior.item = reader.quickVarint() }
    behavior.dwell_ms = UInt32(truncatingIfNeeded: dwell)
    kept.initialize(to: behavior)
    return typeAndFlags &>> 11 == 0 && rules.category(of: behavior.type) != FoldRules.unknown
      && dwell <= UInt64(UInt32.max) && Behavior.times_ms.contains(last_ms) && reader.isWhole
  }

  /// How many behaviors a block counts, without reading its columns.
  static func events(
    of bytes: UnsafeRawBufferPointer, last_ms: Int64, _ statistics: UnsafeMutablePointer<Statistics>
  ) -> UInt64? {
    guard let start = bytes.baseAddress, bytes.count > 0 else { return nil }
    var reader = ByteReader(start.assumingMemoryBound(to: UInt8.self), count: bytes.count)
    let header = reader.varint()
    if header & 1 == 0 { return reader.failed ? nil : header &>> 1 }
    return readStatistics(&reader, last_ms: last_ms, statistics) ? statistics.pointee.events : nil
  }

  @inline(__always)
  private static func readColumns(
    _ reader: inout ByteReader, group: UInt32, last_ms: Int64, _ rules: FoldRules, count: Int,
    into kept: UnsafeMutablePointer<Behavior>
  ) -> Bool {
    var time = last_ms
    // Negative once a step or a time was: a sum of steps that wraps may come back into range.
    var signs = last_ms
    for index in 0..<count {
      if index > 0 {
        let step = Int64(truncatingIfNeeded: reader.quickVarint())
        time &-= step
        signs |= step | time
      }
      (kept + index).initialize(to: Behavior())
      kept[index].time_ms = time
      kept[index].group = group
    }
    guard Behavior.times_ms.contains(last_ms), time >= Behavior.times_ms.lowerBound, signs >= 0 else { return false }
    for index in 0..<count { kept[index].shop = reader.quickVarint() }
    var flags: UInt32 = 0
    for index in 0..<count {
      let typeAndFlags = reader.quickVarint()
      let type = UInt8(truncatingIfNeeded: typeAndFlags &>> 3)
      guard typeAndFlags &>> 11 == 0, rules.category(of: type) != FoldRules.unknown else { return false }
      kept[index].typeAndTag = UInt32(type) | UInt32(truncatingIfNeeded: typeAndFlags & 7) &<< 8
      flags |= UInt32(truncatingIfNeeded: typeAndFlags)
    }
    if flags & 1 != 0 {
      for index in 0..<count {
        let dwell = value(&reader, if: kept[index].tag & 1 != 0)
        guard dwell <= UInt64(UInt32.max) else { return false }
        kept[index].dwell_ms = UInt32(truncatingIfNeeded: dwell)
      }
    }
    if flags & 2 != 0 {
      for index in 0..<count { kept[index].spend_micros = unzigzag(value(&reader, if: kept[index].tag & 2 != 0)) }
    }
    if flags & 4 != 0 { for index in 0..<count { kept[index].item = value(&reader, if: kept[index].tag & 4 != 0) } }
    return !reader.failed
  }

  /// The next value of a column that has one where `isThere`, and 0 where not.
  @inline(__always)
  private static func value(_ reader: inout ByteReader, if isThere: Bool) -> UInt64 {
    if reader.hasWord { return reader.quickVarint(if: isThere) }
    return isThere ? reader.varint() : 0
  }

  private static func write(_ statistics: UnsafePointer<Statistics>, _ at: inout UnsafeMutablePointer<UInt8>) {
    for index in 0..<4 { writeVarint(statistics.pointee.counts[index], &at) }
    writeVarint(statistics.pointee.dwellSum_ms, &at)
    writeVarint(UInt64(statistics.pointee.dwellMaximum_ms), &at)
    writeVarint(statistics.pointee.dwellCount, &at)
    writeVarint(zigzag(statistics.pointee.spendSum_micros), &at)
    writeVarint(statistics.pointee.spendCount, &at)
    writeVarint(UInt64(bitPattern: statistics.pointee.last_ms &- statistics.pointee.first_ms), &at)
    var mask: UInt64 = 0
    for index in 0..<32 where statistics.pointee.days[index] != 0 { mask |= 1 &<< UInt64(index) }
    writeVarint(mask, &at)
    for index in 0..<32 where statistics.pointee.days[index] != 0 {
      writeVarint(UInt64(statistics.pointee.days[index]), &at)
    }
  }

  static func readStatistics(
    _ reader: inout ByteReader, last_ms: Int64, _ statistics: UnsafeMutablePointer<Statistics>
  ) -> Bool {
    statistics.pointee.reset()
    for index in 0..<4 { statistics.pointee.counts[index] = reader.quickVarint() }
    statistics.pointee.dwellSum_ms = reader.quickVarint()
    let dwellMaximum = reader.quickVarint()
    statistics.pointee.dwellMaximum_ms = UInt32(truncatingIfNeeded: dwellMaximum)
    statistics.pointee.dwellCount = reader.quickVarint()
    statistics.pointee.spendSum_micros = unzigzag(reader.quickVarint())
    statistics.pointee.spendCount = reader.quickVarint()
    let span = reader.quickVarint()
    statistics.pointee.last_ms = last_ms
    statistics.pointee.first_ms = last_ms &- Int64(truncatingIfNeeded: span)
    let mask = reader.quickVarint()
    guard dwellMaximum <= UInt64(UInt32.max), mask <= UInt64(UInt32.max), span < UInt64(bitPattern: last_ms) else {
      return false
    }
    var days = mask
    while days != 0 {
      let index = days.trailingZeroBitCount
      days &= days &- 1
      let events = reader.quickVarint()
      guard events > 0, events <= UInt64(UInt32.max) else { return false }
      statistics.pointee.days[index] = UInt32(truncatingIfNeeded: events)
    }
    return !reader.failed
  }
}
