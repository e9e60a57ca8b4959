import Bytes
import Glibc
import InterestModel

/// Names of behavior types to their storage codes, by the bytes of the name: no text is made per event.
struct TypeTable: ~Copyable, @unchecked Sendable {  // it owns its memory, which nobody writes after `init`
  private struct Slot {
    var name: UnsafeMutableRawPointer?
    var count = 0
    var code: UInt8 = 0
  }

  /// At most 255 names: three of four slots stay empty, so that a search ends soon.
  private static var mask: Int { 1023 }
  private let slots: UnsafeMutablePointer<Slot>

  init(_ catalog: BehaviorCatalog) {
    slots = .allocate(capacity: Self.mask + 1)
    slots.initialize(repeating: Slot(), count: Self.mask + 1)
    for entry in catalog.entries {
      let count = entry.type.utf8.count
      let name = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 1)
      UnsafeMutableRawBufferPointer(start: name, count: count).copyBytes(from: entry.type.utf8)
      var slot = Self.home(name, count)
      while slots[slot].name != nil { slot = (slot + 1) & Self.mask }
      slots[slot] = Slot(name: name, count: count, code: entry.code)
    }
  }

  deinit {
    for slot in 0...Self.mask { slots[slot].name?.deallocate() }
    slots.deallocate()
  }

  private static func home(_ name: UnsafeRawPointer, _ count: Int) -> Int {
    Int(truncatingIfNeeded: tableHash(name, count)) & mask
  }

  /// 0 where the catalog does not have the name.
  @inline(__always)
  func code(of name: UnsafeRawBufferPointer) -> UInt8 {
    guard let base = name.baseAddress else { return 0 }
    var slot = Self.home(base, name.count)
    while let known = slots[slot].name {
      if slots[slot].count == name.count && memcmp(known, base, name.count) == 0 { return slots[slot].code }
      slot = (slot &+ 1) & Self.mask
    }
    return 0
  }
}
