/// What is known of a group beyond its kept behaviors: the part of the fold that only counts (DESIGN.md section 5).
///
/// Every sum is an integer, so any order and grouping of the same behaviors gives the same statistics. About 230 bytes: used
/// in place, never copied.
public struct Statistics {
  /// Behaviors per category, by its raw value. Saturate.
  public var counts = InlineArray<4, UInt64>(repeating: 0)
  /// Milliseconds. Saturates.
  public var dwellSum_ms: UInt64 = 0
  public var dwellMaximum_ms: UInt32 = 0
  /// Behaviors that report a dwell.
  public var dwellCount: UInt64 = 0
  /// Wraps, as saturation of a signed sum would not be associative.
  public var spendSum_micros: Int64 = 0
  /// Behaviors with a spend other than 0.
  public var spendCount: UInt64 = 0
  public var first_ms = Int64.max
  public var last_ms = Int64.min
  /// Behaviors of the day of `last_ms` and of the 31 calendar days before it, newest first. Saturate.
  public var days = InlineArray<32, UInt32>(repeating: 0)

  public init() {}

  public mutating func reset() { self = Statistics() }

  /// All behaviors of the group. Saturates, as the counts it follows from.
  public var events: UInt64 {
    var sum: UInt64 = 0
    for index in 0..<4 { sum = saturated(sum, counts[index]) }
    return sum
  }

  public var lastDay: Int64 { last_ms / StateConfiguration.day_ms }

  @inline(__always)
  public mutating func add(_ behavior: Behavior, category: UInt8) {
    counts[Int(category & 3)] = saturated(counts[Int(category & 3)], 1)
    if behavior.dwell_ms != 0 {
      dwellSum_ms = saturated(dwellSum_ms, UInt64(behavior.dwell_ms))
      dwellMaximum_ms = max(dwellMaximum_ms, behavior.dwell_ms)
      dwellCount = saturated(dwellCount, 1)
    }
    if behavior.spend_micros != 0 {
      spendSum_micros &+= behavior.spend_micros
      spendCount = saturated(spendCount, 1)
    }
    extend(to: behavior.time_ms)
    first_ms = min(first_ms, behavior.time_ms)
    count(1, daysBack: lastDay &- behavior.time_ms / StateConfiguration.day_ms)
  }

  public mutating func add(_ other: borrowing Statistics) {
    for index in 0..<4 { counts[index] = saturated(counts[index], other.counts[index]) }
    dwellSum_ms = saturated(dwellSum_ms, other.dwellSum_ms)
    dwellMaximum_ms = max(dwellMaximum_ms, other.dwellMaximum_ms)
    dwellCount = saturated(dwellCount, other.dwellCount)
    spendSum_micros &+= other.spendSum_micros
    spendCount = saturated(spendCount, other.spendCount)
    extend(to: other.last_ms)
    first_ms = min(first_ms, other.first_ms)
    let back = lastDay &- other.lastDay
    for index in 0..<32 where other.days[index] != 0 { count(other.days[index], daysBack: back &+ Int64(index)) }
  }

  /// Behaviors whose day lies in (`day` - `length`, `day`]. `day` is not before `lastDay`.
  public func events(inLast length: Int, daysUpTo day: Int64) -> UInt64 {
    let back = day &- lastDay
    var sum: UInt64 = 0
    var index = 0
    while index < 32 && back &+ Int64(index) < Int64(length) {
      sum = saturated(sum, UInt64(days[index]))
      index += 1
    }
    return sum
  }

  /// Makes `time_ms` the newest if it is, and moves the days' counts so many days back.
  @inline(__always)
  private mutating func extend(to time_ms: Int64) {
    guard time_ms > last_ms else { return }
    let steps = last_ms == .min ? 32 : time_ms / StateConfiguration.day_ms &- lastDay
    last_ms = time_ms
    if steps > 0 { age(by: steps) }
  }

  private mutating func age(by steps: Int64) {
    let steps = Int(min(steps, 32))
    var index = 31
    while index >= steps {
      days[index] = days[index &- steps]
      index &-= 1
    }
    for index in 0..<steps { days[index] = 0 }
  }

  @inline(__always)
  private mutating func count(_ events: UInt32, daysBack: Int64) {
    guard daysBack < 32 else { return }
    days[Int(daysBack)] = saturated(days[Int(daysBack)], events)
  }
}

@inline(__always)
private func saturated<Number: FixedWidthInteger & UnsignedInteger>(_ a: Number, _ b: Number) -> Number {
  let (sum, overflow) = a.addingReportingOverflow(b)
  return overflow ? .max : sum
}
