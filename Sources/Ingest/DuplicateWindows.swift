import InterestStore

/// The duplicate windows of a lane's partitions, and what of them is in the store.
struct DuplicateWindows {
  private let limits: DuplicateLimits
  private var windows: ContiguousArray<DuplicateWindow?> = []
  /// The last offsets of a partition's stored records, ascending.
  private var stored: [UInt16: [Int64]] = [:]
  private var closing: Set<UInt16> = []
  /// Ids that wait for a flush take no more than this, and a record.
  private static var pending_bytes: Int { 16 << 20 }

  init(_ limits: DuplicateLimits) { self.limits = limits }

  /// Whether the ids that wait ask for a flush.
  private(set) var isFull = false

  /// Whether this record is a duplicate; see `DuplicateWindow.isDuplicate`. Partitions that are not open have none.
  @inline(__always)
  mutating func isDuplicate(
    _ partition: UInt16, user: UnsafeRawBufferPointer, eventID: UnsafeRawBufferPointer, offset: Int64,
    timestamp_ms: Int64
  ) -> Bool {
    guard Int(partition) < windows.count, let window = windows[Int(partition)] else { return false }
    let isDuplicate = window.isDuplicate(user: user, eventID: eventID, offset: offset, timestamp_ms: timestamp_ms)
    if window.new_bytes >= Self.pending_bytes { isFull = true }
    return isDuplicate
  }

  /// Takes what the store has of a partition that is read from `applied` on.
  ///
  /// - Parameter stored: Calls what it is given with the partition's stored ids, in order of their last offsets.
  mutating func open(
    _ partition: UInt16, at applied: Int64,
    _ stored: (_ body: (_ last: Int64, UnsafeRawBufferPointer) -> Void) throws(StoreError) -> Void
  ) throws(StoreError) {
    guard limits.offsets > 0 else { return }
    let window = DuplicateWindow(limits)
    var known: [Int64] = []
    var damage: DuplicateIDsError?
    try stored { last, bytes in
      known.append(last)
      guard damage == nil, last >= applied - Int64(limits.offsets) else { return }
      do throws(DuplicateIDsError) { try window.restore(bytes) } catch { damage = error }
    }
    if let damage {
      throw StoreError(
        .damaged,
        "the stored event ids of partition \(partition) cannot be read (\(damage)): rebuild in a new state directory")
    }
    while windows.count <= Int(partition) { windows.append(nil) }
    windows[Int(partition)] = window
    closing.remove(partition)
    self.stored[partition] = known
  }

  /// Forgets a partition, once what it has registered was handed to the flusher.
  mutating func close(_ partition: UInt16) {
    guard Int(partition) < windows.count, let window = windows[Int(partition)] else { return }
    if window.new_bytes > 0 {
      closing.insert(partition)
    } else {
      drop(partition)
    }
  }

  private mutating func drop(_ partition: UInt16) {
    closing.remove(partition)
    windows[Int(partition)] = nil
    stored[partition] = nil
  }

  /// Puts what was registered since the last call beside the offsets that cover it, with what no record can be a duplicate of any more.
  mutating func addNew(to positions: inout DurablePositions) {
    isFull = false
    for offsets in positions.partitions where Int(offsets.partition) < windows.count {
      guard let window = windows[Int(offsets.partition)] else { continue }
      var known = stored[offsets.partition] ?? []
      let needed = offsets.applied - Int64(limits.offsets)
      let old = known.prefix { $0 < needed }
      positions.forgottenIDs += old.map { StoredIDs(partition: offsets.partition, last: $0) }
      known.removeFirst(old.count)
      for ids in window.takeNew() {
        positions.duplicateIDs.append(
          StoredIDs(partition: offsets.partition, last: ids.lastOffset, bytes: ids.bytes))
        known.append(ids.lastOffset)
      }
      stored[offsets.partition] = known
      if closing.contains(offsets.partition) { drop(offsets.partition) }
    }
  }

  /// Ids known, and the memory that takes.
  var size: (ids: Int, bytes: Int) {
    windows.reduce((0, 0)) { ($0.0 + ($1?.count ?? 0), $0.1 + ($1?.memory_bytes ?? 0)) }
  }
}
