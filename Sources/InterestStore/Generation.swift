import Bytes
import Failpoints
import Glibc
import InterestCodec
import InterestModel
import RocksDB
import Synchronization
import Threads

/// A complete set of states under one cluster map and one state configuration: a column family, and the buffers before it.
public final class Generation: Sendable {
  public let number: UInt32
  public let clusterMap: String
  public let configuration: StateConfiguration
  public let rules: FoldRules
  let database: Database
  let family: ColumnFamily
  let views: ViewPublisher
  let changes = UserChanges()
  private let fileOptions: Options
  private let merge: StoreMerge
  let erasures: PendingErasures
  let misplaced = Atomic<Bool>(false)
  private let limits: StoreLimits
  /// One ingestion at a time: the snapshot taken after it must hold no other buffer's file.
  private let ingestion = Mutex()
  /// Below the database, which is to be closed when the lock is given up: fields are released in their order.
  private let directory: StateDirectory

  init(
    number: UInt32, clusterMap: String, configuration: StateConfiguration, rules: FoldRules, merge: StoreMerge,
    database: Database, family: ColumnFamily, fileOptions: Options, directory: StateDirectory, limits: StoreLimits
  ) throws(RocksDBError) {
    self.number = number
    self.clusterMap = clusterMap
    self.configuration = configuration
    self.rules = rules
    self.merge = merge
    self.database = database
    self.family = family
    self.fileOptions = fileOptions
    self.directory = directory
    self.limits = limits
    views = ViewPublisher(database.snapshot(), bufferLimit: limits.buffers)
    erasures = try PendingErasures(database.latest(), family)
  }

  /// For a lane: an empty buffer, which lookups see from now on. Waits for one; nil where `isCancelled` while waiting.
  public func nextBuffer(isCancelled: () -> Bool = { false }) -> FoldBuffer? {
    views.addBuffer(isCancelled: isCancelled) { FoldBuffer(limits: limits.buffer, rules: rules, changes: changes) }
  }

  /// Bytes of the files that hold the states at the moment, event ids apart.
  public var stored_bytes: UInt64 {
    let all = database.liveFiles_bytes(of: family)
    return all - min(duplicateIDs_bytes, all)
  }

  /// About how many bytes of the files are event ids by which duplicates are told.
  public var duplicateIDs_bytes: UInt64 {
    let bytes = try? StoreKey.bytes(StoreKey.duplicateIDs).span.bytes.withUnsafeBytes { (first) throws(RocksDBError) in
      try StoreKey.bytes(StoreKey.erasures).span.bytes.withUnsafeBytes { (end) throws(RocksDBError) in
        try database.approximate_bytes(of: family, from: first, upTo: end)
      }
    }
    return bytes ?? 0
  }

  /// Merges that met bytes which cannot be read, since the store was opened.
  public var damagedMerges: UInt64 { merge.damaged }

  public var level0Files: Int { database.level0Files(of: family) }

  /// How many files each of RocksDB's levels has, from level 0 to the last.
  public var levelFiles: [Int] { database.levelFiles(of: family) }

  /// Folds all files into one another down to the last level.
  public func compact() throws(StoreError) {
    do { try database.compact(family) } catch { throw StoreError(error) }
  }

  /// How many erased users' bytes may still be on the disk.
  public var pendingErasures: Int { erasures.count }

  /// When the oldest of them was erased, Unix milliseconds; 0: before the state was opened; nil: there is none.
  public var oldestErasure_ms: Int64? { erasures.oldest_ms }

  /// Takes the bytes of users who were erased before `time_ms` (Unix milliseconds) off the disk, by folding the files that may have them
  /// down to the last level. Returns how many users that were.
  @discardableResult
  public func compactErasures(before time_ms: Int64 = .max) throws(StoreError) -> Int {
    let due = erasures.due(before: time_ms)
    do throws(RocksDBError) {
      for range in PendingErasures.ranges(of: due) {
        try range.first.span.bytes.withUnsafeBytes { (first) throws(RocksDBError) in
          try range.last.span.bytes.withUnsafeBytes { (last) throws(RocksDBError) in
            _ = Failpoints.fails(at: .erase)
            try database.compact(family, from: first, to: last, rewritesBottom: true)
          }
        }
      }
    } catch { throw StoreError(error) }
    erasures.finish(due)
    return due.count
  }

  /// Ends a `compactErasures` under way on another thread with an error, and those that follow, until they are allowed again.
  public func forbidCompactions() { database.forbidCompact() }

  /// Takes one `forbidCompactions` back.
  public func allowCompactions() { database.allowCompact() }

