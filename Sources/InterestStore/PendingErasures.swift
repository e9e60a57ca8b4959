import RocksDB
import Threads

/// Users who were erased and whose bytes may still be in files that no compaction has folded yet. Each stands in the database from
/// the flush that erased the user until its bytes are gone, so that a restart forgets none.
///
/// A flusher adds, one other thread compacts (DESIGN.md section 5).
final class PendingErasures: @unchecked Sendable {  // all fields are guarded by `mutex`
  private struct Erasure {
    /// When, in Unix milliseconds; those found at opening are due at once.
    var time_ms: Int64 = 0
    /// Which flush brought it, counted from the opening; 0: it was found then.
    var flush: UInt64 = 0
  }

  /// An erasure that is to be compacted.
  typealias Due = (key: [UInt8], flush: UInt64)

  private let mutex = Mutex()
  private var waiting: [[UInt8]: Erasure] = [:]
  private var flushes: UInt64 = 0
  /// Gone from the disk, while the database still has the note of them.
  private var gone: Set<[UInt8]> = []

  init(_ view: ReadView, _ family: ColumnFamily) throws(RocksDBError) {
    var found: [[UInt8]: Erasure] = [:]
    try StoreKey.bytes(StoreKey.erasures).span.bytes.withUnsafeBytes { (first) throws(RocksDBError) in
      try StoreKey.bytes(StoreKey.facts).span.bytes.withUnsafeBytes { (end) throws(RocksDBError) in
        var entries = view.iterate(family, from: first, upTo: end, fillsCache: false)
        while try entries.next() { found[Array(entries.key.dropFirst(first.count))] = Erasure() }
      }
    }
    waiting = found
  }

  var oldest_ms: Int64? { mutex.withLock { waiting.values.map(\.time_ms).min() } }

  var count: Int { mutex.withLock { waiting.count } }

  /// Those whose note the next flush is to delete.
  var finished: [[UInt8]] { mutex.withLock { Array(gone) } }

  /// A flush has erased these users and deleted the notes of those.
  func flushed(_ erased: [[UInt8]], recorded: [[UInt8]]) {
    if erased.isEmpty && recorded.isEmpty { return }
    mutex.withLock {
      gone.subtract(recorded)
      gone.subtract(erased)
      flushes += 1
      for key in erased { waiting[key] = Erasure(time_ms: WallClock.now_ms, flush: flushes) }
    }
  }

  /// Those of before, their keys ascending.
  func due(before time_ms: Int64) -> [Due] {
    mutex.withLock { waiting.filter { $0.value.time_ms < time_ms } }
      .sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { ($0.key, $0.value.flush) }
  }

  /// Their bytes are gone, except where a user was erased once more meanwhile.
  func finish(_ done: [Due]) {
    mutex.withLock {
      for (key, flush) in done where waiting[key]?.flush == flush {
        waiting[key] = nil
        gone.insert(key)
      }
    }
  }

  /// Few ranges that have all keys: compacting a range costs what its files are large, so that many in one partition go together.
  static func ranges(of due: [Due]) -> [(first: [UInt8], last: [UInt8])] {
    let limit = 16
    if due.count <= limit { return due.map { ($0.key, $0.key) } }
    var ranges: [(first: [UInt8], last: [UInt8])] = []
    for (key, _) in due {
      if let last = ranges.last, last.first.prefix(2) == key.prefix(2) {
        ranges[ranges.count - 1].last = key
      } else {
        ranges.append((key, key))
      }
    }
    return ranges
  }
}
