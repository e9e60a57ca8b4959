internal import CRocksDB

/// A block cache, which any number of databases and column families share.
public final class Cache: @unchecked Sendable {  // rocksdb/cache.h: "may be safely accessed concurrently"
  let handle: OpaquePointer

  public init(capacity_bytes: Int) { handle = rocksdb_cache_create_lru(capacity_bytes) }

  deinit { rocksdb_cache_destroy(handle) }

  public var capacity_bytes: Int { rocksdb_cache_get_capacity(handle) }

  public var used_bytes: Int { rocksdb_cache_get_usage(handle) }

  /// Bytes that cannot be evicted: indices and filters of open files, and what readers hold at the moment. May be more than the capacity.
  public var pinned_bytes: Int { rocksdb_cache_get_pinned_usage(handle) }
}
