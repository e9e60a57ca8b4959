import InterestModel
import RocksDB

/// The states of a state directory: RocksDB with a column family per generation.
public final class InterestStore: Sendable {
  public let directory: StateDirectory
  public let identity: StateIdentity
  /// The generation that lookups are answered from and that ingestion goes to.
  public let generation: Generation
  private let cache: Cache

  /// Opens the state that is in `path`, or makes it. It must be what `identity` says, but may know fewer behavior types.
  public static func open(
    writing path: String, identity wanted: StateIdentity, limits: StoreLimits = StoreLimits(), holder: String
  ) throws(StoreError) -> InterestStore {
    let directory = try StateDirectory(writing: path, holder: holder)
    if let identity = try directory.identity() {
      let differences = identity.differences(to: wanted)
      if !differences.isEmpty {
        throw StoreError(
          .different,
          "the state in \(directory.path) is another one: \(differences.joined(separator: "; ")). "
            + "Go on with what it was made with, or name a new state directory")
      }
    }
    try directory.write(wanted)
    return try InterestStore(directory, wanted, limits)
  }

  /// Opens the state that is in `path` as it is: for `serve`, which lets RocksDB go on compacting.
  public static func open(
    serving path: String, limits: StoreLimits = StoreLimits(), holder: String
  ) throws(StoreError) -> InterestStore {
    _ = try identity(of: path)  // nothing is made where there is no state
    let directory = try StateDirectory(writing: path, holder: holder)
    return try InterestStore(directory, try existing(directory), limits)
  }

  /// Looks at the state that is in `path`, and changes nothing.
  public static func open(reading path: String, limits: StoreLimits = StoreLimits()) throws(StoreError) -> InterestStore
  {
    let directory = try StateDirectory(reading: path)
    return try InterestStore(directory, try existing(directory), limits)
  }

  /// What the state in `path` is, without opening it.
  static func identity(of path: String) throws(StoreError) -> StateIdentity {
    try existing(try StateDirectory(describing: path))
  }

  /// What is kept of the files' blocks at the moment.
  public var blockCache: BlockCacheFigures {
    BlockCacheFigures(
      capacity_bytes: cache.capacity_bytes, used_bytes: cache.used_bytes, pinned_bytes: cache.pinned_bytes)
  }

  private static func existing(_ directory: StateDirectory) throws(StoreError) -> StateIdentity {
    if let identity = try directory.identity() { return identity }
    throw StoreError(.notFound, "there is no state in \(directory.path)")
  }

  private init(_ directory: StateDirectory, _ identity: StateIdentity, _ limits: StoreLimits) throws(StoreError) {
    let number: UInt32 = 1
    let rules = FoldRules(identity.configuration)
    let merge = StoreMerge(rules: rules)
    let settings = Self.settings(limits)
    cache = Cache(capacity_bytes: limits.blockCache_bytes)
    let options = Options(settings, merge: merge, cache: cache)
    let name = "generation-\(number)"
    do {
      let (database, families) = try Database.open(
        path: directory.database, mode: directory.isWritable ? .readWrite : .readOnly, options: options,
        families: [name: options])
      guard let family = families[name] else {
        throw StoreError(.notFound, "the state in \(directory.path) has no generation \(number)")
      }
      generation = try Generation(
        number: number, clusterMap: identity.clusterMap, configuration: identity.configuration, rules: rules,
        merge: merge, database: database, family: family, fileOptions: Self.fileOptions(settings, merge),
        directory: directory, limits: limits)
      try generation.loadMisplaced()
    } catch let error as RocksDBError {
      throw StoreError(error)
    } catch let error as StoreError {
      throw error
    } catch {
      throw StoreError(.storage, "\(error)")
    }
    self.directory = directory
    self.identity = identity
  }

  /// Of the files that flushes write: merge operands only, by which a hash index is not asked.
  private static func fileOptions(_ settings: Settings, _ merge: StoreMerge) -> Options {
    var settings = settings
    settings.hashesBlocks = false
    return Options(settings, merge: merge)
  }

  /// Compaction has to begin before flushers wait for it.
  private static func settings(_ limits: StoreLimits) -> Settings {
    var settings = Settings()
    settings.level0CompactionFiles = min(settings.level0CompactionFiles, limits.level0Files)
    return settings
  }
}

/// Memory of blocks of the state's files.
public struct BlockCacheFigures: Sendable {
  public var capacity_bytes: Int
  public var used_bytes: Int
  /// Of these, what stays: above all indices and filters of all files, which grow with the state, also beyond the capacity.
  public var pinned_bytes: Int

  /// Whether what stays leaves the states themselves less than half.
  public var isMostlyPinned: Bool { pinned_bytes > capacity_bytes / 2 }
}
