/// Varints of several bytes without a step, and a branch, for each: for columns of numbers whose sizes differ. Eight bytes are spread or
/// gathered at once (little end first); longer varints take the plain way.

/// As `writeVarint`, but may write up to eight bytes from `at` on whatever the value, and ten where it is large.
@inlinable @inline(__always)
public func writeQuickVarint(_ value: UInt64, _ at: inout UnsafeMutablePointer<UInt8>) {
  if value >= 1 &<< 56 { return writeVarint(value, &at) }
  let size = varintSize(value)
  let goOn: UInt64 = (1 &<< UInt64(truncatingIfNeeded: 8 &* size &- 8)) &- 1
  let bytes = spread(value) | 0x8080_8080_8080_8080 & goOn
  UnsafeMutableRawPointer(at).storeBytes(of: bytes.littleEndian, as: UInt64.self)
  at += size
}

/// As `writeVarint` for a value whose varint has six bytes (35 to 42 bits). Writes eight bytes.
@inlinable @inline(__always)
public func writeVarint(ofSixBytes value: UInt64, _ at: UnsafeMutablePointer<UInt8>) {
  let bytes = spread(value) | 0x80_8080_8080
  UnsafeMutableRawPointer(at).storeBytes(of: bytes.littleEndian, as: UInt64.self)
}

/// Seven bits to a byte, of a value below 2^56: halves, quarters, bytes.
@inlinable @inline(__always)
func spread(_ value: UInt64) -> UInt64 {
  var spread = value & 0x0FFF_FFFF | (value & 0x00FF_FFFF_F000_0000) &<< 4
  spread = spread & 0x0000_3FFF_0000_3FFF | (spread & 0x0FFF_C000_0FFF_C000) &<< 2
  return spread & 0x007F_007F_007F_007F | (spread & 0x3F80_3F80_3F80_3F80) &<< 1
}

extension ByteReader {
  /// As `quickVarint` where `isThere`, and 0 otherwise: without a branch to guess wrong. Only where it `hasWord`.
  @inlinable @inline(__always)
  public mutating func quickVarint(if isThere: Bool) -> UInt64 {
    let word = UInt64(littleEndian: UnsafeRawPointer(at).loadUnaligned(as: UInt64.self))
    let ends = ~word & 0x8080_8080_8080_8080
    if ends == 0 && isThere { return varint() }
    let mask: UInt64 = isThere ? .max : 0
    at += Int(truncatingIfNeeded: UInt64(truncatingIfNeeded: (ends.trailingZeroBitCount &+ 1) &>> 3) & mask)
    return Self.gathered(word & (ends ^ (ends &- 1)) & mask)
  }

  /// As `quickVarint(if:)`, and passes the varint on as it is; a 0 where there is none. May write up to ten bytes.
  @inlinable @inline(__always)
  public mutating func passVarint(if isThere: Bool, to output: inout UnsafeMutablePointer<UInt8>) -> UInt64 {
    guard hasWord else { return passLongVarint(if: isThere, to: &output) }
    let word = UInt64(littleEndian: UnsafeRawPointer(at).loadUnaligned(as: UInt64.self))
    let ends = ~word & 0x8080_8080_8080_8080
    if ends == 0 && isThere { return passLongVarint(if: true, to: &output) }
    let bytes = word & (ends ^ (ends &- 1)) & (isThere ? .max : 0)
    let size = (ends.trailingZeroBitCount &+ 1) &>> 3
    UnsafeMutableRawPointer(output).storeBytes(of: bytes.littleEndian, as: UInt64.self)
    at += isThere ? size : 0
    output += isThere ? size : 1
    return Self.gathered(bytes)
  }

  /// Passes `count` varints on as they are. May write up to eight bytes more than they have.
  @inlinable @inline(__always)
  public mutating func passVarints(_ count: Int, to output: inout UnsafeMutablePointer<UInt8>) {
    var left = count
    while left > 0 {
      let word = hasWord ? UInt64(littleEndian: UnsafeRawPointer(at).loadUnaligned(as: UInt64.self)) : .max
      var ends = ~word & 0x8080_8080_8080_8080
      if ends == 0 {
        _ = passLongVarint(if: true, to: &output)
        left &-= 1
        continue
      }
      UnsafeMutableRawPointer(output).storeBytes(of: word.littleEndian, as: UInt64.self)
      // As many as end in these eight bytes, one bit for each.
      let there = Int(truncatingIfNeeded: (ends &>> 7 &* 0x0101_0101_0101_0101) &>> 56)
      let size: Int
      if there <= left {
        size = 8 &- ends.leadingZeroBitCount &>> 3
      } else {
        for _ in 1..<left { ends &= ends &- 1 }
        size = (ends.trailingZeroBitCount &+ 1) &>> 3
      }
      at += size
      output += size
      left &-= min(there, left)
    }
  }

  @inlinable @inline(never)
  mutating func passLongVarint(if isThere: Bool, to output: inout UnsafeMutablePointer<UInt8>) -> UInt64 {
    let value = isThere ? varint() : 0
    writeVarint(value, &output)
    return value
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
    guard hasWord else { return varint() }
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
