import Synchronization

/// Memory of replies that wait for their peers, of all connections of a server.
final class OutputBudget: Sendable {
  private let limit_bytes: Int
  private let waiting_bytes = Atomic<Int>(0)

  init(_ limit_bytes: Int) { self.limit_bytes = limit_bytes }

  func add(_ bytes: Int) { waiting_bytes.wrappingAdd(bytes, ordering: .relaxed) }

  /// Before a long reply: small ones find room, as those for whom most waits are ended.
  func hasRoom(for bytes: Int) -> Bool { waiting_bytes.load(ordering: .relaxed) + bytes <= limit_bytes }

  var isExceeded: Bool { waiting_bytes.load(ordering: .relaxed) > limit_bytes }
}
