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

/// RocksDB: MetadataCacheOptions::unpartitioned_pinning = kAll. Indices and filters stay in the cache while their files are open.
void interestd_pin_indices(rocksdb_block_based_table_options_t* options);

/// rocksdb_compact_range_cf that reports: the C API drops the status. A null key is the end of the key space on its side.
/// `rewrite_bottom` merges and compresses the lowest level again, too.
void interestd_compact_range(rocksdb_t* db, rocksdb_column_family_handle_t* family, const char* from, size_t from_size,
                             const char* to, size_t to_size, unsigned char rewrite_bottom, char** error);

/// rocksdb_sstfilewriter_create whose files stay in the page cache: that one has the system drop them as they are written, and what is
/// ingested is read at once. To be destroyed by rocksdb_sstfilewriter_destroy.
rocksdb_sstfilewriter_t* interestd_sstfilewriter_create(const rocksdb_envoptions_t* environment,
                                                        const rocksdb_options_t* options);

#ifdef __cplusplus
}
#endif
