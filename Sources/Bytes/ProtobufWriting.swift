import Glibc

/// Protobuf's wire format, written straight into a buffer (protobuf.dev/programming-guides/encoding).
extension ByteBuffer {
  /// A field's number and wire type: 0 is a varint, 2 is bytes behind their length.
  @inlinable @inline(__always)
  public mutating func append(tag field: Int, wireType: Int) { append(varint: UInt64(field &<< 3 | wireType)) }

  @inlinable @inline(__always)
  public mutating func append(varint value: UInt64) {
    let start = reserve(10).assumingMemoryBound(to: UInt8.self)
    var at = start
    writeVarint(value, &at)
    commit(at - start)
  }

  /// Left out where it is 0, as proto3 has it.
  public mutating func append(field: Int, varint value: UInt64) {
    if value == 0 { return }
    append(tag: field, wireType: 0)
    append(varint: value)
  }

  /// Left out where it is empty, as proto3 has it.
  public mutating func append(field: Int, bytes: UnsafeRawBufferPointer) {
    if bytes.count > 0 { append(field: field, message: bytes) }
  }

  public mutating func append(field: Int, text: String) {
    var text = text
    text.withUTF8 { append(field: field, bytes: UnsafeRawBufferPointer($0)) }
  }

  /// There also where it is empty.
  public mutating func append(field: Int, message: UnsafeRawBufferPointer) {
    append(tag: field, wireType: 2)
    append(varint: UInt64(message.count))
    append(message)
  }

  /// A packed column of `count` varints; left out where it is empty.
  ///
  /// - Parameter areSmall: Whether they are expected to be below 128, nearly always all of them.
  @inlinable @inline(__always)
  public mutating func append(field: Int, count: Int, areSmall: Bool = false, _ value: (Int) -> UInt64) {
    if count == 0 { return }
    append(tag: field, wireType: 2)
    // The length is known afterwards, and takes two bytes mostly: where it does not, the column is moved.
    let start = reserve(10 &* count &+ 16).assumingMemoryBound(to: UInt8.self)
    if areSmall {
      // All of them as bytes first, which is quicker than to look at each.
      var first = start
      writeVarint(UInt64(truncatingIfNeeded: count), &first)
      var seen: UInt64 = 0
      for index in 0..<count {
        let value = value(index)
        seen |= value
        first[index] = UInt8(truncatingIfNeeded: value)
      }
      if seen < 128 { return commit(first + count - start) }
    }
    let first = start + 2
    var at = first
    for index in 0..<count { writeQuickVarint(value(index), &at) }
    finishColumn(start, at - first)
  }

  /// Puts the length before a column of `size` bytes that begins two bytes behind `start`.
  @usableFromInline
  mutating func finishColumn(_ start: UnsafeMutablePointer<UInt8>, _ size: Int) {
    let lengthSize = varintSize(UInt64(truncatingIfNeeded: size))
    if lengthSize != 2 { memmove(start + lengthSize, start + 2, size) }
    var length = start
    writeVarint(UInt64(truncatingIfNeeded: size), &length)
    commit(size &+ lengthSize)
  }
}
