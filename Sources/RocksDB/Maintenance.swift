internal import CRocksDB

extension Database {
  /// Names of rocksdb/db.h, `DB::Properties`.
  public struct Property: Sendable, ExpressibleByStringLiteral {
    let name: String

    public init(stringLiteral name: StringLiteralType) { self.name = name }

    public static let liveFiles_bytes: Property = "rocksdb.live-sst-files-size"
    public static let estimatedKeys: Property = "rocksdb.estimate-num-keys"
    public static let estimatedPendingCompaction_bytes: Property = "rocksdb.estimate-pending-compaction-bytes"
    public static let runningCompactions: Property = "rocksdb.num-running-compactions"
    public static let backgroundErrors: Property = "rocksdb.background-errors"
    public static let tableReaders_bytes: Property = "rocksdb.estimate-table-readers-mem"
    public static let levels: Property = "rocksdb.levelstats"

    public static func files(level: Int) -> Property { Property(stringLiteral: "rocksdb.num-files-at-level\(level)") }
  }

  /// Nil where RocksDB does not know the property.
  public func text(_ property: Property, of family: ColumnFamily) -> String? {
    guard let text = rocksdb_property_value_cf(connection.handle, family.handle, property.name) else { return nil }
    defer { rocksdb_free(text) }
    return String(cString: text)
  }

  /// Nil where RocksDB does not know the property, or it is not a number.
  public func number(_ property: Property, of family: ColumnFamily) -> UInt64? {
    var number: UInt64 = 0
    if rocksdb_property_int_cf(connection.handle, family.handle, property.name, &number) == 0 { return number }
    return text(property, of: family).flatMap { UInt64($0) }
  }

  /// Bytes of the files that the family consists of at the moment.
  public func liveFiles_bytes(of family: ColumnFamily) -> UInt64 { number(.liveFiles_bytes, of: family) ?? 0 }

  /// How many files each level has, from level 0 to the last.
  public func levelFiles(of family: ColumnFamily) -> [Int] {
    var counts: [Int] = []
    // There is no such property beyond the last level.
    while let count = number(.files(level: counts.count), of: family) { counts.append(Int(count)) }
    return counts
  }

  /// Files that reads have to look through one by one.
  public func level0Files(of family: ColumnFamily) -> Int { Int(number(.files(level: 0), of: family) ?? 0) }

  /// Merges everything between the keys, both included, down to the lowest level that has any of it; nil is the end of the keys
  /// on that side. Returns when done; the database stays usable meanwhile.
  ///
  /// - Parameter rewritesBottom: Also merges and compresses again what lies in the lowest level already.
  public func compact(
    _ family: ColumnFamily, from first: UnsafeRawBufferPointer? = nil, to last: UnsafeRawBufferPointer? = nil,
    rewritesBottom: Bool = false
  ) throws(RocksDBError) {
    let first = first?.assumingMemoryBound(to: CChar.self)
    let last = last?.assumingMemoryBound(to: CChar.self)
    try check("compact", path) {
      interestd_compact_range(
        connection.handle, family.handle, first?.baseAddress, first?.count ?? 0, last?.baseAddress, last?.count ?? 0,
        rewritesBottom ? 1 : 0, $0)
    }
  }

  /// Ends every `compact` under way with an error, and each that follows, until they are allowed again.
  public func forbidCompact() { rocksdb_disable_manual_compaction(connection.handle) }

  /// Takes one `forbidCompact` back.
  public func allowCompact() { rocksdb_enable_manual_compaction(connection.handle) }

  /// About how many bytes the files hold with `first` <= key < `end`; what is in no block of its own counts by half-blocks.
  public func approximate_bytes(
    of family: ColumnFamily, from first: UnsafeRawBufferPointer, upTo end: UnsafeRawBufferPointer
  ) throws(RocksDBError) -> UInt64 {
    var start = first.assumingMemoryBound(to: CChar.self).baseAddress
    var limit = end.assumingMemoryBound(to: CChar.self).baseAddress
    var startSize = first.count
    var limitSize = end.count
    var size: UInt64 = 0
    try check("size up", path) {
      rocksdb_approximate_sizes_cf(
        connection.handle, family.handle, 1, &start, &startSize, &limit, &limitSize, &size, $0)
    }
    return size
  }
}
