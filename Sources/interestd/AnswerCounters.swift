import Synchronization

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