  /// Writes a full buffer as one file of operands and takes it into the database; then the buffer leaves the view. What the
  /// buffer's `positions` say becomes durable in the same step.
  ///
  /// - Parameter isHurried: Asked while waiting for compactions: the file goes in without further waiting.
  func commit(
    _ buffer: FoldBuffer, sorter: inout BufferSorter, file: Int, isHurried: () -> Bool
  ) throws(StoreError) -> UInt64 {
    if buffer.count == 0 && buffer.positions.isEmpty {
      // RocksDB refuses a file without entries.
      ingestion.withLock { views.replace(buffer, with: database.snapshot()) }
      return 0
    }
    let path = "\(directory.staging)/flush-\(number)-\(file).sst"
    do {
      sorter.sort(buffer)
      let erased = buffer.erasedUsers.map { Array(buffer.key(of: $0)) }
      let finished = erasures.finished
      let entries = FlushEntries(buffer.positions, erased: erased, finishedErasures: finished)
      let size = try write(buffer, &sorter, entries, to: path)
      if Failpoints.fails(at: .sstWritten) { throw StoreError.failpoint(.sstWritten) }
      waitForLevel0(isHurried)
      try ingestion.withLock { () throws(RocksDBError) in
        try database.ingest([path], into: family)
        _ = Failpoints.fails(at: .ingest)
        views.replace(buffer, with: database.snapshot())
      }
      erasures.flushed(erased, recorded: finished)
      return size
    } catch {
      // Called again it writes another: on a full volume, this one must not stay.
      unlink(path)
      throw error as? StoreError ?? (error as? RocksDBError).map { StoreError($0) } ?? .init(.storage, "\(error)")
    }
  }

  private func write(
    _ buffer: FoldBuffer, _ sorter: inout BufferSorter, _ entries: consuming FlushEntries, to path: String
  ) throws -> UInt64 {
    var writer = try SSTWriter(path: path, options: fileOptions)
    for place in 0..<buffer.users.count {
      let (user, operand) = sorter.operand(at: place, of: buffer)
      let key = buffer.key(of: user)
      try entries.write(before: key, to: &writer)
      if place == buffer.users.count / 2 && Failpoints.fails(at: .sstWrite) {
        throw StoreError.failpoint(.sstWrite)
      }
      switch operand {
      case .merge(let state): try writer.merge(key, state)
      case .put(let state): try writer.put(key, state)
      case .delete: try writer.delete(key)
      }
    }
    try entries.write(before: nil, to: &writer)
    return try writer.finish()
  }

  func measureFlush(_ buffer: FoldBuffer) throws(StoreError) -> FlushTimes {
    let path = "\(directory.staging)/measured.sst"
    var sorter = BufferSorter(rules: rules)
    var times = FlushTimes()
    // The second time the sorter has its memory, as in a daemon.
    for _ in 0..<2 {
      let start_ns = CPUClock.thread_ns
      sorter.sort(buffer)
      let sorted_ns = CPUClock.thread_ns
      for place in 0..<buffer.users.count { _ = sorter.operand(at: place, of: buffer) }
      times.sort_ns = sorted_ns - start_ns
      times.fold_ns = CPUClock.thread_ns - sorted_ns
    }
    let start_ns = CPUClock.thread_ns
    do {
      _ = try write(buffer, &sorter, FlushEntries(buffer.positions, erased: [], finishedErasures: []), to: path)
    } catch { throw error as? StoreError ?? .init(.storage, "\(error)") }
    unlink(path)
    let spent_ns = CPUClock.thread_ns - start_ns
    times.write_ns = spent_ns - min(spent_ns, times.fold_ns)
    return times
  }

  /// Ingested files pass by RocksDB's own brake, so that reads would have to look through ever more of them.
  /// Not where compactions fail: then there is nothing to wait for.
  private func waitForLevel0(_ isHurried: () -> Bool) {
    let pause = Mutex()
    let errors = database.number(.backgroundErrors, of: family)
    while database.level0Files(of: family) > limits.level0Files && !isHurried()
      && database.number(.backgroundErrors, of: family) == errors
    {
      pause.withLock { _ = pause.wait(until: MonotonicClock.now_ns + 5_000_000) }
    }
  }
}

/// Writes a generation's full buffers, one after the other. One flusher's.
public struct Flusher: ~Copyable {
  private let generation: Generation
  private var sorter: BufferSorter
  private var files = 0
  /// Bytes of all files written.
  public private(set) var written_bytes: UInt64 = 0

  /// Numbers of files must not meet those of another flusher of the process: `first` is where this one's begin.
  public init(_ generation: Generation, firstFile: Int = 0) {
    self.generation = generation
    sorter = BufferSorter(rules: generation.rules)
    files = firstFile
  }

  /// When this returns, the buffer's behaviors and positions are durable, and the buffer must not be touched any more. On an
  /// error nothing of it is in the database, and the call may be made again.
  ///
  /// - Parameter isHurried: Where level 0 is full this waits for compactions, until told to hurry.
  public mutating func flush(_ buffer: FoldBuffer, isHurried: () -> Bool = { false }) throws(StoreError) {
    files += 1
    written_bytes += try generation.commit(buffer, sorter: &sorter, file: files, isHurried: isHurried)
  }
}

/// What the parts of a flush take.
public struct FlushTimes: Sendable {
  public var sort_ns: UInt64 = 0
  public var fold_ns: UInt64 = 0
  /// Beside folding.
  public var write_ns: UInt64 = 0
}

extension Flusher {
  /// Sorts, folds and writes a buffer, of which nothing comes into the database. CPU time of the calling thread.
  public static func measure(_ buffer: FoldBuffer, of generation: Generation) throws(StoreError) -> FlushTimes {
    try generation.measureFlush(buffer)
  }
}
