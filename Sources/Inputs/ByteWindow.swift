import Bytes
import Glibc

/// The part of an input that is in memory: bytes read and not yet consumed, and the hash of all that were consumed.
///
/// At least `padding` bytes behind any byte of the window are readable.
struct ByteWindow: ~Copyable {
  static let padding = 64
  /// Read at once.
  static let piece = 1 << 20

  let source: any ByteSource
  private let memory: UnsafeMutableRawPointer
  private let capacity: Int
  private var start = 0
  private var end = 0
  /// The position of the memory's first byte.
  private var base: UInt64 = 0
  /// Where in memory the search for a newline has got to.
  private var searched = 0
  private var isAtEnd = false
  // Bytes are hashed when they leave the memory, or when somebody asks: in large pieces.
  private var hash = ContentHash()
  private var hashed = 0

  /// - Parameter largest: A caller never refills while it has more than so many bytes.
  init(_ source: any ByteSource, largest: Int) {
    self.source = source
    capacity = largest + Self.piece
    memory = .allocate(byteCount: capacity + Self.padding, alignment: 64)
    memset(memory + capacity, 0, Self.padding)
  }

  deinit { memory.deallocate() }

  var count: Int { end &- start }

  /// The first byte that is not consumed, counted in the input's decompressed bytes.
  var position: UInt64 { base &+ UInt64(truncatingIfNeeded: start) }

  /// The byte before `position`, where it is still in memory: always after `skip`.
  var lastConsumed: UInt8? { start > 0 ? (memory + (start &- 1)).load(as: UInt8.self) : nil }

  /// Good until the next `refill`.
  @inline(__always)
  func prefix(_ count: Int) -> UnsafeRawBufferPointer {
    assert(count <= self.count)
    return .init(start: memory + start, count: count)
  }

  @inline(__always)
  mutating func consume(_ count: Int) {
    assert(count <= self.count)
    start &+= count
  }

  /// The distance to the first newline; no byte is looked at twice.
  @inline(__always)
  mutating func distanceToNewline() -> Int? {
    let from = max(start, searched)
    guard let found = memchr(memory + from, 0x0A, end &- from) else {
      searched = end
      return nil
    }
    return UnsafeRawPointer(found) - UnsafeRawPointer(memory + start)
  }

  /// Reads on behind what there is; false at the end.
  mutating func refill() throws(InputError) -> Bool {
    if isAtEnd { return false }
    if capacity - end < Self.piece { moveDown() }
    let room = UnsafeMutableRawBufferPointer(start: memory + end, count: min(capacity - end, Self.piece))
    let count = try source.read(into: room)
    end += count
    isAtEnd = count == 0
    return !isAtEnd
  }

  /// Reads until there are `count` bytes, or the end.
  mutating func refill(toHold count: Int) throws(InputError) {
    while self.count < count { guard try refill() else { return } }
  }

  /// Consumes `count` bytes, reading as needed; the number that the input lacks.
  mutating func skip(_ count: UInt64) throws(InputError) -> UInt64 {
    var left = count
    while left > 0 {
      let step = Int(min(left, UInt64(self.count)))
      consume(step)
      left -= UInt64(step)
      if left > 0 { guard try refill() else { break } }
    }
    return left
  }

  /// The hash of all bytes before `position`.
  mutating func consumedHash() -> (high: UInt64, low: UInt64) {
    hash.update(.init(start: memory + hashed, count: start - hashed))
    hashed = start
    return hash.value
  }

  private mutating func moveDown() {
    hash.update(.init(start: memory + hashed, count: start - hashed))
    memmove(memory, memory + start, count)
    base += UInt64(start)
    searched = max(searched - start, 0)
    end -= start
    start = 0
    hashed = 0
  }
}
