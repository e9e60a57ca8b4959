import Bytes
import Synchronization

/// By which a kept answer is known to be what would be answered now. It was made from the records that a user had in some buffers and
/// from what was stored; it holds as long as
///
/// - no buffer has got the user since (`UserChanges`), and
/// - each of those buffers is in the view, and has no further record of the user.
///
/// A buffer that has been flushed is not in the view any more: an answer made before is given up, one made after holds without it.
public struct AnswerProof: BitwiseCopyable, Sendable {
  /// Where a buffer had records of the user.
  struct Place: BitwiseCopyable, Sendable {
    var filling: UInt64 = 0
    var user: UInt32 = 0
    var head: UInt32 = 0
  }

  static var maximumPlaces: Int { 2 }

  fileprivate let slot: UInt32
  var placeCount: UInt32 = 0
  fileprivate let version: UInt64
  var first = Place()
  var second = Place()

  /// Whether buffers have to be looked into.
  public var needsView: Bool { placeCount > 0 }
}

/// Counts, for slots that users share by hash, how often a buffer has got a user. A lane pays for it once per user and buffer, not per event:
/// records of a user whom the buffer has already show in the user's chain.
///
/// A slot is the count and, in its upper 16 bits, how many lanes are just putting a user in: what was read meanwhile is not kept, as it may
/// lack what others see already.
final class UserChanges: @unchecked Sendable {  // the pointer never changes, and what it leads to is atomic
  private static var slotCount: Int { 1 << 18 }
  private static var beginning: UInt64 { 1 << 48 }

  private let slots: UnsafeMutablePointer<Atomic<UInt64>>

  init() {
    slots = .allocate(capacity: Self.slotCount)
    for slot in 0..<Self.slotCount { (slots + slot).initialize(to: Atomic(0)) }
  }

  deinit { slots.deallocate() }

  private static func slot(of user: UnsafeRawBufferPointer) -> Int {
    Int(truncatingIfNeeded: tableHash(user.baseAddress.unsafelyUnwrapped, user.count) & UInt64(slotCount - 1))
  }

  /// A buffer is about to get the user, whose partition does not count here. Before readers can find the user there.
  func begin(_ user: UnsafeRawBufferPointer) {
    slots[Self.slot(of: user)].wrappingAdd(Self.beginning + 1, ordering: .relaxed)
  }

  /// The user's first record in the buffer has been released.
  func end(_ user: UnsafeRawBufferPointer) {
    slots[Self.slot(of: user)].wrappingSubtract(Self.beginning, ordering: .releasing)
  }

  /// For an answer that is about to be made: before the view is acquired. Nil where it cannot be kept.
  func proof(for user: UnsafeRawBufferPointer) -> AnswerProof? {
    if user.isEmpty { return nil }
    let slot = Self.slot(of: user)
    let version = slots[slot].load(ordering: .acquiring)
    if version >= Self.beginning { return nil }
    return AnswerProof(slot: UInt32(truncatingIfNeeded: slot), version: version)
  }

  /// Has what `holds` looks at for the user's proofs brought near.
  func foresee(_ user: UnsafeRawBufferPointer) {
    prefetch(UnsafeRawBufferPointer(start: slots + Self.slot(of: user), count: 1), atMost: 1)
  }

  /// Whether no buffer has got the user since.
  @inline(__always)
  func holds(_ proof: AnswerProof) -> Bool {
    slots[Int(proof.slot)].load(ordering: .acquiring) == proof.version
  }
}

extension AnswerProof {
  /// Notes a buffer that the answer has records of. False where there are too many.
  mutating func add(_ place: Place) -> Bool {
    guard placeCount < Self.maximumPlaces else { return false }
    if placeCount == 0 { first = place } else { second = place }
    placeCount += 1
    return true
  }

  /// Whether the buffers of a view have the same records of the user still.
  func holds(in buffers: [FoldBuffer]) -> Bool {
    if placeCount > 0 && !Self.holds(first, in: buffers) { return false }
    return placeCount < 2 || Self.holds(second, in: buffers)
  }

  private static func holds(_ place: Place, in buffers: [FoldBuffer]) -> Bool {
    for buffer in buffers where buffer.filling == place.filling {
      return buffer.users.entries[Int(place.user)].chain.head == place.head
    }
    return false
  }
}

extension Generation {
  /// Whether what was answered with this proof would be answered now. From any thread.
  @inline(__always)
  public func holds(_ proof: AnswerProof) -> Bool {
    guard changes.holds(proof) else { return false }
    return !proof.needsView || holdsInView(proof)
  }

  /// Has what `holds` looks at for the user's proofs brought near; the user is not empty.
  public func foresee(_ user: UnsafeRawBufferPointer) { changes.foresee(user) }

  @inline(never)
  private func holdsInView(_ proof: AnswerProof) -> Bool { views.withBuffers { proof.holds(in: $0) } }
}
