import Bytes
import InterestCodec
import InterestModel
import RocksDB

/// A reader's memory, reused from lookup to lookup. One thread's.
public final class ReadScratch {
  private var run = BehaviorRun()
  /// States that are to be folded into one.
  private var parts: ContiguousArray<UnsafeRawBufferPointer> = []
  private var folder: StateFolder
  private var keyBytes = ByteBuffer()
  /// The state of the buffers' runs.
  private var runState = ByteBuffer(capacity: 1 << 14)
  /// Whether a proof is wanted of each state that is read.
  public var wantsProof = false
  /// By which the last state that was read can be known to be the user's still; nil: it cannot.
  public fileprivate(set) var proof: AnswerProof?

  public init(rules: FoldRules) { folder = StateFolder(rules: rules) }

  /// Good until the next call.
  fileprivate func key(_ user: UnsafeRawBufferPointer, _ partition: UInt16) -> UnsafeRawBufferPointer {
    keyBytes.clear()
    withUnsafeBytes(of: partition.bigEndian) { keyBytes.append($0) }
    keyBytes.append(user)
    return keyBytes.bytes
  }

  fileprivate func begin() {
    run.clear()
    parts.removeAll(keepingCapacity: true)
  }

  fileprivate func add(_ state: UnsafeRawBufferPointer) { parts.append(state) }

  /// Adds what the buffers have of a user. False where one has an erasure: earlier buffers of that partition and what is stored do not
  /// count.
  fileprivate func add(_ user: UnsafeRawBufferPointer, _ partition: UInt16, of buffers: [FoldBuffer]) -> Bool {
    // The newest last: a lane's buffers follow one another in the order of offsets.
    for buffer in buffers.reversed() {
      let earlier = buffer.read(user: user, partition: partition, into: &run)
      if let place = earlier.place { note(place) }
      if let folded = earlier.folded { parts.append(folded) }
      if earlier.isErased { return false }
    }
    return true
  }

  /// Makes one state of the behaviors that were added one by one.
  fileprivate func finishRun() {
    if run.count == 0 { return }
    // Out of the memory that folding it with others needs.
    runState.clear()
    runState.append(folder.state(of: run.behaviors, run.count))
    parts.append(runState.bytes)
  }

  /// All that was added as one state; nil: nothing was.
  fileprivate func folded() -> UnsafeRawBufferPointer? {
    parts.isEmpty ? nil : parts.withUnsafeBufferPointer { folder.fold($0) }
  }

  /// Calls `body` with a user's stored state, folded with all that was added.
  fileprivate func withStored<Result>(
    _ key: UnsafeRawBufferPointer, _ view: View, _ family: ColumnFamily,
    _ body: (UnsafeRawBufferPointer?) -> Result
  ) throws(RocksDBError) -> Result {
    if parts.isEmpty { return try view.database.get(key, in: family, body) }
    let merging = MergeScratch.ofThread.takeUnretainedValue()
    swap(&parts, &merging.beside)
    // Where there was no merge, or an error.
    defer { merging.beside.removeAll(keepingCapacity: true) }
    return try view.database.get(key, in: family) { stored in
      if merging.beside.isEmpty { return body(stored) }
      swap(&parts, &merging.beside)
      if let stored { parts.append(stored) }
      return body(folded())
    }
  }
}

extension ReadScratch {
  fileprivate func note(_ place: AnswerProof.Place) { if proof?.add(place) == false { proof = nil } }
}

extension Generation {
  /// Calls `body` with a user's state, all applied events once, or with nil where there is none. The bytes are good until it
  /// returns. From any thread, with a scratch of its own.
  ///
  /// - Parameter partitions: Those that may hold behaviors of the user; one, unless keys say nothing of the user.
  public func withState<Result>(
    of user: UnsafeRawBufferPointer, in partitions: Range<UInt16>, _ scratch: ReadScratch,
    _ body: (UnsafeRawBufferPointer?) -> Result
  ) throws(StoreError) -> Result {
    scratch.proof = scratch.wantsProof ? changes.proof(for: user) : nil
    let view = views.acquire()
    defer { views.release(view) }
    do {
      if partitions.count == 1, let partition = partitions.first {
        scratch.begin()
        let isStoredWanted = scratch.add(user, partition, of: view.buffers)
        scratch.finishRun()
        if !isStoredWanted { return body(scratch.folded()) }
        return try scratch.withStored(scratch.key(user, partition), view, family, body)
      }
      return try fold(of: user, in: partitions, view, scratch, body)
    } catch {
      throw StoreError(error)
    }
  }

