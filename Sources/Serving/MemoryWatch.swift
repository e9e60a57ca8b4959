import Telemetry
import Threads

/// Shares memory out: what the rest of the process does not take of its budget is for ready answers, which are the one thing that can be
/// made anew. Buffers of events fill while a backlog is read, and event ids gather over an hour.
struct AnswerBudget {
  /// What the whole process is to stay under, bytes.
  private let all: Int
  /// What answers may take, bytes, however little there is, and however much.
  private let answers: ClosedRange<Int>
  /// What the rest took at most lately: answers that made room for it at every flush, and came back in between, would be of no use.
  private var rest = 0

  /// By which `rest` falls at each look: 16 MiB a second.
  private static var fall: Int { 4 << 20 }
  /// Or a sixteenth of all, where that is more.
  private static var leastAnswers: Int { 16 << 20 }

  init(all: Int, answers: Int) {
    self.all = all
    self.answers = min(max(Self.leastAnswers, answers / 16), answers)...answers
  }

  /// What answers may take from now on, of which `taken` are taken of the `resident` bytes of the process.
  mutating func limit(resident: Int, taken: Int) -> Int {
    rest = max(resident - taken, rest - Self.fall)
    return min(max(all - rest, answers.lowerBound), answers.upperBound)
  }
}

/// Has the cache of ready answers make room, so that the process stays within its memory budget.
public final class MemoryWatch: Sendable {
  private final class Stopping: @unchecked Sendable {  // guarded by its mutex
    let mutex = Mutex()
    var isAsked = false
  }

  private let stopping = Stopping()
  // Made by `init` and joined by `stop`, on one thread.
  nonisolated(unsafe) private var thread: Threads.Thread?

  private static var interval_ns: UInt64 { 250_000_000 }

  /// - Parameter budget_bytes: Of the whole process, resident.
  public init(_ cache: AnswerCache, budget_bytes: Int) {
    // Prompt as the threads of lookups are, which would wait for a shard that this one has while others have the processor.
    thread = Threads.Thread(name: "memory", scheduling: .prompt) { [stopping] in
      var budget = AnswerBudget(all: budget_bytes, answers: cache.most_bytes)
      var known = cache.most_bytes
      while true {
        if let resident = ProcessMemory.resident_bytes {
          let limit = budget.limit(resident: resident, taken: cache.figures.bytes)
          if limit != known { cache.limit(to: limit) }
          known = limit
        }
        let isAsked = stopping.mutex.withLock {
          if !stopping.isAsked { _ = stopping.mutex.wait(until: MonotonicClock.now_ns + Self.interval_ns) }
          return stopping.isAsked
        }
        if isAsked { return }
      }
    }
  }

  public func stop() {
    stopping.mutex.withLock {
      stopping.isAsked = true
      stopping.mutex.notifyAll()
    }
    if let thread = thread.take() { thread.join() }
  }
}
