import InterestStore

/// The duplicate windows of a lane's partitions, and which pieces of their ids are stored. A value that only the lane has; it does no I/O.
struct LaneDuplicates {
  private struct Partition {
    let window: DuplicateWindow
    /// The last offsets of the pieces in the store, or on their way there.
    var stored: [Int64] = []
  }

  private let limits: DuplicateLimits
  private var partitions: ContiguousArray<Partition?>

  /// - Parameter count: Partitions are 0..<`count`.
  init(_ limits: DuplicateLimits, count: Int) {
    self.limits = limits
    partitions = ContiguousArray(repeating: nil, count: count)
  }

  /// Nil where the partition is not open.
  subscript(partition: UInt16) -> DuplicateWindow? {
    @inline(__always) get { partitions[Int(partition)]?.window }
  }

  /// Records with an event id that are kept, of all partitions.
  var count: Int { partitions.reduce(0) { $0 + ($1?.window.count ?? 0) } }

  var memory_bytes: Int { partitions.reduce(0) { $0 + ($1?.window.memory_bytes ?? 0) } }

  /// Bytes that wait for the next flush. Duplicates make them without filling the fold buffer.
  var new_bytes: Int { partitions.reduce(0) { $0 + ($1?.window.new_bytes ?? 0) } }

  /// Before the first record of an assigned partition: its window, empty until `restore`.
  mutating func open(_ partition: UInt16) { partitions[Int(partition)] = Partition(window: DuplicateWindow(limits)) }

  /// After `open`, for each stored piece, in order of their last offsets. Damaged ones mean that duplicates cannot be told: the partition
  /// is to be read from its base again.
  ///
  /// - Parameter applied: The next offset to be applied.
  mutating func restore(
    _ partition: UInt16, _ last: Int64, _ bytes: UnsafeRawBufferPointer, applied: Int64
  ) throws(DuplicateIDsError) {
    if isNeeded(last, applied) { try partitions[Int(partition)]?.window.restore(bytes) }
    partitions[Int(partition)]?.stored.append(last)
  }

  /// Only after a flush of what was read of it, or where that is given up.
  mutating func close(_ partition: UInt16) { partitions[Int(partition)] = nil }

  /// Adds to what a flush makes durable the ids met since the last one, and what no record from its offsets on can be a duplicate of.
  mutating func addIDs(to positions: inout DurablePositions) {
    for offsets in positions.partitions {
      guard var partition = partitions[Int(offsets.partition)] else { continue }
      let forgotten = partition.stored.prefix { !isNeeded($0, offsets.applied) }
      positions.forgottenIDs += forgotten.map { StoredIDs(partition: offsets.partition, last: $0) }
      partition.stored.removeFirst(forgotten.count)
      // Apart from the forgotten: a file cannot both have a piece and delete it.
      for ids in partition.window.takeNew() where isNeeded(ids.lastOffset, offsets.applied) {
        positions.duplicateIDs.append(
          StoredIDs(partition: offsets.partition, last: ids.lastOffset, bytes: ids.bytes))
        partition.stored.append(ids.lastOffset)
      }
      partitions[Int(offsets.partition)] = partition
    }
  }

  private func isNeeded(_ last: Int64, _ applied: Int64) -> Bool { last >= applied - Int64(limits.offsets) }
}
