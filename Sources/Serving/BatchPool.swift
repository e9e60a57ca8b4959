import Glibc
import Lookup
import Synchronization
import Threads

/// Threads that look up the users of long batches, so that the loops answer others meanwhile and a batch has all processors. Batches take
/// turns, a slice each.
public final class BatchPool: Sendable {
  private let queue: BatchQueue
  private let threads: Int
  /// For the answers of all batches, from when they are looked up until they are written into a reply.
  let memory: ByteBudget

  /// - Parameters:
  ///   - threads: 0: as many as there are processors, 4 at most. They start with the first batch.
  ///   - users: As many may be waiting to be looked up.
  ///   - bytes: Answers may have as many.
  init(threads: Int, users: Int, bytes: Int) {
    memory = ByteBudget(limit: bytes)
    self.threads = threads > 0 ? threads : Processors.upToFour
    queue = BatchQueue(limit: users)
  }

  deinit { queue.end() }

  /// Users that wait to be looked up.
  public var users: Int { queue.figures.users }
  /// Batches that were refused because too many users were waiting.
  public var refused: UInt64 { queue.figures.refused }
  /// Of answers that are not written into a reply yet.
  public var held_bytes: Int { memory.held_bytes }
  /// Batches that were given up because the answers under way had too many bytes.
  public var crowdedOut: UInt64 { memory.refused }

  /// - Parameter done: Called by one of the threads when all slices have been run.
  func submit(_ job: BatchJob, done: @escaping @Sendable () -> Void) throws(LookupError) {
    try queue.add(job, done)
    if queue.mustStart {
      for index in 0..<threads {
        Thread(name: "batch-\(index)", scheduling: .patient) { [queue] in queue.work() }.detach()
      }
    }
  }

  /// Returns when no thread looks anything up any more; batches that are not done are not answered.
  func stop() {
    queue.end()
    queue.awaitEnd()
  }
}

/// What the threads share.
private final class BatchQueue: @unchecked Sendable {  // all fields are guarded by `mutex`
  private struct Entry {
    let job: BatchJob
    let done: @Sendable () -> Void
    let progress = Progress()
  }

  private final class Progress {
    /// Slices that no thread has taken, and that are not done.
    var (next, open) = (0, 0)
  }

  private let mutex = Mutex()
  private let limit: Int
  private var entries: [Entry] = []
  private var users = 0
  private var refused: UInt64 = 0
  private var hasThreads = false
  /// Threads that look something up.
  private var working = 0
  private var isEnding = false

  init(limit: Int) { self.limit = limit }

  var figures: (users: Int, refused: UInt64) { mutex.withLock { (users, refused) } }

  /// Once.
  var mustStart: Bool {
    mutex.withLock {
      defer { hasThreads = true }
      return !hasThreads
    }
  }

  func add(_ job: BatchJob, _ done: @escaping @Sendable () -> Void) throws(LookupError) {
    let isTaken = mutex.withLock {
      guard !isEnding, users + job.count <= limit else {
        refused &+= 1
        return false
      }
      users += job.count
      let entry = Entry(job: job, done: done)
      entry.progress.open = job.slices.count
      entries.append(entry)
      mutex.notifyAll()
      return true
    }
    guard isTaken else {
      throw LookupError(.busy, "the batches under way have as many users as they may: \(limit)", retryAfter_s: 1)
    }
  }

  func end() {
    mutex.withLock {
      isEnding = true
      entries = []
      mutex.notifyAll()
    }
  }

  func awaitEnd() { mutex.withLock { while working > 0 { mutex.wait() } } }

  /// A thread's body.
  func work() {
    // Kept from slice to slice, and given up when there is none: a service that is not used any more is not held.
    var lookups: Lookups?
    while true {
      if let (entry, slice) = mutex.withLock({ take() }) {
        if lookups?.service !== entry.job.service { lookups = Lookups(entry.job.service) }
        if let lookups { entry.job.run(slice, with: lookups) }
        if mutex.withLock({ finish(slice, entry) }) { entry.done() }
      } else {
        lookups = nil
        if mutex.withLock({ waitForMore() }) { return }
      }
    }
  }

  /// The next slice, of the batch whose turn it is.
  private func take() -> (Entry, BatchSlice)? {
    guard !entries.isEmpty else { return nil }
    let entry = entries.removeFirst()
    let slice = entry.job.slices[entry.progress.next]
    entry.progress.next += 1
    if entry.job.isOver { skipRest(of: entry) }
    if entry.progress.next < entry.job.slices.count { entries.append(entry) }
    working += 1
    return (entry, slice)
  }

  private func skipRest(of entry: Entry) {
    for slice in entry.job.slices[entry.progress.next...] { users -= slice.users.count }
    entry.progress.open -= entry.job.slices.count - entry.progress.next
    entry.progress.next = entry.job.slices.count
  }

  /// Whether it was the batch's last one.
  private func finish(_ slice: BatchSlice, _ entry: Entry) -> Bool {
    users -= slice.users.count
    entry.progress.open -= 1
    working -= 1
    if isEnding { mutex.notifyAll() }
    return entry.progress.open == 0
  }

  /// Whether the thread is to end.
  private func waitForMore() -> Bool {
    while entries.isEmpty && !isEnding { mutex.wait() }
    return isEnding
  }
}
