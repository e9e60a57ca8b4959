import Synchronization

/// Memory that many share: what would be too much is refused.
final class ByteBudget: Sendable {
  let limit: Int
  private let held = Atomic<Int>(0)
  private let refusals = Atomic<UInt64>(0)

  init(limit: Int) { self.limit = limit }

  var held_bytes: Int { held.load(ordering: .relaxed) }
  var refused: UInt64 { refusals.load(ordering: .relaxed) }

  /// False where that would be more than there may be: then nothing is taken.
  func take(_ bytes: Int) -> Bool {
    guard held.add(bytes, ordering: .relaxed).newValue > limit else { return true }
    held.subtract(bytes, ordering: .relaxed)
    return false
  }

  func countRefusal() { refusals.add(1, ordering: .relaxed) }

  func give(back bytes: Int) { held.subtract(bytes, ordering: .relaxed) }
}