  /// Where a user may be on many partitions, what is stored is copied one behind the other first.
  private func fold<Result>(
    of user: UnsafeRawBufferPointer, in partitions: Range<UInt16>, _ view: View, _ scratch: ReadScratch,
    _ body: (UnsafeRawBufferPointer?) -> Result
  ) throws(RocksDBError) -> Result {
    var copies = ByteBuffer(capacity: 1 << 14)
    var places: [Range<Int>] = []
    scratch.begin()
    for partition in partitions where scratch.add(user, partition, of: view.buffers) {
      let start = copies.count
      try view.database.get(scratch.key(user, partition), in: family) { if let state = $0 { copies.append(state) } }
      if copies.count > start { places.append(start..<copies.count) }
    }
    scratch.finishRun()
    let bytes = copies.bytes
    for place in places { scratch.add(UnsafeRawBufferPointer(rebasing: bytes[place])) }
    return body(scratch.folded())
  }

  /// How far a partition is durably folded; nil where it never was.
  public func offsets(of partition: UInt16) throws(StoreError) -> PartitionOffsets? {
    try position(StoreKey.bytes(partition)) { PositionCodec.offsets($0, partition: partition) }
  }

  /// How far an input is durably folded; nil where it never was.
  public func position(ofInput name: String) throws(StoreError) -> InputPosition? {
    try position(StoreKey.bytes(StoreKey.inputs, name)) { PositionCodec.input($0, name: name) }
  }

  /// The partitions that were this instance's when it last flushed; nil: all that there are.
  public func ownedPartitions() throws(StoreError) -> [UInt16]? {
    try position(StoreKey.bytes(StoreKey.facts, "owned")) { PositionCodec.list($0) }
  }

  /// Calls `body` with the stored ids of a partition, in order of their last offsets; bytes are good until it returns.
  public func forEachDuplicateIDs(
    of partition: UInt16, _ body: (_ last: Int64, UnsafeRawBufferPointer) -> Void
  ) throws(StoreError) {
    let view = views.acquire()
    defer { views.release(view) }
    let begin = StoreKey.duplicateIDs(partition, upTo: 0)
    let end = StoreKey.duplicateIDs(partition, upTo: -1)  // as a number without sign, the last
    do throws(RocksDBError) {
      try begin.span.bytes.withUnsafeBytes { (begin) throws(RocksDBError) in
        try end.span.bytes.withUnsafeBytes { (end) throws(RocksDBError) in
          var entries = view.database.iterate(family, from: begin, upTo: end, fillsCache: false)
          while try entries.next() {
            let last = entries.key.loadUnaligned(fromByteOffset: entries.key.count - 8, as: UInt64.self)
            body(Int64(bitPattern: UInt64(bigEndian: last)), entries.value)
          }
        }
      }
    } catch { throw StoreError(error) }
  }

  /// How far the dead letters' file holds.
  public func deadLetterPosition() throws(StoreError) -> DeadLetterPosition {
    let position = try position(StoreKey.bytes(StoreKey.facts, "file")) { bytes in
      PositionCodec.decode(bytes, 3).map { DeadLetterPosition(bytes: $0[0], records: $0[1], file: $0[2]) }
    }
    return position ?? DeadLetterPosition()
  }

  func position<Position>(
    _ key: [UInt8], _ decode: (UnsafeRawBufferPointer) -> Position?
  ) throws(StoreError) -> Position? {
    let view = views.acquire()
    defer { views.release(view) }
    let found: (isThere: Bool, position: Position?)
    do {
      found = try key.span.bytes.withUnsafeBytes { (key) throws(RocksDBError) in
        try view.database.get(key, in: family) { bytes in (bytes != nil, bytes.flatMap(decode)) }
      }
    } catch {
      throw StoreError(error)
    }
    if found.isThere && found.position == nil {
      throw StoreError(.damaged, "a stored position in \(database.path) cannot be read: restore a copy, or ingest anew")
    }
    return found.position
  }
}
