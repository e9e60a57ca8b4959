internal import CRocksDB

/// A block cache, which any number of databases and column families share.
public final class Cache: @unchecked Sendable {  // rocksdb/cache.h: "may be safely accessed concurrently"
  let handle: OpaquePointer

  public init(capacity_bytes: Int) { handle = rocksdb_cache_create_lru(capacity_bytes) }

  deinit { rocksdb_cache_destroy(handle) }

  public var used_bytes: Int { rocksdb_cache_get_usage(handle) }

  /// Bytes that readers hold at the moment, and that cannot be evicted.
  public var pinned_bytes: Int { rocksdb_cache_get_pinned_usage(handle) }
}
