import Threads

/// Memory that several grow in side by side. One for whom there is no more room gives up all that he has, so that the others may go on.
///
/// `@unchecked Sendable`: `held`, `refusals` and the shares' fields are guarded by `mutex`.
final class ByteBudget: @unchecked Sendable {
  /// What one has. Gone, it is given back.
  final class Share: @unchecked Sendable {  // guarded by the budget's mutex
    private let budget: ByteBudget
    private var bytes = 0
    private var hasGivenUp = false

    fileprivate init(_ budget: ByteBudget) { self.budget = budget }

    deinit { budget.mutex.withLock { budget.held -= bytes } }

    var isGivenUp: Bool { budget.mutex.withLock { hasGivenUp } }

    /// False where there is no room, now or before: then nothing is had any more.
    func grow(by more: Int) -> Bool {
      budget.mutex.withLock {
        if hasGivenUp { return false }
        if budget.held + more > budget.limit {
          budget.held -= bytes
          budget.refusals += 1
          (bytes, hasGivenUp) = (0, true)
          return false
        }
        budget.held += more
        bytes += more
        return true
      }
    }
  }

  let limit: Int
  private let mutex = Mutex()
  private var held = 0
  private var refusals: UInt64 = 0

  init(limit: Int) { self.limit = limit }

  func makeShare() -> Share { Share(self) }

  var held_bytes: Int { mutex.withLock { held } }
  /// Those who gave up.
  var refused: UInt64 { mutex.withLock { refusals } }
}
