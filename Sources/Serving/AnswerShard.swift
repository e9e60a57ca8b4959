import Bytes
import Glibc
import InterestStore
import Synchronization
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

  private struct Slot {
    var entry: Entry?
    /// The upper half of the entry's hash, so that others are passed without a look at them.
    var tag: UInt32 = 0
  }

  private let mutex = Mutex()
  private let limit_bytes: Int
  private var slots: UnsafeMutablePointer<Slot>
  private var mask: Int
  /// `slots` and `mask`, perhaps out of date, for `foreseeSlot`, which is without the lock.
  private let hintedSlots = Atomic<UInt>(0)
  private let hintedMask = Atomic<Int>(0)
  private var hand = 0
  private var figures = AnswerCache.Figures()

  private static var firstCapacity: Int { 64 }
  private static var slotSize: Int { MemoryLayout<Slot>.stride }
  /// Of an answer, so much is brought near: more would drive out what was brought before.
  private static var foreseen_bytes: Int { 4096 }
  private static var headerSize: Int { MemoryLayout<Header>.stride }

  init(limit_bytes: Int) {
    self.limit_bytes = limit_bytes
    mask = Self.firstCapacity - 1
    slots = Self.table(Self.firstCapacity)
    figures.bytes = Self.firstCapacity * Self.slotSize
    hint()
  }

  deinit {
    for slot in 0...mask { free(slots[slot].entry) }
    slots.deallocate()
  }

  private static func table(_ capacity: Int) -> UnsafeMutablePointer<Slot> {
    let slots = UnsafeMutablePointer<Slot>.allocate(capacity: capacity)
    slots.initialize(repeating: Slot(), count: capacity)
    return slots
  }

  private func hint() {
    hintedSlots.store(UInt(bitPattern: slots), ordering: .relaxed)
    hintedMask.store(mask, ordering: .relaxed)
  }

  // MARK: Finding

  /// Brings an answer's place in the table near. Then `foreseeEntry` does not wait for it.
  @inline(__always)
  func foreseeSlot(_ hash: UInt64) {
    let slot = Int(truncatingIfNeeded: hash) & hintedMask.load(ordering: .relaxed)
    // Within the table, or within a former one.
    let address = hintedSlots.load(ordering: .relaxed) &+ UInt(slot &* Self.slotSize)
    prefetch(UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address), count: 1), atMost: 1)
  }

  /// Brings an answer near, if it is where it probably is. Then `find` does not wait for it.
  func foreseeEntry(_ hash: UInt64) {
    mutex.withLock {
      let slot = slots[Int(truncatingIfNeeded: hash) & mask]
      guard let entry = slot.entry, slot.tag == Self.tag(hash) else { return }
      // How long it is cannot be asked for without waiting: most are about as long as the mean.
      let mean_bytes = figures.bytes / max(figures.answers, 1)
      prefetch(UnsafeRawBufferPointer(start: entry, count: mean_bytes), atMost: Self.foreseen_bytes)
    }
  }

  /// Appends an answer that `holds`; nil where there is none. Otherwise whether the user is known.
  @inline(__always)
  func find(
    _ hash: UInt64, _ user: UnsafeRawBufferPointer, _ key: AnswerKey, into output: inout ByteBuffer,
    where holds: (AnswerProof) -> Bool
  ) -> Bool? {
    mutex.withLock {
      guard let entry = slots[slot(of: hash, user, key)].entry else {
        figures.misses &+= 1
        return nil
      }
      guard holds(entry.pointee.proof) else {
        figures.misses &+= 1
        figures.stale &+= 1
        return nil
      }
      figures.hits &+= 1
      // A line that is only read need not be written back.
      if !entry.pointee.isUsed { entry.pointee.isUsed = true }
      output.append(
        UnsafeRawBufferPointer(
          start: Self.bytes(of: entry) + Int(entry.pointee.userCount), count: Int(entry.pointee.answerCount)))
      return entry.pointee.isKnown
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
      if let entry = slots[known].entry {
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
      slots[slot(of: hash, user, key)] = Slot(entry: entry, tag: Self.tag(hash))
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
    while let entry = slots[slot].entry {
      if slots[slot].tag == tag && entry.pointee.hash == hash && entry.pointee.key == key
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
    let (old, oldMask) = (slots, mask)
    slots = Self.table(capacity)
    mask = capacity - 1
    hand = 0
    for index in 0...oldMask {
      guard let entry = old[index].entry else { continue }
      var slot = Int(truncatingIfNeeded: entry.pointee.hash) & mask
      while slots[slot].entry != nil { slot = (slot + 1) & mask }
      slots[slot] = old[index]
    }
    figures.bytes += (mask - oldMask) * Self.slotSize
    hint()
    old.deallocate()
  }

  /// Removes the next entry that was not asked for since the hand passed it.
  private func evict() {
    while true {
      if let entry = slots[hand].entry {
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
    guard let entry = slots[slot].entry else { return }
    figures.answers -= 1
    figures.bytes -= Self.headerSize + Int(entry.pointee.room)
    free(entry)
    var gap = slot
    var next = (slot + 1) & mask
    while let follower = slots[next].entry {
      let home = Int(truncatingIfNeeded: follower.pointee.hash) & mask
      // It may move up unless its home lies behind the gap.
      if (next &- home) & mask >= (next &- gap) & mask {
        slots[gap] = slots[next]
        gap = next
      }
      next = (next + 1) & mask
    }
    slots[gap].entry = nil
  }
}
