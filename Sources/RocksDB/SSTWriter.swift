internal import CRocksDB
import Glibc

/// Writes one file of entries, each key once and ascending, for `Database.ingest`.
///
/// One that is let go before `finish` removes its file.
public struct SSTWriter: ~Copyable, @unchecked Sendable {  // one owner, and no state of its thread
  public let path: String
  private let handle: OpaquePointer
  private let environment: OpaquePointer
  private let options: Options
  private var isFinished = false

  public init(path: String, options: Options) throws(RocksDBError) {
    let environment = rocksdb_envoptions_create().unsafelyUnwrapped
    let handle = interestd_sstfilewriter_create(environment, options.handle).unsafelyUnwrapped
    do {
      try check("create the file", path) { rocksdb_sstfilewriter_open(handle, path, $0) }
    } catch {
      rocksdb_sstfilewriter_destroy(handle)
      rocksdb_envoptions_destroy(environment)
      throw error
    }
    self.path = path
    self.options = options
    self.environment = environment
    self.handle = handle
  }

  deinit {
    rocksdb_sstfilewriter_destroy(handle)
    rocksdb_envoptions_destroy(environment)
    if !isFinished { unlink(path) }
  }

  public mutating func put(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(RocksDBError) {
    let key = key.assumingMemoryBound(to: CChar.self)
    let value = value.assumingMemoryBound(to: CChar.self)
    try check("add a value to", path) {
      rocksdb_sstfilewriter_put(handle, key.baseAddress, key.count, value.baseAddress, value.count, $0)
    }
  }

  public mutating func merge(_ key: UnsafeRawBufferPointer, _ operand: UnsafeRawBufferPointer) throws(RocksDBError) {
    let key = key.assumingMemoryBound(to: CChar.self)
    let operand = operand.assumingMemoryBound(to: CChar.self)
    try check("add an operand to", path) {
      rocksdb_sstfilewriter_merge(handle, key.baseAddress, key.count, operand.baseAddress, operand.count, $0)
    }
  }

  public mutating func delete(_ key: UnsafeRawBufferPointer) throws(RocksDBError) {
    let key = key.assumingMemoryBound(to: CChar.self)
    try check("add a deletion to", path) { rocksdb_sstfilewriter_delete(handle, key.baseAddress, key.count, $0) }
  }

  /// Bytes written to the file so far.
  public var size_bytes: UInt64 {
    var size: UInt64 = 0
    rocksdb_sstfilewriter_file_size(handle, &size)
    return size
  }

  /// Completes and syncs the file, and returns its size in bytes. A file without entries is refused.
  public consuming func finish() throws(RocksDBError) -> UInt64 {
    try check("finish the file", path) { rocksdb_sstfilewriter_finish(handle, $0) }
    isFinished = true
    return size_bytes
  }
}
