import Glibc
import RocksDB

/// What a flush writes beside the users' states, in order of its keys, to be written between theirs.
struct FlushEntries {
  enum Verb { case put, merge, delete }
  private(set) var entries: [(key: [UInt8], value: [UInt8], verb: Verb)] = []
  private var next = 0

  /// - Parameters:
  ///   - erased: Keys of the users whom the flush erases.
  ///   - finishedErasures: Keys of those whose bytes have left the disk since.
  init(_ positions: DurablePositions, erased: [[UInt8]], finishedErasures: [[UInt8]]) {
    for offsets in positions.partitions { merge(StoreKey.bytes(offsets.partition), PositionCodec.encode(offsets)) }
    for ids in positions.duplicateIDs { put(StoreKey.duplicateIDs(ids.partition, upTo: ids.last), ids.bytes) }
    for ids in positions.forgottenIDs { delete(StoreKey.duplicateIDs(ids.partition, upTo: ids.last)) }
    for key in erased { put(key.withUnsafeBytes { StoreKey.erasure(of: $0) }, []) }
    let again = Set(erased)
    for key in finishedErasures where !again.contains(key) {
      delete(key.withUnsafeBytes { StoreKey.erasure(of: $0) })
    }
    if let letters = positions.deadLetters {
      put(
        StoreKey.bytes(StoreKey.facts, "file"),
        PositionCodec.encode(letters.bytes, letters.records, letters.file))
    }
    if positions.hasMisplacedUsers { put(StoreKey.bytes(StoreKey.facts, "misplaced"), PositionCodec.encode(1)) }
    if let owned = positions.owned { put(StoreKey.bytes(StoreKey.facts, "owned"), PositionCodec.encode(owned)) }
    for input in positions.inputs { merge(StoreKey.bytes(StoreKey.inputs, input.name), PositionCodec.encode(input)) }
    entries.sort { $0.key.lexicographicallyPrecedes($1.key) }
  }

  private mutating func put(_ key: [UInt8], _ value: [UInt8]) { entries.append((key, value, .put)) }
  private mutating func merge(_ key: [UInt8], _ value: [UInt8]) { entries.append((key, value, .merge)) }
  private mutating func delete(_ key: [UInt8]) { entries.append((key, [], .delete)) }

  /// As bytes: it is asked for each user of a flush.
  private static func precedes(_ a: [UInt8], _ b: UnsafeRawBufferPointer) -> Bool {
    a.withUnsafeBytes { a in
      guard let first = a.baseAddress, let second = b.baseAddress else { return a.count < b.count }
      let difference = memcmp(first, second, min(a.count, b.count))
      return difference == 0 ? a.count < b.count : difference < 0
    }
  }

  /// Writes those that go before `key`; nil: all that are left.
  mutating func write(before key: UnsafeRawBufferPointer?, to writer: inout SSTWriter) throws(RocksDBError) {
    while next < entries.count {
      if let key, !Self.precedes(entries[next].key, key) { return }
      let (name, bytes, verb) = entries[next]
      try name.span.bytes.withUnsafeBytes { (key) throws(RocksDBError) in
        try bytes.span.bytes.withUnsafeBytes { (value) throws(RocksDBError) in
          switch verb {
          case .put: try writer.put(key, value)
          case .merge: try writer.merge(key, value)
          case .delete: try writer.delete(key)
          }
        }
      }
      next += 1
    }
  }
}
