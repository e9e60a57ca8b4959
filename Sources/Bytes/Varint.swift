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
  /// Memory may be looked at up to here, though what is read ends before.
  @usableFromInline let memoryEnd: UnsafePointer<UInt8>
  public var failed = false

  @inlinable @inline(__always)
  public init(_ start: UnsafePointer<UInt8>, count: Int) {
    self.init(start, count: count, memoryEnd: start + count)
  }

  /// A part of a larger piece of memory, whose last bytes are read as quickly as the others. A quick read may pass the end: then
  /// nothing `isWhole` any more.
  ///
  /// - Parameter memoryEnd: Not before the part's end.
  @inlinable @inline(__always)
  public init(_ start: UnsafePointer<UInt8>, count: Int, memoryEnd: UnsafePointer<UInt8>) {
    at = start
    end = start + count
    self.memoryEnd = memoryEnd
  }

  @inlinable public var isAtEnd: Bool {
    @inline(__always) get { at >= end }
  }

  /// Whether everything was there, and nothing is left.
  @inlinable public var isWhole: Bool {
    @inline(__always) get { at == end && !failed }
  }

  @inlinable public var remaining: Int {
    @inline(__always) get { max(end - at, 0) }
  }

  /// Whether eight bytes can be looked at at once.
  @inlinable public var hasWord: Bool {
    @inline(__always) get { memoryEnd - at >= 8 }
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
