import Bytes
import InterestStore
import Lookup
import Synchronization
import Threads

/// Looks users up on a thread of its own, again and again, and notes what may not be: an error, or a user with fewer events than a
/// moment before. Started and stopped by one thread.
final class ConcurrentReader: @unchecked Sendable {  // the thread is the starter's, `told` is guarded by `mutex`
  private let users: [String]
  private let lookups = Atomic<Int>(0)
  private let stopRequested = Flag()
  private let mutex = Mutex()
  private var told: [String] = []
  private var thread: Threads.Thread?

  init(_ store: InterestStore, users: [String]) {
    self.users = users
    thread = Threads.Thread(name: "reader") { [self] in read(store) }
  }

  /// Lookups so far.
  var count: Int { lookups.load(ordering: .relaxed) }

  /// Returns what was wrong.
  func stop() -> [String] {
    stopRequested.set()
    if let thread = thread.take() { thread.join() }
    return mutex.withLock { told }
  }

  private func read(_ store: InterestStore) {
    var lookup = UserLookup(store)
    var seen = [Int](repeating: 0, count: users.count)
    while !stopRequested.isSet {
      for (index, user) in users.enumerated() {
        do throws(LookupError) {
          let events = Self.events(in: try lookup.sequence(of: user))
          if events < seen[index] { tell("\(user) had \(seen[index]) events, and now \(events)") }
          seen[index] = events
        } catch { tell("\(user): \(error)") }
        lookups.add(1, ordering: .relaxed)
      }
    }
  }

  private func tell(_ fault: String) { mutex.withLock { told.append(fault) } }

  /// Over all groups.
  private static func events(in json: String) -> Int {
    json.split(separator: #""events":"#).dropFirst().reduce(0) { $0 + (Int($1.prefix { $0.isNumber }) ?? 0) }
  }
}

extension UserLookup {
  /// A user's whole sequence as JSON.
  mutating func sequence(of user: String) throws(LookupError) -> String {
    var output = ByteBuffer()
    let bytes = Array(user.utf8)
    try bytes.span.bytes.withUnsafeBytes { (id) throws(LookupError) in
      try writeJSON(user: id, .everything, into: &output)
    }
    return String(decoding: output.bytes, as: UTF8.self)
  }
}
