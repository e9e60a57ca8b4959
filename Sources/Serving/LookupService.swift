public import HTTP
import InterestCodec
import InterestStore
import Routing
import Synchronization
import Telemetry
import Threads

/// What the loops of all protocols answer from. A daemon has it before it has a state: until then it is alive and not ready.
public final class LookupService: Sendable {
  /// A state to look into, and whose partitions are told by a board; without one, all are here.
  public struct Backend: Sendable {
    public let store: InterestStore
    public let board: PartitionBoard?
    /// Who owns the partitions that are not here; without one, all are.
    public var topology: Topology?
    /// See `UserLookup`.
    public var ownedAtLast: [UInt16]?
    /// The generation's cluster map, by which the groups of shops are found; nil: they are not.
    public var clusterMap: ClusterMap?

    public init(
      store: InterestStore, board: PartitionBoard? = nil, topology: Topology? = nil, ownedAtLast: [UInt16]? = nil,
      clusterMap: ClusterMap? = nil
    ) {
      self.store = store
      self.board = board
      self.topology = topology
      self.ownedAtLast = ownedAtLast
      self.clusterMap = clusterMap
    }

    /// Whether lookups are answered from all partitions here.
    public var hasAllPartitions: Bool {
      guard let board else { return true }
      return board.firstUnserved(in: 0..<UInt16(truncatingIfNeeded: store.identity.source.partitionCount)) == nil
    }
  }

  private let mutex = Mutex()
  // Guarded by `mutex`.
  nonisolated(unsafe) private var current: Backend?
  nonisolated(unsafe) private var address = ""
  nonisolated(unsafe) private var hindrance: String?
  private let draining = Atomic<Bool>(false)
  /// How long lookups took.
  public let lookups = LatencyHistogram()
  /// Whether their users were known.
  public let users = UserCounters()
  public let forwards = ForwardCounters()
  public let readErrors = ReadErrors()
  /// What Describe tells of the program, such as `1.4.0`.
  public let version: String
  /// How other instances are asked for their users.
  public let peers: HTTPClientSecurity

  /// Ready answers; nil: none are kept.
  public let cache: AnswerCache?

  /// Requests that wait for something.
  public let admission: Admission
  /// Where long batches are looked up.
  public let pool: BatchPool

  /// - Parameter cache_bytes: Memory for ready answers; 0: none are kept.
  public init(
    version: String = "", cache_bytes: Int = 0, peers: HTTPClientSecurity = HTTPClientSecurity(),
    limits: WorkLimits = WorkLimits()
  ) {
    self.version = version
    self.peers = peers
    admission = Admission(limit: limits.requests)
    pool = BatchPool(threads: limits.batchThreads, users: limits.batchUsers, bytes: limits.batch_bytes)
    cache = cache_bytes == 0 ? nil : AnswerCache(bytes: cache_bytes)
  }

  public var backend: Backend? { mutex.withLock { current } }

  /// Once.
  public func publish(_ backend: Backend) { mutex.withLock { current = backend } }

  /// Where this instance is reached; empty before it listens.
  public var instance: String {
    get { mutex.withLock { address } }
    set { mutex.withLock { address = newValue } }
  }

  /// What keeps the instance from having a state, in words for whoever runs it; nil: nothing that lasts.
  public var obstacle: String? {
    get { mutex.withLock { hindrance } }
    set { mutex.withLock { hindrance = newValue } }
  }

  /// When no requests come any more: returns when no thread reads the state.
  public func stop() { pool.stop() }

  public func beginDraining() { draining.store(true, ordering: .relaxed) }

  /// Nil where ready; otherwise what is missing.
  public var missing: String? {
    if draining.load(ordering: .relaxed) { return "stopping" }
    guard let backend else { return obstacle ?? "starting" }
    guard let board = backend.board else { return nil }
    if board.isReady { return nil }
    let problems = board.allProblems.map(\.what)
    if !problems.isEmpty { return problems.joined(separator: "; ") }
    if !board.isJoined { return "joining the consumer group" }
    let waiting = board.all.filter { $0.state != .live }
    return waiting.prefix(20).map { status in
      status.message.isEmpty ? status.progress : status.message
    }.joined(separator: "; ")
  }
}

extension PartitionStatus {
  var progress: String { "partition \(partition) is \(state.rawValue): \(applied) of \(end)" }
}
