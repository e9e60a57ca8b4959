/// Base-128 varints, least significant first, as Protobuf writes them: at most ten bytes.
@inlinable @inline(__always)
public func writeVarint(_ value: UInt64, _ at: inout UnsafeMutablePointer<UInt8>) {
  var value = value
  while value >= 128 {
    at.pointee = UInt8(truncatingIfNeeded: value) | 128
    at += 1
    value &>>= 7
  }
  at.pointee = UInt8(truncatingIfNeeded: value)
  at += 1
}

/// How many bytes `writeVarint` writes.
@inlinable @inline(__always)
public func varintSize(_ value: UInt64) -> Int { (70 &- (value | 1).leadingZeroBitCount) / 7 }

@inlinable @inline(__always)
public func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: (value &<< 1) ^ (value &>> 63)) }

@inlinable @inline(__always)
public func unzigzag(_ value: UInt64) -> Int64 { Int64(bitPattern: value &>> 1) ^ -Int64(bitPattern: value & 1) }

/// Reads bytes from outside: every read is checked against the end, and one that fails makes the reader `failed` for good, so
/// that a caller may read on and ask once.
@frozen
public struct ByteReader {
  public var at: UnsafePointer<UInt8>
  public let end: UnsafePointer<UInt8>
  public var failed = false

  @inlinable @inline(__always)
  public init(_ start: UnsafePointer<UInt8>, count: Int) {
    at = start
    end = start + count
  }

  @inlinable public var isAtEnd: Bool {
    @inline(__always) get { at >= end }
  }

  @inlinable public var remaining: Int {
    @inline(__always) get { end - at }
  }

  /// 0 where there is none, or where it is longer than 64 bits.
  @inlinable @inline(__always)
  public mutating func varint() -> UInt64 {
    guard at < end else { return fail() }
    let first = UInt64(at.pointee)
    at += 1
    if first < 128 { return first }
    var value = first & 127
    var shift: UInt64 = 7
    while at < end {
      let byte = UInt64(at.pointee)
      at += 1
      if shift == 63 && byte > 1 { return fail() }
      value |= (byte & 127) &<< shift
      if byte < 128 { return value }
      shift &+= 7
    }
    return fail()
  }

  /// `count` bytes, or an empty run where they are not there.
  @inlinable @inline(__always)
  public mutating func bytes(_ count: UInt64) -> UnsafeRawBufferPointer {
    guard count <= UInt64(truncatingIfNeeded: remaining) else {
      _ = fail()
      return .init(start: at, count: 0)
    }
    let start = at
    at += Int(truncatingIfNeeded: count)
    return .init(start: start, count: Int(truncatingIfNeeded: count))
  }

  @inlinable @inline(__always)
  public mutating func fail() -> UInt64 {
    failed = true
    at = end
    return 0
  }
}
