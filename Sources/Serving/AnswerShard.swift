import Bytes
import Glibc
import InterestStore
import Threads

/// A part of the cache: open addressing from hash to an entry in memory of its own, evicted by second chance.
final class AnswerShard: @unchecked Sendable {  // all fields are guarded by `mutex`
  /// Before the user's bytes and the answer's.
  private struct Header {
    var hash: UInt64
    var key: AnswerKey
    var proof: AnswerProof
    var userCount: UInt32
    var answerCount: UInt32
    /// What follows this header may have so many bytes.
    var room: UInt32
    var isKnown: Bool
    /// Asked for since the hand passed last.
    var isUsed: Bool
  }

  private typealias Entry = UnsafeMutablePointer<Header>

  private let mutex = Mutex()
  private let limit_bytes: Int
  private var slots: UnsafeMutablePointer<Entry?>
  /// The upper half of each entry's hash, so that others are passed without a look at them.
  private var tags: UnsafeMutablePointer<UInt32>
  private var mask: Int
  private var hand = 0
  private var figures = AnswerCache.Figures()

  private static var firstCapacity: Int { 64 }
  private static var slotSize: Int { MemoryLayout<Entry?>.stride + MemoryLayout<UInt32>.stride }
  private static var headerSize: Int { MemoryLayout<Header>.stride }

  init(limit_bytes: Int) {
    self.limit_bytes = limit_bytes
    mask = Self.firstCapacity - 1
    (slots, tags) = Self.table(Self.firstCapacity)
    figures.bytes = Self.firstCapacity * Self.slotSize
  }

  deinit {
    for slot in 0...mask { free(slots[slot]) }
    slots.deallocate()
    tags.deallocate()
  }

  private static func table(_ capacity: Int) -> (UnsafeMutablePointer<Entry?>, UnsafeMutablePointer<UInt32>) {
    let slots = UnsafeMutablePointer<Entry?>.allocate(capacity: capacity)
    slots.initialize(repeating: nil, count: capacity)
    let tags = UnsafeMutablePointer<UInt32>.allocate(capacity: capacity)
    tags.initialize(repeating: 0, count: capacity)
    return (slots, tags)
  }

  func find(
    _ hash: UInt64, _ user: UnsafeRawBufferPointer, _ key: AnswerKey, into output: inout ByteBuffer
  ) -> (proof: AnswerProof, isKnown: Bool)? {
    mutex.withLock {
      guard let entry = slots[slot(of: hash, user, key)] else {
        figures.misses &+= 1
        return nil
      }
      figures.hits &+= 1
      entry.pointee.isUsed = true
      output.append(
        UnsafeRawBufferPointer(
          start: Self.bytes(of: entry) + Int(entry.pointee.userCount), count: Int(entry.pointee.answerCount)))
      return (entry.pointee.proof, entry.pointee.isKnown)
    }
  }

  func countStale() {
    mutex.withLock {
      figures.hits &-= 1
      figures.misses &+= 1
      figures.stale &+= 1
    }
  }

  func keep(
    _ hash: UInt64, _ user: UnsafeRawBufferPointer, _ key: AnswerKey, _ proof: AnswerProof, isKnown: Bool,
    _ answer: UnsafeRawBufferPointer
  ) {
    let size = user.count + answer.count
    // One answer is not to drive out all others.
    guard size < limit_bytes / 8 else { return }
    mutex.withLock {
      let known = slot(of: hash, user, key)
      if let entry = slots[known] {
        let room = Int(entry.pointee.room)
        if size <= room && room <= 2 * size + 256 {
          return Self.write(to: entry, hash, user, key, proof, isKnown, answer, room: room, isUsed: true)
        }
        remove(known)
      }
      let block = Self.blockSize(of: size)
      guard makeRoom(for: block), let entry = malloc(block)?.bindMemory(to: Header.self, capacity: 1) else { return }
      Self.write(
        to: entry, hash, user, key, proof, isKnown, answer, room: block - Self.headerSize, isUsed: false)
      let slot = slot(of: hash, user, key)
      slots[slot] = entry
      tags[slot] = Self.tag(hash)
      figures.answers += 1
      figures.bytes += block
    }
  }

  func add(to sum: inout AnswerCache.Figures) {
    mutex.withLock {
      sum.hits &+= figures.hits
      sum.misses &+= figures.misses
      sum.stale &+= figures.stale
      sum.evictions &+= figures.evictions
      sum.answers += figures.answers
      sum.bytes += figures.bytes
    }
  }

