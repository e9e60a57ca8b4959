/// How far back a record with the same user and `event_id` makes a behavior a duplicate (DESIGN.md section 5).
public struct DuplicateLimits: Equatable, Sendable {
  /// 0: nothing is a duplicate. At most `maximumOffsets`.
  public var offsets = 1_000_000
  /// Of the records' own timestamps. Not negative.
  public var time_ms: Int64 = 3_600_000

  /// So that two windows of offsets fit into the 22 bits that the table keeps of each.
  public static var maximumOffsets: Int { 2_000_000 }

  public init(offsets: Int = 1_000_000, time_ms: Int64 = 3_600_000) {
    self.offsets = offsets
    self.time_ms = time_ms
  }
}

/// A record with an `event_id`, as the window knows it.
struct RegisteredID: Equatable, BitwiseCopyable {
  /// XXH3 of the length of the user id (a byte), the user id and the event id; never 0.
  var hash: UInt64
  var offset: Int64
  /// `none`, or 0...`latest_ms`.
  var timestamp_ms: Int64

  /// The record has no timestamp: then only offsets count.
  static var none: Int64 { -1 }
  /// In the year 2109; timestamps from then on count as this one.
  static var latest_ms: Int64 { 1 << 42 - 2 }

  init(hash: UInt64, offset: Int64, timestamp_ms: Int64) {
    self.hash = hash == 0 ? 1 : hash
    self.offset = offset
    self.timestamp_ms = timestamp_ms < 0 ? Self.none : min(timestamp_ms, Self.latest_ms)
  }

  var hasTime: Bool {
    @inline(__always) get { timestamp_ms >= 0 }
  }
}
