import Bytes
import Glibc
import Synchronization

/// The users of a fold buffer: open addressing from key bytes to a dense number. One thread adds, any thread finds.
///
/// What a reader follows is written before the slot that leads to it is released, and never changes until `clear`. A table that
/// has grown stays until then too, for readers that are still in it.
struct UserTable: ~Copyable {
  /// What is known of a user. `head` is shared; the other two that change are the writer's, and atomic only because changing a plain
  /// field is, to Swift, an access to the whole entry, which readers are reading.
  struct Entry: ~Copyable {
    let keyStart: UInt32
    let keyCount: UInt32
    /// Position + 1 of the user's newest record; 0: none yet.
    let head = Atomic<UInt32>(0)
    private let ownRunCount = Atomic<UInt32>(0)
    private let ownFoldedBefore = Atomic<UInt32>(0)

    init(keyStart: Int, keyCount: Int) {
      self.keyStart = UInt32(keyStart)
      self.keyCount = UInt32(keyCount)
    }

    /// Records in the chain from `head`, the marker of a folded run not counted.
    var runCount: UInt32 {
      @inline(__always) get { ownRunCount.load(ordering: .relaxed) }
    }

    /// Position + 1 of the newest marker; records before it are folded.
    var foldedBefore: UInt32 {
      @inline(__always) get { ownFoldedBefore.load(ordering: .relaxed) }
    }

    /// Only the writer. Returns the new `runCount`.
    @inline(__always)
    func countRecord() -> UInt32 {
      let count = runCount &+ 1
      ownRunCount.store(count, ordering: .relaxed)
      return count
    }

    /// Only the writer: all of the user's records before `position` are folded.
    func setFolded(before position: UInt32) {
      ownRunCount.store(0, ordering: .relaxed)
      ownFoldedBefore.store(position, ordering: .relaxed)
    }
  }

  /// `mask` slots + 1, each a user's number + 1, or 0.
  private final class Slots {
    let mask: Int
    let slots: UnsafeMutablePointer<Atomic<UInt32>>

    init(capacity: Int) {
      mask = capacity - 1
      slots = .allocate(capacity: capacity)
      clear()
    }

    deinit { slots.deallocate() }

    /// Nobody else may look: slots are trivial, so writing zeros is initializing them.
    func clear() { memset(slots, 0, (mask + 1) * MemoryLayout<Atomic<UInt32>>.stride) }
  }

  private(set) var count = 0
  let limit: Int
  let entries: UnsafeMutablePointer<Entry>
  private var current: Slots
  private var outgrown: [Slots] = []
  /// The address of `current`, for readers.
  private let published: Atomic<UInt>

  init(limit: Int) {
    self.limit = limit
    entries = .allocate(capacity: limit)
    let slots = Slots(capacity: 1 << 12)
    current = slots
    published = Atomic(UInt(bitPattern: Unmanaged.passUnretained(slots).toOpaque()))
  }

  deinit { entries.deallocate() }

  /// Nobody else may look.
  mutating func clear() {
    count = 0
    outgrown.removeAll()
    current.clear()
  }

  /// The number of the user with this key, whose bytes lie in `arena`; nil where there is none. From any thread.
  func find(_ id: UnsafeRawBufferPointer, partition: UInt16, arena: UnsafeRawPointer) -> Int? {
    let address = published.load(ordering: .acquiring)
    // `current` and `outgrown` keep every published table until `clear`, which runs only when no reader is left.
    let table = Unmanaged<Slots>.fromOpaque(UnsafeRawPointer(bitPattern: address).unsafelyUnwrapped)
    return table._withUnsafeGuaranteedRef { table in
      var slot = Self.slot(id, partition) & table.mask
      while true {
        let known = table.slots[slot].load(ordering: .acquiring)
        if known == 0 { return nil }
        let user = Int(known &- 1)
        if isKey(of: user, id, partition, arena) { return user }
        slot = (slot &+ 1) & table.mask
      }
    }
  }

  /// As `find`, for the writer. Where there is none, `slot` tells `add` where it goes.
  @inline(__always)
  func findOwn(_ id: UnsafeRawBufferPointer, _ partition: UInt16, _ arena: UnsafeRawPointer, slot: inout Int) -> Int? {
    let table = current
    slot = Self.slot(id, partition) & table.mask
    while true {
      let known = table.slots[slot].load(ordering: .relaxed)
      if known == 0 { return nil }
      let user = Int(known &- 1)
      if isKey(of: user, id, partition, arena) { return user }
      slot = (slot &+ 1) & table.mask
    }
  }

  /// Adds a user whose key lies in the arena already. The caller sees to it that there is room.
  mutating func add(keyStart: Int, keyCount: Int, slot: Int, arena: UnsafeRawPointer) -> Int {
    let user = count
    (entries + user).initialize(to: Entry(keyStart: keyStart, keyCount: keyCount))
    count += 1
    current.slots[slot].store(UInt32(user + 1), ordering: .releasing)
    if 2 * count > current.mask { grow(arena) }
    return user
  }

  @inline(__always)
  private func isKey(of user: Int, _ id: UnsafeRawBufferPointer, _ partition: UInt16, _ arena: UnsafeRawPointer) -> Bool
  {
    let key = arena + Int(entries[user].keyStart)
    return Int(entries[user].keyCount) == id.count &+ 2 && key.loadUnaligned(as: UInt16.self) == partition.bigEndian
      && memcmp(key + 2, id.baseAddress.unsafelyUnwrapped, id.count) == 0
  }

  @inline(__always)
  private static func slot(_ id: UnsafeRawBufferPointer, _ partition: UInt16) -> Int {
    Int(truncatingIfNeeded: tableHash(id.baseAddress.unsafelyUnwrapped, id.count, seed: UInt64(partition)))
  }

  private mutating func grow(_ arena: UnsafeRawPointer) {
    let larger = Slots(capacity: 2 * (current.mask + 1))
    for user in 0..<count {
      let key = UnsafeRawBufferPointer(start: arena + Int(entries[user].keyStart), count: Int(entries[user].keyCount))
      let partition = UInt16(bigEndian: key.loadUnaligned(as: UInt16.self))
      var slot = Self.slot(UnsafeRawBufferPointer(rebasing: key[2...]), partition) & larger.mask
      while larger.slots[slot].load(ordering: .relaxed) != 0 { slot = (slot + 1) & larger.mask }
      larger.slots[slot].store(UInt32(user + 1), ordering: .relaxed)
    }
    outgrown.append(current)
    current = larger
    published.store(UInt(bitPattern: Unmanaged.passUnretained(larger).toOpaque()), ordering: .releasing)
  }
}