  // MARK: Entries

  /// What an entry of so many bytes takes: the sizes that jemalloc has, four to each power of two, so that what is counted is what is
  /// taken.
  private static func blockSize(of size: Int) -> Int {
    let wanted = headerSize + size
    let step = max(1 << (Int.bitWidth - 1 - (wanted - 1).leadingZeroBitCount - 2), 16)
    return (wanted + step - 1) & ~(step - 1)
  }

  @inline(__always)
  private static func bytes(of entry: Entry) -> UnsafeMutableRawPointer { UnsafeMutableRawPointer(entry) + headerSize }

  private static func write(
    to entry: Entry, _ hash: UInt64, _ user: UnsafeRawBufferPointer, _ key: AnswerKey, _ proof: AnswerProof,
    _ isKnown: Bool, _ answer: UnsafeRawBufferPointer, room: Int, isUsed: Bool
  ) {
    entry.initialize(
      to: Header(
        hash: hash, key: key, proof: proof, userCount: UInt32(user.count), answerCount: UInt32(answer.count),
        room: UInt32(room), isKnown: isKnown, isUsed: isUsed))
    memcpy(bytes(of: entry), user.baseAddress.unsafelyUnwrapped, user.count)
    if let source = answer.baseAddress { memcpy(bytes(of: entry) + user.count, source, answer.count) }
  }

  // MARK: The table

  @inline(__always)
  private static func tag(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash >> 32) }

  /// Where the entry is, or would go.
  @inline(__always)
  private func slot(of hash: UInt64, _ user: UnsafeRawBufferPointer, _ key: AnswerKey) -> Int {
    var slot = Int(truncatingIfNeeded: hash) & mask
    let tag = Self.tag(hash)
    while let entry = slots[slot] {
      if tags[slot] == tag && entry.pointee.hash == hash && entry.pointee.key == key
        && Int(entry.pointee.userCount) == user.count
        && memcmp(Self.bytes(of: entry), user.baseAddress.unsafelyUnwrapped, user.count) == 0
      {
        return slot
      }
      slot = (slot &+ 1) & mask
    }
    return slot
  }

  /// False where it cannot be made.
  private func makeRoom(for block: Int) -> Bool {
    if 2 * (figures.answers + 1) > mask {
      let capacity = 2 * (mask + 1)
      if figures.bytes + capacity * Self.slotSize / 2 + block < limit_bytes { grow(to: capacity) }
    }
    while figures.answers > 0 && (figures.bytes + block > limit_bytes || 2 * figures.answers > mask) { evict() }
    return figures.bytes + block <= limit_bytes
  }

  private func grow(to capacity: Int) {
    let (oldSlots, oldTags, oldMask) = (slots, tags, mask)
    (slots, tags) = Self.table(capacity)
    mask = capacity - 1
    hand = 0
    for old in 0...oldMask {
      guard let entry = oldSlots[old] else { continue }
      var slot = Int(truncatingIfNeeded: entry.pointee.hash) & mask
      while slots[slot] != nil { slot = (slot + 1) & mask }
      slots[slot] = entry
      tags[slot] = oldTags[old]
    }
    figures.bytes += (mask - oldMask) * Self.slotSize
    oldSlots.deallocate()
    oldTags.deallocate()
  }

  /// Removes the next entry that was not asked for since the hand passed it.
  private func evict() {
    while true {
      if let entry = slots[hand] {
        if !entry.pointee.isUsed {
          remove(hand)
          figures.evictions &+= 1
          return
        }
        entry.pointee.isUsed = false
      }
      hand = (hand + 1) & mask
    }
  }

  /// Closes the gap, so that searches need no marks of what was removed.
  private func remove(_ slot: Int) {
    guard let entry = slots[slot] else { return }
    figures.answers -= 1
    figures.bytes -= Self.headerSize + Int(entry.pointee.room)
    free(entry)
    var gap = slot
    var next = (slot + 1) & mask
    while let follower = slots[next] {
      let home = Int(truncatingIfNeeded: follower.pointee.hash) & mask
      // It may move up unless its home lies behind the gap.
      if (next &- home) & mask >= (next &- gap) & mask {
        slots[gap] = follower
        tags[gap] = tags[next]
        gap = next
      }
      next = (next + 1) & mask
    }
    slots[gap] = nil
  }
}
