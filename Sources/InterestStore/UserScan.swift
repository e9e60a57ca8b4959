import Bytes
import Glibc
import InterestCodec
import InterestModel
import RocksDB

extension Generation {
  /// Calls `body` with every user's id and state, in order of the ids' bytes, whatever partitions they are in; a user of several
  /// partitions (records without keys) is folded into one. Only what is in the database: for states that nobody is filling.
  ///
  /// - Parameter wanted: Only users of these partitions; nil: of all.
  /// - Throws: What `body` throws, or a `StoreError` where the database cannot be read.
  public func forEachUser(
    in wanted: [UInt16]? = nil,
    _ body: (_ user: UnsafeRawBufferPointer, _ state: UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let view = views.acquire()
    defer { views.release(view) }
    do {
      var scan = UserScan(rules: rules)
      for partition in try partitions(view.database) where wanted?.contains(partition) != false {
        try scan.add(partition, view.database, family)
      }
      while try scan.next() { try scan.withCurrent(body) }
    } catch let error as RocksDBError {
      throw StoreError(error)
    }
  }

  /// The partitions that have any entry.
  private func partitions(_ view: ReadView) throws(RocksDBError) -> [UInt16] {
    var partitions: [UInt16] = []
    var next: UInt16 = 0
    while Int(next) < StoreKey.partitionLimit {
      let found: UInt16? = try StoreKey.bytes(next).span.bytes.withUnsafeBytes { (first) throws(RocksDBError) in
        var entries = view.iterate(family, from: first, fillsCache: false)
        return try entries.next() ? StoreKey.partition(of: entries.key) : nil
      }
      guard let found, Int(found) < StoreKey.partitionLimit else { break }
      partitions.append(found)
      next = found + 1
    }
    return partitions
  }
}

/// Merges the users of several partitions.
private struct UserScan: ~Copyable {
  private final class Stream {
    var entries: Iterator
    init(_ entries: consuming Iterator) { self.entries = entries }

    /// Steps to the next user.
    func next() throws(RocksDBError) -> Bool {
      while try entries.next() {
        if entries.key.count > 2 { return true }
      }
      return false
    }

    var user: UnsafeRawBufferPointer { .init(rebasing: entries.key[2...]) }
  }

  private var streams: [Stream] = []
  private var current: [Stream] = []
  private var folder: StateFolder

  init(rules: FoldRules) { folder = StateFolder(rules: rules) }

  mutating func add(_ partition: UInt16, _ view: ReadView, _ family: ColumnFamily) throws(RocksDBError) {
    let stream = try StoreKey.bytes(partition).span.bytes.withUnsafeBytes { (first) throws(RocksDBError) in
      try StoreKey.bytes(partition + 1).span.bytes.withUnsafeBytes { (end) throws(RocksDBError) in
        Stream(view.iterate(family, from: first, upTo: end, fillsCache: false))
      }
    }
    if try stream.next() { streams.append(stream) }
  }

  /// Steps to the next user: to all streams that stand at the smallest id.
  mutating func next() throws(RocksDBError) -> Bool {
    for stream in current {
      if try !stream.next() { streams.removeAll { $0 === stream } }
    }
    current.removeAll(keepingCapacity: true)
    for stream in streams {
      let order = current.first.map { compare(stream.user, $0.user) } ?? 0
      if order < 0 { current.removeAll(keepingCapacity: true) }
      if order <= 0 { current.append(stream) }
    }
    return !current.isEmpty
  }

  mutating func withCurrent(
    _ body: (_ user: UnsafeRawBufferPointer, _ state: UnsafeRawBufferPointer) throws -> Void
  ) rethrows {
    let states = current.map { $0.entries.value }
    try body(current[0].user, states.withUnsafeBufferPointer { folder.fold($0) })
  }

  private func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    guard let first = a.baseAddress, let second = b.baseAddress else { return a.count - b.count }
    let difference = Int(memcmp(first, second, min(a.count, b.count)))
    return difference == 0 ? a.count - b.count : difference
  }
}
