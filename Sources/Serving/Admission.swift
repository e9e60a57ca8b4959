import Lookup
import Synchronization

/// What lookups may have under way that do not end at once, over all protocols and loops. Beyond it they are refused at once.
public struct WorkLimits: Sendable {
  /// Requests that wait for another instance, or for the lookups of a batch.
  public var requests = 1024
  /// Users of batches that are to be looked up.
  public var batchUsers = 16_000
  /// Bytes of answers of batches that are looked up, or wait for other instances.
  public var batch_bytes = 64 << 20
  /// Threads that look users of batches up; 0: as many as there are processors, 4 at most.
  public var batchThreads = 0

  public init() {}
}

/// Counts requests that wait, and lets no more in than may.
public final class Admission: Sendable {
  private let limit: Int
  private let waiting = Atomic<Int>(0)
  private let refusals = Atomic<UInt64>(0)

  /// A request that was let in, until this is gone.
  final class Pass {
    private let admission: Admission

    fileprivate init(_ admission: Admission) { self.admission = admission }

    deinit { admission.waiting.subtract(1, ordering: .relaxed) }
  }

  init(limit: Int) { self.limit = limit }

  public var underWay: Int { waiting.load(ordering: .relaxed) }
  public var refused: UInt64 { refusals.load(ordering: .relaxed) }

  func admit() throws(LookupError) -> Pass {
    guard waiting.add(1, ordering: .relaxed).newValue <= limit else {
      waiting.subtract(1, ordering: .relaxed)
      refusals.add(1, ordering: .relaxed)
      throw LookupError(
        .busy, "\(limit) requests wait for other instances or long batches, and that is as many as may", retryAfter_s: 1
      )
    }
    return Pass(self)
  }
}
