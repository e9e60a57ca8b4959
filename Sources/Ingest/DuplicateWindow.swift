import Bytes
import Glibc

/// Tells a partition's duplicates: a behavior is one when an earlier record of the same user and `event_id`, counted or not, lies
/// within the last `limits.offsets` offsets and `limits.time_ms` of record timestamps (DESIGN.md section 5). All earlier records count,
/// not only the latest, so that the answer depends on the log alone and is the same on every replay.
///
/// Users and event ids are known by 64 bits of hash: where a window is full of a million ids, one behavior in 2^44 is taken for a
/// duplicate that is none. Owned by one lane.
final class DuplicateWindow {
  let limits: DuplicateLimits
  private var table: DuplicateTable
  /// What the table does not take: records of ids that it has many of.
  private var repeated: RepeatedIDs
  private var new = NewIDs()
  /// Of the last record, registered or restored.
  private var last: Int64 = -1

  /// - Parameter seed: decides how the tree of repeated ids is balanced, not what is answered: nobody who writes records should know it.
  init(_ limits: DuplicateLimits, seed: UInt64 = .random(in: 0 ... .max)) {
    precondition((0...DuplicateLimits.maximumOffsets).contains(limits.offsets) && limits.time_ms >= 0)
    self.limits = limits
    table = DuplicateTable(limits)
    repeated = RepeatedIDs(limits, seed: seed)
  }

  /// Records with an event id that are kept, expired ones that are not dropped yet among them.
  var count: Int { table.count + repeated.count }

  /// All memory, what waits for `takeNew` included.
  var memory_bytes: Int { table.memory_bytes + repeated.memory_bytes + new.memory_bytes }

  /// Bytes that wait for `takeNew`: duplicates make them too, though they fill no fold buffer.
  var new_bytes: Int { new.count_bytes }

  /// Whether this record is a duplicate. Registers it, duplicate or not; only behaviors that are good are given, without an event id too
  /// (they are none, and are not registered).
  ///
  /// - Parameters:
  ///   - offset: Ascends from call to call, and from what was restored. Not negative.
  ///   - timestamp_ms: The record's own; -1: it has none.
  func isDuplicate(
    user: UnsafeRawBufferPointer, eventID: UnsafeRawBufferPointer, offset: Int64, timestamp_ms: Int64
  ) -> Bool {
    guard limits.offsets > 0 && eventID.count > 0 else { return false }
    let id = RegisteredID(hash: Self.hash(user, eventID), offset: offset, timestamp_ms: timestamp_ms)
    new.append(id)
    return register(id)
  }

  /// What was registered since the last call: goes into the file of states that covers these offsets. Restored in order, such records
  /// make a window that answers as this one.
  func takeNew() -> [EncodedIDs] { new.take() }

  /// Registers what `takeNew` gave once. Needed are all records whose last offset is not before the next offset - `limits.offsets`, in
  /// the order of offsets. Where it throws, nothing of the record is registered.
  func restore(_ bytes: UnsafeRawBufferPointer) throws(DuplicateIDsError) {
    var ids = try EncodedIDs.Reader(bytes)
    guard ids.firstOffset > last else {
      throw DuplicateIDsError("they begin at offset \(ids.firstOffset), and offset \(last) is known already")
    }
    // Read twice, as half of a damaged record would give wrong answers.
    while try ids.next() != nil {}
    guard limits.offsets > 0 else { return }
    ids = try EncodedIDs.Reader(bytes)
    while let id = try ids.next() { _ = register(id) }
  }

  private func register(_ id: RegisteredID) -> Bool {
    assert(id.offset > last)
    last = id.offset
    let isRepeated = !repeated.isEmpty && repeated.contains(near: id)
    let (isDuplicate, isTaken) = table.register(id)
    if !isTaken { repeated.insert(id) }
    return isDuplicate || isRepeated
  }

  @inline(__always)
  static func hash(_ user: UnsafeRawBufferPointer, _ eventID: UnsafeRawBufferPointer) -> UInt64 {
    // On the stack, as this is below 1 KiB.
    withUnsafeTemporaryAllocation(byteCount: 1 + user.count + eventID.count, alignment: 8) { bytes in
      let start = bytes.baseAddress.unsafelyUnwrapped
      start.storeBytes(of: UInt8(truncatingIfNeeded: user.count), as: UInt8.self)
      if let source = user.baseAddress { memcpy(start + 1, source, user.count) }
      if let source = eventID.baseAddress { memcpy(start + 1 + user.count, source, eventID.count) }
      return xxh3(UnsafeRawBufferPointer(bytes))
    }
  }
}
