/// One event of a user, as buffered and folded (DESIGN.md section 4). 48 bytes.
@frozen
public struct Behavior: BitwiseCopyable, Sendable {
  /// Event time, Unix milliseconds.
  public var time_ms: Int64 = 0
  /// The shop's feature id.
  public var shop: UInt64 = 0
  /// The item's feature id; 0: none.
  public var item: UInt64 = 0
  /// Millionths of the currency unit; a refund is negative; 0: none.
  public var spend_micros: Int64 = 0
  /// 0: none reported.
  public var dwell_ms: UInt32 = 0
  /// The shop's group under the cluster map; 0: unmapped.
  public var group: UInt32 = 0
  /// Free for whoever holds the behavior in memory; neither compared nor stored.
  public var link: UInt32 = 0
  /// The code of the type (the low 8 bits; 1...255) under 24 bits that are free like `link`.
  public var typeAndTag: UInt32 = 0

  @inlinable public init() {}

  @inlinable
  public var type: UInt8 {
    @inline(__always) get { UInt8(truncatingIfNeeded: typeAndTag) }
    @inline(__always) set { typeAndTag = typeAndTag & ~255 | UInt32(newValue) }
  }

  /// 24 bits for whoever holds the behavior in memory.
  @inlinable
  public var tag: UInt32 {
    @inline(__always) get { typeAndTag &>> 8 }
    @inline(__always) set { typeAndTag = newValue &<< 8 | typeAndTag & 255 }
  }

  /// The total order of a group's behaviors, newest first, by which every fold keeps the same ones (DESIGN.md section 5).
  @inlinable @inline(__always)
  public static func isNewer(_ a: Behavior, _ b: Behavior) -> Bool {
    if a.time_ms != b.time_ms { return a.time_ms > b.time_ms }
    if a.shop != b.shop { return a.shop > b.shop }
    if a.type != b.type { return a.type > b.type }
    if a.dwell_ms != b.dwell_ms { return a.dwell_ms > b.dwell_ms }
    if a.spend_micros != b.spend_micros { return a.spend_micros > b.spend_micros }
    return a.item > b.item
  }

  /// Event times lie in 1...4,102,444,799,999: before the year 2100.
  public static var times_ms: ClosedRange<Int64> { 1...4_102_444_799_999 }
  /// Longest user, shop, item and event id, in bytes of UTF-8.
  public static var maximumIDLength: Int { 255 }
}
