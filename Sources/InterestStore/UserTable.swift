import Bytes
import Glibc
import Synchronization

/// The users of a fold buffer: open addressing from key bytes to a dense number. One thread adds, any thread finds.
///
/// What a reader follows is written before the slot that leads to it is released, and never changes until `clear`. A table that
/// has grown stays until then too, for readers that are still in it.
struct UserTable: ~Copyable {
  /// Where a user's records are. Each leads to the one before the one before: of two chains, taken in turns, two records are on their way
  /// from memory at a time.
  struct Chain: BitwiseCopyable, Equatable {
    fileprivate let bits: UInt64

    /// Position + 1 of the user's newest record; 0: none yet.
    var head: UInt32 { @inline(__always) get { UInt32(truncatingIfNeeded: bits & 0xff_ffff) } }

    /// Position + 1 of the record before it; 0: none, or it is folded.
    var previous: UInt32 { @inline(__always) get { UInt32(truncatingIfNeeded: bits &>> 24 & 0xff_ffff) } }

    /// Records, the marker of a folded run not counted.
    var count: Int { @inline(__always) get { Int(truncatingIfNeeded: bits &>> 48) } }

    @inline(__always)
    fileprivate init(bits: UInt64) { self.bits = bits }

    /// Of a marker at `position` only.
    init(marker position: Int) { bits = UInt64(truncatingIfNeeded: position &+ 1) }

    /// With a record at `position` more.
    @inline(__always)
    func adding(_ position: Int) -> Chain {
      let count = (bits &>> 48 &+ 1) &<< 48
      return Chain(bits: count | UInt64(head) &<< 24 | UInt64(truncatingIfNeeded: position &+ 1))
    }
  }

  /// What is known of a user, in half a line of memory: that is what finding one costs.
  struct Entry: ~Copyable {
    /// The id's first and last bytes: ids of up to 16 bytes are told apart by them and their size.
    fileprivate let words: Words
    /// Where the key lies in the arena, the id's size in the byte before.
    let keyStart: UInt32
    fileprivate let partition: UInt16
    private let chainBits = Atomic<UInt64>(0)

    fileprivate init(_ words: Words, partition: UInt16, keyStart: Int) {
      self.words = words
      self.partition = partition
      self.keyStart = UInt32(keyStart)
    }

    /// From any thread: what it leads to has been written.
    var chain: Chain {
      @inline(__always) get { Chain(bits: chainBits.load(ordering: .acquiring)) }
    }

    /// Only the writer.
    @inline(__always)
    func publish(_ chain: Chain) { chainBits.store(chain.bits, ordering: .releasing) }
  }

  /// Of what a `Chain` has bits for.
  static var runLimit: Int { Int(UInt16.max) }
  static var recordLimit: Int { 16_000_000 }

  /// Of an id: its first and last eight bytes, or all of fewer.
  fileprivate struct Words: Equatable {
    let first: UInt64
    let last: UInt64

    @inline(__always)
    init(_ id: UnsafeRawBufferPointer) {
      let base = id.baseAddress.unsafelyUnwrapped
      if id.count >= 8 {
        first = base.loadUnaligned(as: UInt64.self)
        last = (base + id.count - 8).loadUnaligned(as: UInt64.self)
      } else {
        var bytes: UInt64 = 0
        for index in 0..<id.count { bytes |= UInt64(base.load(fromByteOffset: index, as: UInt8.self)) &<< (8 &* index) }
        first = bytes
        last = 0
      }
    }
  }

  /// `mask` slots + 1, each 0 or a user: number + 1, above it the id's size and a part of its hash.
  private final class Slots {
    let mask: Int
    let slots: UnsafeMutablePointer<Atomic<UInt64>>

    init(capacity: Int) {
      mask = capacity - 1
      slots = .allocate(capacity: capacity)
      clear()
    }

    deinit { slots.deallocate() }

