/// The settings of a database and of its column families; the defaults are those that the ingest path was measured with.
public struct Settings: Sendable, Equatable {
  public enum Compression: Sendable { case none, lz4, zstd }

  /// rocksdb/env.h, `InfoLogLevel`, for the file LOG in the database's folder.
  public enum LogLevel: Int32, Sendable { case debug, info, warn, error, fatal }

  /// Create the database where there is none.
  public var creates = true
  /// Of every level but the last.
  public var compression = Compression.lz4
  /// Of the last level; nil is `compression`.
  public var bottomCompression: Compression?

  /// Threads that compact and flush.
  public var backgroundJobs = 2
  /// Files in level 0 that start a compaction.
  public var level0CompactionFiles = 8
  /// Files in level 0 that slow writes through the memtable down, or stop them. Ingestion heeds neither.
  public var level0SlowdownFiles = 60
  public var level0StopFiles = 100
  public var levelBase_bytes = 512 << 20
  public var targetFile_bytes = 64 << 20
  /// Sizes the levels from the last one up: files are folded from level 0 right into the last one while it is alone, which halves what is
  /// written, and bounds the space lost to overlaid values.
  public var dynamicLevels = true

  /// Uncompressed.
  public var block_bytes = 16 << 10
  /// Keys between those that are whole and found directly: the others are stepped through, each some cache line away, as values lie
  /// between.
  public var restartInterval = 1
  /// Blocks have a hash index, by which a key is found without halving: each step of that is a cache line from memory. Only values: merge
  /// operands RocksDB looks for by halving after all.
  public var hashesBlocks = true
  /// A key whose byte of the hash index is another key's as well is found by halving: at 0.75, RocksDB's default, half of them.
  public var keysPerHashByte = 0.25
  public var bloomBitsPerKey = 10.0
  /// Files kept open; the others are opened again when needed. -1: all, which need no look into a table of open ones. Indices and filters
  /// of open files stay in memory, about 2 MB for a gigabyte of states, and count against the cache's capacity: to look for each in it
  /// as well made a lookup a tenth slower.
  public var openFiles = -1

  /// Nothing of interestd passes through the memtable or the log of writes: both only need to exist.
  public var memtable_bytes = 4 << 20
  public var writeLog_bytes = 16 << 20

  public var logLevel = LogLevel.warn
  public var logFiles = 3
  public var logFile_bytes = 4 << 20

  public init() {}
}
