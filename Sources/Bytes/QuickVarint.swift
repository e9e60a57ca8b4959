/// Varints of several bytes without a step, and a branch, for each: for columns of numbers whose sizes differ. Eight bytes are spread or
/// gathered at once (little end first); longer varints take the plain way.

/// As `writeVarint`, but may write up to eight bytes from `at` on whatever the value, and ten where it is large.
@inlinable @inline(__always)
public func writeQuickVarint(_ value: UInt64, _ at: inout UnsafeMutablePointer<UInt8>) {
  if value >= 1 &<< 56 { return writeVarint(value, &at) }
  // Seven bits to a byte: halves, quarters, bytes.
  var spread = value & 0x0FFF_FFFF | (value & 0x00FF_FFFF_F000_0000) &<< 4
  spread = spread & 0x0000_3FFF_0000_3FFF | (spread & 0x0FFF_C000_0FFF_C000) &<< 2
  spread = spread & 0x007F_007F_007F_007F | (spread & 0x3F80_3F80_3F80_3F80) &<< 1
  let size = varintSize(value)
  let goOn: UInt64 = (1 &<< UInt64(truncatingIfNeeded: 8 &* size &- 8)) &- 1
  spread |= 0x8080_8080_8080_8080 & goOn
  UnsafeMutableRawPointer(at).storeBytes(of: spread.littleEndian, as: UInt64.self)
  at += size
}

extension ByteReader {
  /// As `quickVarint` where `isThere`, and 0 otherwise: without a branch to guess wrong. Only where eight bytes remain.
  @inlinable @inline(__always)
  public mutating func quickVarint(if isThere: Bool) -> UInt64 {
    let word = UInt64(littleEndian: UnsafeRawPointer(at).loadUnaligned(as: UInt64.self))
    let ends = ~word & 0x8080_8080_8080_8080
    if ends == 0 && isThere { return varint() }
    let mask: UInt64 = isThere ? .max : 0
    at += Int(truncatingIfNeeded: UInt64(truncatingIfNeeded: (ends.trailingZeroBitCount &+ 1) &>> 3) & mask)
    return Self.gathered(word & (ends ^ (ends &- 1)) & mask)
  }

  /// Seven bits of each byte, put together.
  @inlinable @inline(__always)
  static func gathered(_ word: UInt64) -> UInt64 {
    var word = word & 0x7F7F_7F7F_7F7F_7F7F
    word = word & 0x007F_007F_007F_007F | (word & 0x7F00_7F00_7F00_7F00) &>> 1
    word = word & 0x0000_3FFF_0000_3FFF | (word & 0x3FFF_0000_3FFF_0000) &>> 2
    return word & 0x0FFF_FFFF | (word & 0x0FFF_FFFF_0000_0000) &>> 4
  }

  /// As `varint`.
  @inlinable @inline(__always)
  public mutating func quickVarint() -> UInt64 {
    guard remaining >= 8 else { return varint() }
    let first = at.pointee
    if first < 128 {
      at += 1
      return UInt64(first)
    }
    let word = UInt64(littleEndian: UnsafeRawPointer(at).loadUnaligned(as: UInt64.self))
    let ends = ~word & 0x8080_8080_8080_8080
    if ends == 0 { return varint() }
    at += (ends.trailingZeroBitCount &+ 1) &>> 3
    // Up to the first byte that does not go on.
    return Self.gathered(word & (ends ^ (ends &- 1)))
  }
}
