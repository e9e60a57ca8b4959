import Bytes
import HTTP
import Ingest
import InterestCodec
import InterestStore
import Lookup
import Routing
import Synchronization
import Telemetry
import Threads

/// What the endpoints answer from. A daemon has it before it has a state: until then it is alive and not ready.
final class LookupService: Sendable {
  /// A state to look into, and whose partitions are told by a board; without one, all are here.
  struct Backend: Sendable {
    let store: InterestStore
    let board: PartitionBoard?
    let counters: IngestCounters
    /// Who owns the partitions that are not here; without one, all are.
    var topology: Topology?
    /// See `UserLookup`.
    var ownedAtLast: [UInt16]?

    /// Whether lookups are answered from all partitions here.
    var hasAllPartitions: Bool {
      guard let board else { return true }
      return board.firstUnserved(in: 0..<UInt16(truncatingIfNeeded: store.identity.source.partitionCount)) == nil
    }
  }

  private let mutex = Mutex()
  // Guarded by `mutex`.
  nonisolated(unsafe) private var current: Backend?
  nonisolated(unsafe) private var address = ""
  private let draining = Atomic<Bool>(false)
  let lookups = LatencyHistogram()
  let answers = AnswerCounters()
  let forwards = ForwardCounters()
  let readErrors = ReadErrors()

  var backend: Backend? { mutex.withLock { current } }

  func publish(_ backend: Backend) { mutex.withLock { current = backend } }

  /// Where this instance is reached; empty before it listens.
  var instance: String {
    get { mutex.withLock { address } }
    set { mutex.withLock { address = newValue } }
  }

  func beginDraining() { draining.store(true, ordering: .relaxed) }

  /// Nil where ready; otherwise what is missing.
  var missing: String? {
    if draining.load(ordering: .relaxed) { return "stopping" }
    guard let backend else { return "starting" }
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

/// Replies by status class.
final class AnswerCounters: Sendable {
  private let good = Atomic<UInt64>(0)
  private let refused = Atomic<UInt64>(0)
  private let failed = Atomic<UInt64>(0)

  func count(_ status: Int) {
    switch status {
    case ..<400: good.add(1, ordering: .relaxed)
    case ..<500: refused.add(1, ordering: .relaxed)
    default: failed.add(1, ordering: .relaxed)
    }
  }

  var all: [(code: String, count: UInt64)] {
    [
      ("2xx", good.load(ordering: .relaxed)), ("4xx", refused.load(ordering: .relaxed)),
      ("5xx", failed.load(ordering: .relaxed)),
    ]
  }
}

/// Lookups that failed because stored bytes could not be read.
final class ReadErrors: @unchecked Sendable {  // guarded by `mutex`
  private let mutex = Mutex()
  private var total: UInt64 = 0
  private var last: (message: String, at_ns: UInt64)?
  /// One is told for so long.
  private static var recent_ns: UInt64 { 300_000_000_000 }

  func add(_ message: String) {
    mutex.withLock {
      total += 1
      last = (message, MonotonicClock.now_ns)
    }
  }

  var count: UInt64 { mutex.withLock { total } }

  /// The last one, while it is recent.
  var recent: String? {
    mutex.withLock {
      guard let last, MonotonicClock.now_ns - last.at_ns < Self.recent_ns else { return nil }
      return last.message
    }
  }
}
