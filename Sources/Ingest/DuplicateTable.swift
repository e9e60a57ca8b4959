/// The records of a duplicate window: open addressing with linear probing, 16 bytes a slot, one slot a record. What leaves the window
/// is overwritten, or removed by a hand that goes round while records come.
struct DuplicateTable: ~Copyable {
  /// `hash` 0: free. `packed`: timestamp + 1 (42 bits; 0: none) over the low 22 bits of the offset.
  private struct Slot: BitwiseCopyable {
    var hash: UInt64 = 0
    var packed: UInt64 = 0
  }

  /// Of one hash, so that a flood of one id does not make probing long.
  static var recordsOfOneID: Int { 8 }
  private static var offsetBits: UInt64 { 22 }
  private static var offsetMask: UInt64 { 1 << offsetBits - 1 }
  private static var firstCapacity: Int { 64 }
  /// Slots that the hand looks at for every record. Goes once around while an eighth of the slots get a record, which bounds what is expired:
  /// with `fullCapacity` the table is never filled by more than 84 percent.
  private static var handStep: Int { 8 }

  private let window: UInt64
  private let time_ms: UInt64
  private let fullCapacity: Int
  private var slots: UnsafeMutablePointer<Slot>
  private var capacity: Int
  /// Slots that are not free.
  private(set) var count = 0
  private var hand = 0
  /// The offset at which the hand began to go round.
  private var roundStart: Int64 = 0
  /// No record is before this offset. Less than 2^22 before `last`: the low bits of offsets are unambiguous.
  private var floor: Int64 = 0
  private var last: Int64 = 0

  init(_ limits: DuplicateLimits) {
    window = UInt64(limits.offsets)
    time_ms = UInt64(limits.time_ms)
    fullCapacity = max(limits.offsets + limits.offsets * 2 / 5, Self.firstCapacity)
    capacity = Self.firstCapacity
    slots = Self.makeSlots(capacity)
  }

  deinit { slots.deallocate() }

  var memory_bytes: Int { capacity * MemoryLayout<Slot>.stride }

  /// Whether an earlier record makes this one a duplicate, and whether the table has taken it: not where it has enough of the id.
  mutating func register(_ id: RegisteredID) -> (isDuplicate: Bool, isTaken: Bool) {
    advance(to: id.offset)
    let now = UInt64(truncatingIfNeeded: id.offset)
    let time = Self.time(id.timestamp_ms)
    let packed = time &<< Self.offsetBits | now & Self.offsetMask
    var slot = Self.home(id.hash, capacity)
    var reusable: Int?
    var isDuplicate = false
    var alike = 0
    while slots[slot].hash != 0 {
      if isExpired(slots[slot], now) {
        if reusable == nil { reusable = slot }
      } else if slots[slot].hash == id.hash {
        alike &+= 1
        let other = slots[slot].packed &>> Self.offsetBits
        if other == time {
          slots[slot].packed = packed  // whatever the older one would match, this does
          return (true, true)
        }
        isDuplicate = isDuplicate || isNear(time, other)
      }
      slot = next(slot)
    }
    guard alike < Self.recordsOfOneID else { return (isDuplicate, false) }
    if reusable == nil { count += 1 }
    slots[reusable ?? slot] = Slot(hash: id.hash, packed: packed)
    moveHand(now)
    if 4 * count >= 3 * capacity && capacity < fullCapacity { makeRoom(now) }
    return (isDuplicate, true)
  }

  // MARK: - Slots

  /// Multiply-shift: any capacity will do.
  @inline(__always)
  private static func home(_ hash: UInt64, _ capacity: Int) -> Int {
    Int(truncatingIfNeeded: hash.multipliedFullWidth(by: UInt64(truncatingIfNeeded: capacity)).high)
  }

  @inline(__always)
  private func next(_ slot: Int) -> Int { slot &+ 1 == capacity ? 0 : slot &+ 1 }

  @inline(__always)
  private static func time(_ timestamp_ms: Int64) -> UInt64 { UInt64(truncatingIfNeeded: timestamp_ms &+ 1) }

  /// Where one of two has no timestamp, only offsets count.
  @inline(__always)
  private func isNear(_ a: UInt64, _ b: UInt64) -> Bool { a == 0 || b == 0 || (a > b ? a &- b : b &- a) <= time_ms }

  @inline(__always)
  private func isExpired(_ slot: Slot, _ now: UInt64) -> Bool {
    (now &- slot.packed) & Self.offsetMask > window  // wraps: the low bits are those of the distance
  }

  private static func makeSlots(_ capacity: Int) -> UnsafeMutablePointer<Slot> {
    let slots = UnsafeMutablePointer<Slot>.allocate(capacity: capacity)
    slots.initialize(repeating: Slot(), count: capacity)
    return slots
  }

  // MARK: - What leaves the window

  /// Sees to it that the low bits of the offsets in the table stay unambiguous.
  @inline(__always)
  private mutating func advance(to offset: Int64) {
    if offset &- floor > Int64(truncatingIfNeeded: Self.offsetMask) { forget(before: offset) }
    last = offset
  }

  @inline(never)
  private mutating func forget(before offset: Int64) {
    if offset - last > Int64(window) {
      resize(to: Self.firstCapacity, now: nil)
      (floor, roundStart) = (offset, offset)
    } else {
      sweep(UInt64(last))
      (floor, roundStart) = (last - Int64(window), last)
    }
  }

  @inline(__always)
  private mutating func moveHand(_ now: UInt64) {
    for _ in 0..<Self.handStep {
      clean(hand, now)
      hand &+= 1
      if hand == capacity { endRound() }
    }
  }

  /// What the round has left, and what came since, is not older than a window at its start.
  private mutating func endRound() {
    hand = 0
    floor = max(floor, roundStart - Int64(window))
    roundStart = last
  }

  private mutating func sweep(_ now: UInt64) {
    for slot in 0..<capacity { clean(slot, now) }
    hand = 0
  }

  @inline(__always)
  private mutating func clean(_ slot: Int, _ now: UInt64) {
    while slots[slot].hash != 0 && isExpired(slots[slot], now) { remove(slot) }
  }

  /// Moves back what probing would not find behind a free slot.
  private mutating func remove(_ slot: Int) {
    var hole = slot
    var other = next(slot)
    while slots[other].hash != 0 {
      let home = Self.home(slots[other].hash, capacity)
      if distance(home, other) >= distance(hole, other) {
        slots[hole] = slots[other]
        hole = other
      }
      other = next(other)
    }
    slots[hole] = Slot()
    count -= 1
  }

  @inline(__always)
  private func distance(_ from: Int, _ to: Int) -> Int { to >= from ? to &- from : to &- from &+ capacity }

  // MARK: - Size

  /// Grows by half, unless most of what fills the table has left the window.
  @inline(never)
  private mutating func makeRoom(_ now: UInt64) {
    sweep(now)
    (floor, roundStart) = (last - Int64(window), last)
    if 2 * count > capacity { resize(to: min(capacity + capacity / 2, fullCapacity), now: now) }
  }

  /// `now` nil: keeps nothing.
  private mutating func resize(to newCapacity: Int, now: UInt64?) {
    let old = (slots: slots, capacity: capacity)
    capacity = newCapacity
    slots = Self.makeSlots(newCapacity)
    (count, hand) = (0, 0)
    if now != nil {
      for index in 0..<old.capacity where old.slots[index].hash != 0 {
        var slot = Self.home(old.slots[index].hash, capacity)
        while slots[slot].hash != 0 { slot = next(slot) }
        slots[slot] = old.slots[index]
        count += 1
      }
    }
    old.slots.deallocate()
  }
}
