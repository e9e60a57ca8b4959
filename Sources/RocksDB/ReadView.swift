internal import CRocksDB

/// What a database holds at one moment, for any number of threads; keeps the database open, and old values in it.
public final class ReadView: @unchecked Sendable {  // rocksdb/snapshot.h: "Snapshots are immutable objects"
  let connection: Connection
  let snapshot: OpaquePointer?
  private let options: OpaquePointer

  init(_ connection: Connection, snapshot: Bool) {
    self.connection = connection
    self.snapshot = snapshot ? rocksdb_create_snapshot(connection.handle) : nil
    options = rocksdb_readoptions_create()
    rocksdb_readoptions_set_snapshot(options, self.snapshot)
  }

  deinit {
    rocksdb_readoptions_destroy(options)
    if let snapshot { rocksdb_release_snapshot(connection.handle, snapshot) }
  }

  /// Calls `body` with a key's value where RocksDB holds it, good until `body` returns, or with nil where there is none.
  public func get<Result: ~Copyable>(
    _ key: UnsafeRawBufferPointer, in family: ColumnFamily, _ body: (UnsafeRawBufferPointer?) -> Result
  ) throws(RocksDBError) -> Result {
    let key = key.assumingMemoryBound(to: CChar.self)
    let pinned = try check("read a key of", connection.path) {
      rocksdb_get_pinned_cf(connection.handle, options, family.handle, key.baseAddress, key.count, $0)
    }
    guard let pinned else { return body(nil) }
    defer { rocksdb_pinnableslice_destroy(pinned) }
    return body(value(of: pinned))
  }

  /// Reads many keys in one pass over the database; an error of one key leaves the others readable.
  ///
  /// - Parameters:
  ///   - sorted: The keys ascend, which saves RocksDB sorting them.
  ///   - body: Called once for every key, in the keys' order; the bytes are good until it returns.
  public func get(
    _ keys: UnsafeBufferPointer<UnsafeRawBufferPointer>, in family: ColumnFamily, sorted: Bool = false,
    _ body: (_ index: Int, _ value: Result<UnsafeRawBufferPointer?, RocksDBError>) -> Void
  ) {
    typealias Bytes = UnsafePointer<CChar>
    let count = keys.count
    withUnsafeTemporaryAllocation(of: Bytes?.self, capacity: count) { bytes in
      withUnsafeTemporaryAllocation(of: Int.self, capacity: count) { sizes in
        for (index, key) in keys.enumerated() {
          bytes.initializeElement(at: index, to: key.assumingMemoryBound(to: CChar.self).baseAddress)
          sizes.initializeElement(at: index, to: key.count)
        }
        withUnsafeTemporaryAllocation(of: OpaquePointer?.self, capacity: count) { values in
          withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<CChar>?.self, capacity: count) { errors in
            values.initialize(repeating: nil)
            errors.initialize(repeating: nil)
            rocksdb_batched_multi_get_cf(
              connection.handle, options, family.handle, count, bytes.baseAddress, sizes.baseAddress,
              values.baseAddress, errors.baseAddress, sorted)
            for index in 0..<count { hand(index, values[index], errors[index], to: body) }
          }
        }
      }
    }
  }

  private func hand(
    _ index: Int, _ pinned: OpaquePointer?, _ error: UnsafeMutablePointer<CChar>?,
    to body: (Int, Result<UnsafeRawBufferPointer?, RocksDBError>) -> Void
  ) {
    if let error { return body(index, .failure(failure("read keys of", connection.path, taking: error))) }
    guard let pinned else { return body(index, .success(nil)) }
    body(index, .success(value(of: pinned)))
    rocksdb_pinnableslice_destroy(pinned)
  }

  @inline(__always)
  private func value(of pinned: OpaquePointer) -> UnsafeRawBufferPointer {
    var size = 0
    let bytes = rocksdb_pinnableslice_value(pinned, &size)
    return UnsafeRawBufferPointer(start: bytes, count: size)
  }
}

extension Database {
  /// What is there now, whatever is ingested later.
  public func snapshot() -> ReadView { ReadView(connection, snapshot: true) }

  /// What is there at each call (an iterator: when it is made).
  public func latest() -> ReadView { ReadView(connection, snapshot: false) }
}
