internal import CRocksDB
import Glibc

/// RocksDB's handle, closed when the last of its families, views, iterators and its `Database` is gone.
final class Connection: @unchecked Sendable {  // rocksdb/db.h: "safe for concurrent access from multiple threads"
  let handle: OpaquePointer
  let path: String

  init(handle: OpaquePointer, path: String) {
    self.handle = handle
    self.path = path
  }

  deinit {
    rocksdb_cancel_all_background_work(handle, 1)
    rocksdb_close(handle)
  }
}

/// An open database, for any number of threads.
public final class Database: Sendable {
  public enum Mode: Sendable {
    case readWrite
    /// Beside another process that may have it open for writing: shows what was there at opening.
    case readOnly
  }

  let connection: Connection
  public let mode: Mode

  public var path: String { connection.path }

  private init(_ connection: Connection, _ mode: Mode) {
    self.connection = connection
    self.mode = mode
  }

  /// Opens a database with all of its column families; `default` is always one of them.
  ///
  /// - Parameters:
  ///   - families: Options of column families by name; those that do not exist are created, unless read-only.
  ///   - options: Of the database, and of the families that are not named.
  /// - Returns: The families by name. The caller owns them: a dropped family's files go when nobody holds it any more.
  public static func open(
    path: String, mode: Mode = .readWrite, options: Options, families: [String: Options] = [:]
  ) throws(RocksDBError) -> (database: Database, families: [String: ColumnFamily]) {
    var names = Set(["default"])
    if mode == .readWrite { names.formUnion(families.keys) }
    if access("\(path)/CURRENT", F_OK) == 0 { names.formUnion(try familyNames(path: path, options: options)) }
    let sorted = names.sorted()
    let (handle, handles) = try openHandles(path, mode, options, sorted.map { ($0, families[$0] ?? options) })
    let connection = Connection(handle: handle, path: path)
    let opened = zip(sorted, handles).map { ($0, ColumnFamily(name: $0, handle: $1, connection: connection)) }
    return (Database(connection, mode), Dictionary(uniqueKeysWithValues: opened))
  }

  /// The column families of a database that is there.
  public static func familyNames(path: String, options: Options) throws(RocksDBError) -> [String] {
    var count = 0
    let names = try check("list the column families of", path) {
      rocksdb_list_column_families(options.handle, path, &count, $0)
    }
    guard let names else { return [] }
    defer { rocksdb_list_column_families_destroy(names, count) }
    return (0..<count).map { String(cString: names[$0].unsafelyUnwrapped) }
  }

  public func createFamily(_ name: String, options: Options) throws(RocksDBError) -> ColumnFamily {
    let handle = try check("create column family \(name) in", path) {
      rocksdb_create_column_family(connection.handle, options.handle, name, $0)
    }
    return ColumnFamily(name: name, handle: handle.unsafelyUnwrapped, connection: connection)
  }

  /// Takes a family out of the database, at once and for good. Whoever still holds it reads on; then its files are removed.
  public func drop(_ family: ColumnFamily) throws(RocksDBError) {
    try check("drop column family \(family.name) of", path) {
      rocksdb_drop_column_family(connection.handle, family.handle, $0)
    }
  }

  private static func openHandles(
    _ path: String, _ mode: Mode, _ options: Options, _ families: [(name: String, options: Options)]
  ) throws(RocksDBError) -> (OpaquePointer, [OpaquePointer]) {
    let names = families.map { strdup($0.name) }
    defer { names.forEach { free($0) } }
    let constantNames = names.map { UnsafePointer($0) }
    let familyOptions = families.map { Optional($0.options.handle) }
    var handles = [OpaquePointer?](repeating: nil, count: families.count)
    let handle = try check("open the database", path) { error in
      let count = Int32(families.count)
      return switch mode {
      case .readWrite:
        rocksdb_open_column_families(options.handle, path, count, constantNames, familyOptions, &handles, error)
      case .readOnly:
        rocksdb_open_for_read_only_column_families(
          options.handle, path, count, constantNames, familyOptions, &handles, 0, error)
      }
    }
    return (handle.unsafelyUnwrapped, handles.map(\.unsafelyUnwrapped))
  }
}
