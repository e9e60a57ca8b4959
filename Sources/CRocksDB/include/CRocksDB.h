// RocksDB's C API, and what it lacks in 7.8.
#pragma once
#if !__has_include(<rocksdb/c.h>)
#error "RocksDB is missing: apt-get install librocksdb-dev"
#endif
#include <rocksdb/c.h>

#ifdef __cplusplus
extern "C" {
#endif

/// RocksDB: IngestExternalFileOptions::write_global_seqno. On (the default), every ingestion writes into the file and syncs it.
void interestd_ingest_set_write_global_seqno(rocksdb_ingestexternalfileoptions_t* options, unsigned char write);

/// rocksdb_compact_range_cf that reports: the C API drops the status. A null key is the end of the key space on its side.
/// `rewrite_bottom` merges and compresses the lowest level again, too.
void interestd_compact_range(rocksdb_t* db, rocksdb_column_family_handle_t* family, const char* from, size_t from_size,
                             const char* to, size_t to_size, unsigned char rewrite_bottom, char** error);

#ifdef __cplusplus
}
#endif
