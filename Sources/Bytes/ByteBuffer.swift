import Glibc

/// Growable raw bytes with one owner; its memory is kept by `clear` and reused.
public struct ByteBuffer: ~Copyable, @unchecked Sendable {  // it owns its memory, and moves from thread to thread whole
  @usableFromInline var base: UnsafeMutableRawPointer
  @usableFromInline var capacity: Int
  @usableFromInline var used = 0

  public init(capacity: Int = 256) {
    self.capacity = max(capacity, 16)
    base = .allocate(byteCount: self.capacity, alignment: 16)
  }

  deinit { base.deallocate() }

  /// Bytes written so far.
  @inlinable public var count: Int {
    @inline(__always) get { used }
  }

  /// The bytes written so far; the pointer is good until the next change.
  public var bytes: UnsafeRawBufferPointer { .init(start: base, count: count) }

  /// Memory held, written or not.
  public var capacity_bytes: Int { capacity }

  public mutating func clear() { used = 0 }

  /// Gives memory above `limit` bytes back. Only when empty.
  public mutating func shrink(to limit: Int) {
    guard count == 0 && capacity > limit else { return }
    base.deallocate()
    capacity = max(limit, 16)
    base = .allocate(byteCount: capacity, alignment: 16)
  }

  /// Room for `size` more bytes behind those written; `commit` says how many were used.
  @inlinable @inline(__always)
  public mutating func reserve(_ size: Int) -> UnsafeMutableRawPointer {
    if count &+ size > capacity { grow(to: count + size) }
    return base + count
  }

  @inlinable @inline(__always)
  public mutating func commit(_ size: Int) {
    used &+= size
    assert(count <= capacity)
  }

  /// Makes room for `size` bytes at `offset` of those written, by moving what follows, and leaves them to be filled: for what is known
  /// only after its end, such as a length.
  public mutating func insert(_ size: Int, at offset: Int) -> UnsafeMutableRawPointer {
    _ = reserve(size)
    memmove(base + offset + size, base + offset, count - offset)
    used += size
    return base + offset
  }

  /// The bytes written from `offset` on, to be changed in place; good until the next other change.
  public mutating func written(from offset: Int) -> UnsafeMutableRawBufferPointer {
    .init(start: base + offset, count: count - offset)
  }

  /// Forgets what lies behind the first `size` bytes.
  public mutating func truncate(to size: Int) { used = min(count, size) }

  /// Forgets the first `size` bytes and moves the others down.
  public mutating func removeFirst(_ size: Int) {
    memmove(base, base + size, count - size)
    used -= size
  }

  public mutating func append(_ byte: UInt8) {
    reserve(1).storeBytes(of: byte, as: UInt8.self)
    commit(1)
  }

  public mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress, bytes.count > 0 else { return }
    memcpy(reserve(bytes.count), source, bytes.count)
    commit(bytes.count)
  }

  public mutating func append(_ text: StaticString) {
    memcpy(reserve(text.utf8CodeUnitCount), text.utf8Start, text.utf8CodeUnitCount)
    commit(text.utf8CodeUnitCount)
  }

  public mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }

  /// In decimal.
  public mutating func append(decimal value: UInt64) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
      var first = 20
      var rest = value
      repeat {
        first &-= 1
        digits[first] = UInt8(truncatingIfNeeded: rest % 10) &+ 48
        rest /= 10
      } while rest > 0
      append(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(digits)[first..<20]))
    }
  }

  public mutating func append(decimal value: Int64) {
    if value < 0 { append(UInt8(ascii: "-")) }
    append(decimal: value.magnitude)
  }

  @inline(never) @usableFromInline
  mutating func grow(to size: Int) {
    capacity = max(size, 2 * capacity)
    let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
    larger.copyMemory(from: base, byteCount: count)
    base.deallocate()
    base = larger
  }
}
