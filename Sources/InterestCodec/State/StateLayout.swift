import Bytes
import InterestModel

/// The outer layout of a stored state:
///
///     byte    version (1)
///     varint  size of the directory in bytes
///     directory:
///       varint  last_ms of the user's newest behavior
///       for each group, ascending: varint step from the group before, varint newest last_ms - its last_ms, varint size of its block
///     blocks, in the same order
///
/// The directory tells where each group lies, so that a few of thousands can be read alone.
///
/// An envelope (first byte 255) holds what a fold could not read: varint size and bytes of the state folded from what it could,
/// then the same for every operand that it could not.
public enum StateLayout {
  /// The layout's version: the first byte of every state.
  public static var current: Int { Int(version) }
  static var version: UInt8 { 1 }
  static var damaged: UInt8 { 255 }
  static var maximumHeaderSize: Int { 1 + 10 }
  static var maximumEntrySize: Int { 5 + 10 + 5 }

  /// How many groups a state has, as far as it can be read.
  public static func groupCount(of state: UnsafeRawBufferPointer) -> Int {
    guard var cursor = StateCursor(state) else { return 0 }
    var count = 0
    while cursor.next() { count += 1 }
    return count
  }

  /// Whether a stored value says of itself that part of it could not be read.
  public static func isEnvelope(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.first == damaged }
}

/// Walks a state's groups in order of id. Every step is checked; `isDamaged` tells why it ended.
struct StateCursor {
  private var directory: ByteReader
  private var blocks: ByteReader
  let newest_ms: Int64
  private(set) var group: UInt32 = 0
  private(set) var last_ms: Int64 = 0
  private(set) var block: UnsafeRawBufferPointer
  private(set) var isDamaged = false
  private var isFirst = true

  /// Nil where the bytes do not begin as a state.
  @inline(__always)
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress, bytes.count > 2, bytes[0] == StateLayout.version else { return nil }
    var reader = ByteReader(start.assumingMemoryBound(to: UInt8.self) + 1, count: bytes.count - 1)
    let size = reader.varint()
    let entries = reader.bytes(size)
    guard !reader.failed, let first = entries.baseAddress, entries.count > 0 else { return nil }
    directory = ByteReader(first.assumingMemoryBound(to: UInt8.self), count: entries.count, memoryEnd: reader.end)
    blocks = reader
    newest_ms = Int64(truncatingIfNeeded: directory.varint())
    block = .init(start: first, count: 0)
    guard !directory.failed, Behavior.times_ms.contains(newest_ms) else { return nil }
  }

  /// Of `block`, which has more of the state behind it.
  var blockReader: ByteReader {
    @inline(__always) get {
      ByteReader(
        block.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self), count: block.count,
        memoryEnd: blocks.end)
    }
  }

  /// Steps to the next group. False at the end, or where the bytes are damaged.
  @inline(__always)
  mutating func next() -> Bool {
    if directory.isAtEnd {
      isDamaged = !directory.isWhole || !blocks.isWhole
      return false
    }
    let step = directory.quickVarint()
    let age = directory.quickVarint()
    let size = directory.quickVarint()
    block = blocks.bytes(size)
    let next = UInt64(group) &+ step
    guard
      !directory.failed, !blocks.failed, size > 0, step <= UInt64(UInt32.max), next <= UInt64(UInt32.max),
      step > 0 || isFirst,
      age < UInt64(bitPattern: newest_ms)
    else {
      isDamaged = true
      return false
    }
    isFirst = false
    group = UInt32(truncatingIfNeeded: next)
    last_ms = newest_ms &- Int64(truncatingIfNeeded: age)
    return true
  }
}

/// Puts a state together: groups ascending, then `finish`. Its memory is reused from state to state.
struct StateAssembler: ~Copyable {
  private var directory = ByteBuffer(capacity: 1 << 10)
  private var blocks = ByteBuffer(capacity: 1 << 13)
  private var output = ByteBuffer(capacity: 1 << 13)
  private var group: UInt32 = 0
  private var newest_ms: Int64 = 0

  mutating func begin(newest_ms: Int64) {
    directory.clear()
    blocks.clear()
    group = 0
    self.newest_ms = newest_ms
    let start = directory.reserve(10).assumingMemoryBound(to: UInt8.self)
    var at = start
    writeVarint(UInt64(bitPattern: newest_ms), &at)
    directory.commit(at - start)
  }

  /// Adds a group whose block is there already.
  @inline(__always)
  mutating func add(group: UInt32, last_ms: Int64, block: UnsafeRawBufferPointer) {
    blocks.append(block)
    enter(group, last_ms, block.count)
  }

  /// Adds a group from its kept behaviors, newest first, and its statistics where there are more.
  @inline(__always)
  mutating func add(
    group: UInt32, kept: UnsafePointer<Behavior>, _ count: Int, statistics: UnsafePointer<Statistics>?
  ) {
    let start = blocks.reserve(GroupBlock.maximumSize(kept: count)).assumingMemoryBound(to: UInt8.self)
    var at = start
    GroupBlock.write(kept, count, statistics, &at)
    blocks.commit(at - start)
    enter(group, kept[0].time_ms, at - start)
  }

  /// The state's bytes, which lie here until the next `finish`.
  mutating func finish() -> UnsafeRawBufferPointer {
    output.clear()
    let start = output.reserve(StateLayout.maximumHeaderSize).assumingMemoryBound(to: UInt8.self)
    var at = start
    at.pointee = StateLayout.version
    at += 1
    writeVarint(UInt64(directory.count), &at)
    output.commit(at - start)
    output.append(directory.bytes)
    output.append(blocks.bytes)
    return output.bytes
  }

  /// Wraps the folded state and the operands that could not be read in an envelope. `state` may be empty.
  mutating func envelope(_ state: [UInt8], _ unreadable: [[UInt8]]) -> UnsafeRawBufferPointer {
    blocks.clear()
    blocks.append(StateLayout.damaged)
    for part in [state] + unreadable {
      let start = blocks.reserve(10).assumingMemoryBound(to: UInt8.self)
      var at = start
      writeVarint(UInt64(part.count), &at)
      blocks.commit(at - start)
      part.withUnsafeBytes { blocks.append($0) }
    }
    return blocks.bytes
  }

  @inline(__always)
  private mutating func enter(_ group: UInt32, _ last_ms: Int64, _ size: Int) {
    let start = directory.reserve(StateLayout.maximumEntrySize).assumingMemoryBound(to: UInt8.self)
    var at = start
    writeVarint(UInt64(group &- self.group), &at)
    writeVarint(UInt64(bitPattern: newest_ms &- last_ms), &at)
    writeVarint(UInt64(truncatingIfNeeded: size), &at)
    directory.commit(at - start)
    self.group = group
  }
}
