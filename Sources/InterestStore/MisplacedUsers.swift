import Synchronization

/// Users on another partition than the partitioner tells: records that were published by another one. A lookup would not find them, so
/// that such a state is known as one, durably, and its lookups look at all partitions.
extension Generation {
  /// Whether any user was ever met on a wrong partition. Quick: every lookup asks.
  public var hasMisplacedUsers: Bool { misplaced.load(ordering: .relaxed) }

  /// From now on; `DurablePositions.hasMisplacedUsers` keeps it.
  public func noteMisplacedUsers() { misplaced.store(true, ordering: .relaxed) }

  /// Whether it was noted before the state was opened.
  func loadMisplaced() throws(StoreError) {
    let noted = try position(StoreKey.bytes(StoreKey.facts, "misplaced")) { PositionCodec.decode($0, 1) }
    if noted != nil { noteMisplacedUsers() }
  }

  /// The partitions of `0..<count` that have a state of the user, ascending.
  public func partitions(
    holding user: UnsafeRawBufferPointer, of count: Int, _ scratch: ReadScratch
  ) throws(StoreError) -> [UInt16] {
    var holding: [UInt16] = []
    for partition in 0..<UInt16(truncatingIfNeeded: count) {
      let isThere = try withState(of: user, in: partition..<partition + 1, scratch) { $0 != nil }
      if isThere { holding.append(partition) }
    }
    return holding
  }
}