    /// Nobody else may look: slots are trivial, so writing zeros is initializing them.
    func clear() { memset(slots, 0, (mask + 1) * MemoryLayout<Atomic<UInt64>>.stride) }
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
      let hash = Self.hash(id, partition)
      let (words, tag) = (Words(id), Self.tag(hash, id.count))
      var slot = Int(truncatingIfNeeded: hash) & table.mask
      while true {
        let known = table.slots[slot].load(ordering: .acquiring)
        if known == 0 { return nil }
        if known &>> 32 == tag, let user = user(known, id, words, partition, arena) { return user }
        slot = (slot &+ 1) & table.mask
      }
    }
  }

  /// As `find`, for the writer. Where there is none, `slot` tells `add` where it goes.
  @inline(__always)
  func findOwn(_ id: UnsafeRawBufferPointer, _ partition: UInt16, _ arena: UnsafeRawPointer, slot: inout Int) -> Int? {
    let table = current
    let hash = Self.hash(id, partition)
    let (words, tag) = (Words(id), Self.tag(hash, id.count))
    slot = Int(truncatingIfNeeded: hash) & table.mask
    while true {
      let known = table.slots[slot].load(ordering: .relaxed)
      if known == 0 { return nil }
      if known &>> 32 == tag, let user = user(known, id, words, partition, arena) { return user }
      slot = (slot &+ 1) & table.mask
    }
  }

  /// Adds a user whose key lies in the arena already. The caller sees to it that there is room.
  mutating func add(
    _ id: UnsafeRawBufferPointer, _ partition: UInt16, keyStart: Int, slot: Int, arena: UnsafeRawPointer
  )
    -> Int
  {
    let user = count
    (entries + user).initialize(to: Entry(Words(id), partition: partition, keyStart: keyStart))
    count += 1
    current.slots[slot].store(Self.slot(user, Self.hash(id, partition), id.count), ordering: .releasing)
    if 2 * count > current.mask { grow(arena) }
    return user
  }

  /// The user's key in the arena: partition (two bytes, big end first), then id.
  @inline(__always)
  func key(of user: Int, in arena: UnsafeRawPointer) -> UnsafeRawBufferPointer {
    let key = arena + Int(entries[user].keyStart)
    return UnsafeRawBufferPointer(start: key, count: 2 + Int((key - 1).load(as: UInt8.self)))
  }

  /// The user of a slot whose tag fits, where it is the one looked for.
  @inline(__always)
  private func user(
    _ slot: UInt64, _ id: UnsafeRawBufferPointer, _ words: Words, _ partition: UInt16, _ arena: UnsafeRawPointer
  ) -> Int? {
    let user = Int(UInt32(truncatingIfNeeded: slot) &- 1)
    guard entries[user].words == words, entries[user].partition == partition else { return nil }
    if id.count <= 16 { return user }
    let key = arena + Int(entries[user].keyStart)
    return memcmp(key + 2, id.baseAddress.unsafelyUnwrapped, id.count) == 0 ? user : nil
  }

  @inline(__always)
  private static func hash(_ id: UnsafeRawBufferPointer, _ partition: UInt16) -> UInt64 {
    tableHash(id.baseAddress.unsafelyUnwrapped, id.count, seed: UInt64(partition))
  }

  /// The upper half of a slot. The part of the hash is not the one that chooses the slot.
  @inline(__always)
  private static func tag(_ hash: UInt64, _ size: Int) -> UInt64 {
    (hash &>> 40) &<< 8 | UInt64(truncatingIfNeeded: size)
  }

  @inline(__always)
  private static func slot(_ user: Int, _ hash: UInt64, _ size: Int) -> UInt64 {
    tag(hash, size) &<< 32 | UInt64(user &+ 1)
  }

  private mutating func grow(_ arena: UnsafeRawPointer) {
    let larger = Slots(capacity: 2 * (current.mask + 1))
    for user in 0..<count {
      let id = UnsafeRawBufferPointer(rebasing: key(of: user, in: arena)[2...])
      let hash = Self.hash(id, entries[user].partition)
      var slot = Int(truncatingIfNeeded: hash) & larger.mask
      while larger.slots[slot].load(ordering: .relaxed) != 0 { slot = (slot + 1) & larger.mask }
      larger.slots[slot].store(Self.slot(user, hash, id.count), ordering: .relaxed)
    }
    outgrown.append(current)
    current = larger
    published.store(UInt(bitPattern: Unmanaged.passUnretained(larger).toOpaque()), ordering: .releasing)
  }
}
