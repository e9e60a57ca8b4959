import Bytes
import Glibc
import InterestStore
import Synchronization
import Threads

/// A part of the cache: open addressing from hash to an entry. Where there is no more room, the oldest chunk of entries is emptied; those
/// that were asked for since it was last filled stay.
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
    /// Asked for since its chunk was filled.
    var isUsed: Bool
    /// Whether the table leads to it.
    var isLive = true
  }

  private typealias Entry = UnsafeMutablePointer<Header>

  private struct Slot {
    var entry: Entry?
    /// The upper half of the entry's hash, so that others are passed without a look at them.
    var tag: UInt32 = 0
  }

  private let mutex = Mutex()
  private var limit_bytes: Int
  private var chunks: AnswerChunks
  private var slots: UnsafeMutablePointer<Slot>
  private var mask: Int
  /// `slots` and `mask`, perhaps out of date, for `foreseeSlot`, which is without the lock.
  private let hintedSlots = Atomic<UInt>(0)
  private let hintedMask = Atomic<Int>(0)
  private var figures = AnswerCache.Figures()

  private static var firstCapacity: Int { 64 }
  private static var slotSize: Int { MemoryLayout<Slot>.stride }
  /// Of an answer, so much is brought near: more would drive out what was brought before.
  private static var foreseen_bytes: Int { 4096 }
  private static var headerSize: Int { MemoryLayout<Header>.stride }

  init(limit_bytes: Int) {
    self.limit_bytes = limit_bytes
    chunks = AnswerChunks(limit: limit_bytes)
    mask = Self.firstCapacity - 1
    slots = Self.table(Self.firstCapacity)
    hint()
  }

  deinit { slots.deallocate() }

  /// All that is taken.
  private var bytes: Int { chunks.bytes + (mask + 1) * Self.slotSize }

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
    // Within the table, within a former one, or behind one that has become smaller: where there is no memory, nothing happens.
    let address = hintedSlots.load(ordering: .relaxed) &+ UInt(slot &* Self.slotSize)
    prefetch(UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address), count: 1), atMost: 1)
  }

  /// Brings an answer near, if it is where it probably is. Then `find` does not wait for it.
  func foreseeEntry(_ hash: UInt64) {
    mutex.withLock {
      let slot = slots[Int(truncatingIfNeeded: hash) & mask]
      guard let entry = slot.entry, slot.tag == Self.tag(hash) else { return }
      // How long it is cannot be asked for without waiting: most are about as long as the mean.
      let mean_bytes = chunks.bytes / max(figures.answers, 1)
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
    mutex.withLock {
      let known = slot(of: hash, user, key)
      if let entry = slots[known].entry {
        let room = Int(entry.pointee.room)
        if size <= room && room <= 2 * size + 256 {
          return Self.write(to: entry, hash, user, key, proof, isKnown, answer, room: room, isUsed: true)
        }
        remove(known)
      }
      // One answer is not to drive out all others.
      guard size < limit_bytes / 8 else { return }
      let alignment = MemoryLayout<Header>.alignment
      let block = (Self.headerSize + size + alignment - 1) & ~(alignment - 1)
      guard let entry = makeRoom(for: block)?.bindMemory(to: Header.self, capacity: 1) else { return }
      Self.write(
        to: entry, hash, user, key, proof, isKnown, answer, room: block - Self.headerSize, isUsed: false)
      slots[slot(of: hash, user, key)] = Slot(entry: entry, tag: Self.tag(hash))
      figures.answers += 1
    }
  }

  /// What the shard may take from now on; the oldest answers go at once where it has more.
  func limit(to limit_bytes: Int) {
    // A step at a time: lookups wait no longer than for one.
    var isTooMuch = true
    while isTooMuch {
      mutex.withLock {
        self.limit_bytes = limit_bytes
        isTooMuch = takeLess()
      }
    }
  }

  /// A step towards the limit: the table becomes half as large, or a chunk goes. False where nothing has to.
  private func takeLess() -> Bool {
    let capacity = mask + 1
    // As it grows no larger than a quarter: what it takes, answers cannot.
    let isTableTooLarge = capacity > Self.firstCapacity && capacity * Self.slotSize > limit_bytes / 4
    if isTableTooLarge && 2 * figures.answers < capacity / 2 {
      resizeTable(to: capacity / 2)
      return true
    }
    guard chunks.count > 0, isTableTooLarge || bytes > limit_bytes else { return false }
    emptyOldest(giveBack: true)
    return true
  }

  func add(to sum: inout AnswerCache.Figures) {
    mutex.withLock {
      sum.hits &+= figures.hits
      sum.misses &+= figures.misses
      sum.stale &+= figures.stale
      sum.evictions &+= figures.evictions
      sum.answers += figures.answers
      sum.bytes += bytes
      sum.limit_bytes += limit_bytes
    }
  }

  // MARK: Entries

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

  /// Memory for an entry; nil where there is none even without the others.
  private func makeRoom(for block: Int) -> UnsafeMutableRawPointer? {
    if 2 * (figures.answers + 1) > mask { growTable() }
    // Each chunk once, and once more where all in it had been asked for.
    for _ in 0...2 * chunks.count {
      let tableSize = (mask + 1) * Self.slotSize
      if 2 * figures.answers <= mask, let place = chunks.take(block, limit: limit_bytes - tableSize) { return place }
      emptyOldest(giveBack: chunks.isLarge(block))
    }
    return nil
  }

  /// Twice as large, up to a quarter of all memory. Where short answers follow long ones, which have taken all of it with few places in the
  /// table, chunks make room.
  private func growTable() {
    let more = (mask + 1) * Self.slotSize
    guard more <= limit_bytes / 8 else { return }
    while bytes + more > limit_bytes && chunks.count > 0 { emptyOldest(giveBack: true) }
    if bytes + more <= limit_bytes { resizeTable(to: 2 * (mask + 1)) }
  }

  /// To a power of two, more than twice the answers.
  private func resizeTable(to capacity: Int) {
    let (old, oldMask) = (slots, mask)
    slots = Self.table(capacity)
    mask = capacity - 1
    for index in 0...oldMask {
      guard let entry = old[index].entry else { continue }
      var slot = Int(truncatingIfNeeded: entry.pointee.hash) & mask
      while slots[slot].entry != nil { slot = (slot + 1) & mask }
      slots[slot] = old[index]
    }
    hint()
    old.deallocate()
  }

  /// Has the entries of the oldest chunk that were not asked for go, and puts the others together at its beginning.
  ///
  /// - Parameter giveBack: All go, and so does the chunk.
  private func emptyOldest(giveBack: Bool) {
    guard var chunk = chunks.takeOldest() else { return }
    let used = chunk.used
    let givesBack = giveBack || chunks.isLarge(chunk.size)
    var offset = 0
    chunk.used = 0
    while offset < used {
      let entry = (chunk.start + offset).assumingMemoryBound(to: Header.self)
      let size = Self.headerSize + Int(entry.pointee.room)
      offset += size
      guard entry.pointee.isLive else { continue }
      let slot = slot(of: entry)
      if givesBack || !entry.pointee.isUsed {
        remove(slot)
        figures.evictions &+= 1
        continue
      }
      entry.pointee.isUsed = false
      let place = chunk.start + chunk.used
      memmove(place, entry, size)
      slots[slot].entry = place.assumingMemoryBound(to: Header.self)
      chunk.used += size
    }
    if givesBack { chunks.giveBack(chunk) } else { chunks.putBack(chunk) }
  }

  /// Where a live entry is in the table.
  private func slot(of entry: Entry) -> Int {
    var slot = Int(truncatingIfNeeded: entry.pointee.hash) & mask
    while slots[slot].entry != entry { slot = (slot &+ 1) & mask }
    return slot
  }

  /// Closes the gap, so that searches need no marks of what was removed.
  private func remove(_ slot: Int) {
    guard let entry = slots[slot].entry else { return }
    figures.answers -= 1
    entry.pointee.isLive = false
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
