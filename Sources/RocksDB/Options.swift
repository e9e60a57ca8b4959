internal import CRocksDB

/// Settings made ready for RocksDB, with the merge operator and the cache that go with them.
// Not changed after `init`: RocksDB takes it as const (rocksdb/c.h) and copies it.
public final class Options: @unchecked Sendable {
  let handle: OpaquePointer

  /// `merge` lives until RocksDB has let go of it: as long as these options and every database opened with them.
  /// Without a cache RocksDB makes one of 8 MB for each options object.
  public init(_ settings: Settings = Settings(), merge: (any MergeOperator)? = nil, cache: Cache? = nil) {
    handle = rocksdb_options_create()
    setDatabase(settings)
    setLevels(settings)
    setTable(settings, cache)
    if let merge { rocksdb_options_set_merge_operator(handle, makeMergeOperator(merge)) }
  }

  deinit { rocksdb_options_destroy(handle) }

  private func setDatabase(_ settings: Settings) {
    rocksdb_options_set_create_if_missing(handle, settings.creates ? 1 : 0)
    rocksdb_options_set_create_missing_column_families(handle, 1)
    rocksdb_options_set_paranoid_checks(handle, 1)
    rocksdb_options_set_max_background_jobs(handle, Int32(clamping: settings.backgroundJobs))
    rocksdb_options_set_max_open_files(handle, Int32(clamping: settings.openFiles))
    rocksdb_options_set_max_total_wal_size(handle, UInt64(settings.writeLog_bytes))
    rocksdb_options_set_write_buffer_size(handle, settings.memtable_bytes)
    rocksdb_options_set_info_log_level(handle, settings.logLevel.rawValue)
    rocksdb_options_set_keep_log_file_num(handle, settings.logFiles)
    rocksdb_options_set_max_log_file_size(handle, settings.logFile_bytes)
    rocksdb_options_set_stats_dump_period_sec(handle, 0)
  }

  private func setLevels(_ settings: Settings) {
    rocksdb_options_set_compression(handle, settings.compression.code)
    if let bottom = settings.bottomCompression { rocksdb_options_set_bottommost_compression(handle, bottom.code) }
    rocksdb_options_set_level0_file_num_compaction_trigger(handle, Int32(clamping: settings.level0CompactionFiles))
    rocksdb_options_set_level0_slowdown_writes_trigger(handle, Int32(clamping: settings.level0SlowdownFiles))
    rocksdb_options_set_level0_stop_writes_trigger(handle, Int32(clamping: settings.level0StopFiles))
    rocksdb_options_set_max_bytes_for_level_base(handle, UInt64(settings.levelBase_bytes))
    rocksdb_options_set_target_file_size_base(handle, UInt64(settings.targetFile_bytes))
    rocksdb_options_set_level_compaction_dynamic_level_bytes(handle, settings.dynamicLevels ? 1 : 0)
  }

  private func setTable(_ settings: Settings, _ cache: Cache?) {
    let table = rocksdb_block_based_options_create().unsafelyUnwrapped
    defer { rocksdb_block_based_options_destroy(table) }
    if let cache { rocksdb_block_based_options_set_block_cache(table, cache.handle) }
    // The table options own the policy from here on.
    let policy = rocksdb_filterpolicy_create_bloom_full(settings.bloomBitsPerKey)
    rocksdb_block_based_options_set_filter_policy(table, policy)
    rocksdb_block_based_options_set_block_size(table, settings.block_bytes)
    rocksdb_block_based_options_set_block_restart_interval(table, Int32(clamping: settings.restartInterval))
    if settings.hashesBlocks {
      let hashed = Int32(rocksdb_block_based_table_data_block_index_type_binary_search_and_hash)
      rocksdb_block_based_options_set_data_block_index_type(table, hashed)
      rocksdb_block_based_options_set_data_block_hash_ratio(table, settings.keysPerHashByte)
    }
    rocksdb_block_based_options_set_format_version(table, 5)
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1)
    interestd_pin_indices(table)
    rocksdb_options_set_block_based_table_factory(handle, table)
  }
}

extension Settings.Compression {
  fileprivate var code: Int32 {
    switch self {
    case .none: Int32(rocksdb_no_compression)
    case .lz4: Int32(rocksdb_lz4_compression)
    case .zstd: Int32(rocksdb_zstd_compression)
    }
  }
}
