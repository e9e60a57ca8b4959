internal import CRocksDB

/// A key space of a database, with files and options of its own. Keeps the database open.
public final class ColumnFamily: @unchecked Sendable {  // immutable until destroyed, and that once: `deinit`
  public let name: String
  let handle: OpaquePointer
  let connection: Connection

  init(name: String, handle: OpaquePointer, connection: Connection) {
    self.name = name
    self.handle = handle
    self.connection = connection
  }

  // Before the connection's close, which `connection` keeps off until then.
  deinit { rocksdb_column_family_handle_destroy(handle) }
}
