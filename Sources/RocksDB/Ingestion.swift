internal import CRocksDB
import Glibc

extension Database {
  /// Takes finished files into a family: all of them or, on an error, none. The files are moved (hard links); where the database
  /// lies on another volume they are copied. Views made before do not see them.
  ///
  /// Files of one call must not overlap. A key that overlaps the memtable is refused, instead of flushing it: interestd writes
  /// nothing through it.
  public func ingest(_ paths: [String], into family: ColumnFamily) throws(RocksDBError) {
    let options = rocksdb_ingestexternalfileoptions_create().unsafelyUnwrapped
    defer { rocksdb_ingestexternalfileoptions_destroy(options) }
    // `failed_move_fall_back_to_copy` is on unless changed (rocksdb/options.h).
    rocksdb_ingestexternalfileoptions_set_move_files(options, 1)
    rocksdb_ingestexternalfileoptions_set_snapshot_consistency(options, 1)
    rocksdb_ingestexternalfileoptions_set_allow_global_seqno(options, 1)
    rocksdb_ingestexternalfileoptions_set_allow_blocking_flush(options, 0)
    interestd_ingest_set_write_global_seqno(options, 0)
    let texts = paths.map { strdup($0) }
    defer { texts.forEach { free($0) } }
    let constants = texts.map { UnsafePointer($0) }
    try check("ingest files into", path) {
      rocksdb_ingest_external_file_cf(connection.handle, family.handle, constants, constants.count, options, $0)
    }
  }
}
