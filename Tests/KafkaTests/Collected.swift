import Threads

/// Lines from any thread.
final class Collected: @unchecked Sendable {  // the lines are touched under the mutex
  private let mutex = Mutex()
  private var lines: Set<String> = []

  func add(_ line: String) { mutex.withLock { _ = lines.insert(line) } }
  func contains(_ line: String) -> Bool { mutex.withLock { lines.contains(line) } }
}
