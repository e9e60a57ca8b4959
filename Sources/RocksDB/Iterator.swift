internal import CRocksDB

/// A walk over a column family's keys in the order of their bytes, by one thread at a time.
///
///     var entries = view.iterate(family, from: prefix, upTo: next)
///     while try entries.next() { use(entries.key, entries.value) }
public struct Iterator: ~Copyable, @unchecked Sendable {  // rocksdb/iterator.h: one thread at a time, any thread
  private let view: ReadView
  private let handle: OpaquePointer
  private let options: OpaquePointer
  /// RocksDB keeps only the bound's address (rocksdb/options.h, `iterate_upper_bound`).
  private let bound: UnsafeMutableRawBufferPointer
  /// `seek` has gone to an entry that `next` has yet to give.
  private var isFresh = true

  init(
    _ view: ReadView, _ family: ColumnFamily, _ first: UnsafeRawBufferPointer, _ end: UnsafeRawBufferPointer?,
    fillsCache: Bool
  ) {
    self.view = view
    options = rocksdb_readoptions_create()
    rocksdb_readoptions_set_snapshot(options, view.snapshot)
    rocksdb_readoptions_set_fill_cache(options, fillsCache ? 1 : 0)
    bound = .allocate(byteCount: max(end?.count ?? 0, 1), alignment: 1)
    if let end {
      bound.copyMemory(from: end)
      rocksdb_readoptions_set_iterate_upper_bound(options, bound.baseAddress, end.count)
    }
    handle = rocksdb_create_iterator_cf(view.connection.handle, options, family.handle)
    seek(to: first)
  }

  deinit {
    rocksdb_iter_destroy(handle)
    rocksdb_readoptions_destroy(options)
    bound.deallocate()
  }

  /// The following `next` goes to the first entry at or behind `key`.
  public mutating func seek(to key: UnsafeRawBufferPointer) {
    let key = key.assumingMemoryBound(to: CChar.self)
    rocksdb_iter_seek(handle, key.baseAddress, key.count)
    isFresh = true
  }

  /// Goes to the next entry. False behind the last; throws where it ends because of an error.
  public mutating func next() throws(RocksDBError) -> Bool {
    if isFresh { isFresh = false } else if isValid { rocksdb_iter_next(handle) }
    if isValid { return true }
    try check("iterate over", view.connection.path) { rocksdb_iter_get_error(handle, $0) }
    return false
  }

  /// Good until the iterator moves. Empty where `next` has not returned true.
  public var key: UnsafeRawBufferPointer {
    guard !isFresh && isValid else { return .init(start: nil, count: 0) }
    var size = 0
    let bytes = rocksdb_iter_key(handle, &size)
    return .init(start: bytes, count: size)
  }

  /// Good until the iterator moves. Empty where `next` has not returned true.
  public var value: UnsafeRawBufferPointer {
    guard !isFresh && isValid else { return .init(start: nil, count: 0) }
    var size = 0
    let bytes = rocksdb_iter_value(handle, &size)
    return .init(start: bytes, count: size)
  }

  private var isValid: Bool { rocksdb_iter_valid(handle) != 0 }
}

extension ReadView {
  /// The entries with `first` <= key < `end`. `fillsCache` false is for scans, which would push everything else out.
  public func iterate(
    _ family: ColumnFamily, from first: UnsafeRawBufferPointer = .init(start: nil, count: 0),
    upTo end: UnsafeRawBufferPointer? = nil, fillsCache: Bool = true
  ) -> Iterator {
    Iterator(self, family, first, end, fillsCache: fillsCache)
  }
}
