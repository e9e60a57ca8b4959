import Bytes
import InterestCodec
import InterestModel
import RocksDB

/// A reader's memory, reused from lookup to lookup. One thread's.
public final class ReadScratch {
  fileprivate var run = BehaviorRun()
  fileprivate var folder: StateFolder
  fileprivate var key = ByteBuffer()
  /// States of the buffers' runs, one behind the other.
  fileprivate var states = ByteBuffer(capacity: 1 << 14)

  public init(rules: FoldRules) { folder = StateFolder(rules: rules) }
}

extension Generation {
  /// Calls `body` with a user's state, all applied events once, or with nil where there is none. The bytes are good until it
  /// returns. From any thread, with a scratch of its own.
  public func withState<Result>(
    of user: UnsafeRawBufferPointer, partition: UInt16, _ scratch: ReadScratch,
    _ body: (UnsafeRawBufferPointer?) -> Result
  ) throws(StoreError) -> Result {
    let view = views.acquire()
    defer { views.release(view) }
    scratch.key.clear()
    withUnsafeBytes(of: partition.bigEndian) { scratch.key.append($0) }
    scratch.key.append(user)
    do {
      return try view.database.get(scratch.key.bytes, in: family) { stored in
        Self.fold(stored, user, partition, view.buffers, scratch, body)
      }
    } catch {
      throw StoreError(error)
    }
  }

  private static func fold<Result>(
    _ stored: UnsafeRawBufferPointer?, _ user: UnsafeRawBufferPointer, _ partition: UInt16, _ buffers: [FoldBuffer],
    _ scratch: ReadScratch, _ body: (UnsafeRawBufferPointer?) -> Result
  ) -> Result {
    withUnsafeTemporaryAllocation(of: UnsafeRawBufferPointer.self, capacity: 2 + buffers.count) { parts in
      var count = 0
      func add(_ part: UnsafeRawBufferPointer) {
        parts.initializeElement(at: count, to: part)
        count += 1
      }
      if let stored { add(stored) }
      scratch.run.clear()
      for buffer in buffers {
        if let folded = buffer.read(user: user, partition: partition, into: &scratch.run) { add(folded) }
      }
      if scratch.run.count > 0 {
        let state = scratch.folder.state(of: scratch.run.behaviors, scratch.run.count)
        if count > 0 {
          // The state lies in the memory that folding it with the others needs.
          scratch.states.clear()
          scratch.states.append(state)
          add(scratch.states.bytes)
        } else {
          add(state)
        }
      }
      if count == 0 { return body(nil) }
      if count == 1 { return body(parts[0]) }
      return body(scratch.folder.fold(UnsafeBufferPointer(rebasing: parts[0..<count])))
    }
  }

  /// How far a partition is durably folded; nil where it never was.
  public func offsets(of partition: UInt16) throws(StoreError) -> PartitionOffsets? {
    try position(StoreKey.bytes(partition)) { PositionCodec.offsets($0, partition: partition) }
  }

  /// How far an input is durably folded; nil where it never was.
  public func position(ofInput name: String) throws(StoreError) -> InputPosition? {
    try position(StoreKey.bytes(StoreKey.inputs, name)) { PositionCodec.input($0, name: name) }
  }

  /// How far the dead letters' file holds.
  public func deadLetterPosition() throws(StoreError) -> DeadLetterPosition {
    let position = try position(StoreKey.bytes(StoreKey.deadLetters, "file")) { bytes in
      PositionCodec.decode(bytes, 2).map { DeadLetterPosition(bytes: $0[0], records: $0[1]) }
    }
    return position ?? DeadLetterPosition()
  }

  private func position<Position>(
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
