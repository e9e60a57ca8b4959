#include "CRocksDB.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

#include <cstdlib>
#include <cstring>

// rocksdb/c.h only declares these types; RocksDB's db/c.cc (7.8) defines them with `rep` as the first member, and hands them out
// by pointer only. The tests show that these functions do what they say.
struct rocksdb_t {
  rocksdb::DB* rep;
};
struct rocksdb_column_family_handle_t {
  rocksdb::ColumnFamilyHandle* rep;
};
struct rocksdb_block_based_table_options_t {
  rocksdb::BlockBasedTableOptions rep;
};
struct rocksdb_ingestexternalfileoptions_t {
  rocksdb::IngestExternalFileOptions rep;
};
struct rocksdb_envoptions_t {
  rocksdb::EnvOptions rep;
};
struct rocksdb_options_t {
  rocksdb::Options rep;
};
struct rocksdb_sstfilewriter_t {
  rocksdb::SstFileWriter* rep;
};

void interestd_ingest_set_write_global_seqno(rocksdb_ingestexternalfileoptions_t* options, unsigned char write) {
  options->rep.write_global_seqno = write != 0;
}

void interestd_pin_indices(rocksdb_block_based_table_options_t* options) {
  options->rep.metadata_cache_options.unpartitioned_pinning = rocksdb::PinningTier::kAll;
}

void interestd_compact_range(rocksdb_t* db, rocksdb_column_family_handle_t* family, const char* from, size_t from_size,
                             const char* to, size_t to_size, unsigned char rewrite_bottom, char** error) {
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  if (rewrite_bottom) options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  rocksdb::Slice first(from, from_size), last(to, to_size);
  rocksdb::Status status = db->rep->CompactRange(options, family->rep, from ? &first : nullptr, to ? &last : nullptr);
  if (!status.ok()) *error = strdup(status.ToString().c_str());
}

rocksdb_sstfilewriter_t* interestd_sstfilewriter_create(const rocksdb_envoptions_t* environment,
                                                        const rocksdb_options_t* options) {
  return new rocksdb_sstfilewriter_t{
      new rocksdb::SstFileWriter(environment->rep, options->rep, nullptr, /*invalidate_page_cache=*/false)};
}
