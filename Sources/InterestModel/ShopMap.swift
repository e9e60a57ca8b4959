/// Shop to group, by the shop's feature id: open addressing, filled once. An unknown shop is of group 0, a group like any other.
public final class ShopMap: @unchecked Sendable {  // filled before it is shared, then only read
  private struct Slot: BitwiseCopyable {
    var shop: UInt64
    /// 0: free, as no shop is put into group 0.
    var group: UInt32
  }

  private var slots: UnsafeMutablePointer<Slot>
  private var mask: Int
  public private(set) var count = 0

  public init(capacity: Int = 0) {
    var slotCount = 16
    while slotCount < 2 * capacity { slotCount *= 2 }
    mask = slotCount - 1
    slots = .allocate(capacity: slotCount)
    slots.initialize(repeating: Slot(shop: 0, group: 0), count: slotCount)
  }

  deinit { slots.deallocate() }

  /// 0 where the shop is not in the map.
  @inline(__always)
  public func group(of shop: UInt64) -> UInt32 {
    var slot = Self.first(shop) & mask
    while slots[slot].group != 0 {
      if slots[slot].shop == shop { return slots[slot].group }
      slot = (slot &+ 1) & mask
    }
    return 0
  }

  /// Only before the map is shared. `group` is not 0. Returns the group that the shop had before, or 0.
  public func insert(_ shop: UInt64, _ group: UInt32) -> UInt32 {
    let known = self.group(of: shop)
    if known != 0 { return known }
    if 2 * (count + 1) > mask { grow() }
    place(Slot(shop: shop, group: group))
    count += 1
    return 0
  }

  private func place(_ entry: Slot) {
    var slot = Self.first(entry.shop) & mask
    while slots[slot].group != 0 { slot = (slot &+ 1) & mask }
    slots[slot] = entry
  }

  private func grow() {
    let old = UnsafeMutableBufferPointer(start: slots, count: mask + 1)
    mask = 2 * mask + 1
    slots = .allocate(capacity: mask + 1)
    slots.initialize(repeating: Slot(shop: 0, group: 0), count: mask + 1)
    for entry in old where entry.group != 0 { place(entry) }
    old.deallocate()
  }

  /// Multiplication wraps: that is what spreads neighbouring ids.
  @inline(__always)
  private static func first(_ shop: UInt64) -> Int { Int(truncatingIfNeeded: (shop &* 0x9E37_79B9_7F4A_7C15) &>> 20) }
}
