import Bytes
import InterestCodec
import InterestModel
import InterestStore
import Lookup
import Synchronization
import Threads

/// How many events of each user a lane has begun to append, and has appended: what a reader may see lies between.
final class Applied: @unchecked Sendable {  // atomics, made to be shared by address
  private let begun: UnsafeMutablePointer<Atomic<Int>>
  private let done: UnsafeMutablePointer<Atomic<Int>>
  let users: Int

  init(users: Int) {
    self.users = users
    begun = .allocate(capacity: users)
    done = .allocate(capacity: users)
    for user in 0..<users {
      (begun + user).initialize(to: Atomic(0))
      (done + user).initialize(to: Atomic(0))
    }
  }

  deinit {
    begun.deinitialize(count: users)
    done.deinitialize(count: users)
    begun.deallocate()
    done.deallocate()
  }

  /// Appends a user's next event: the n-th has time and spend n.
  func append(to buffer: FoldBuffer, _ user: Int, partition: UInt16 = 0) {
    let number = begun[user].load(ordering: .relaxed) + 1
    begun[user].store(number, ordering: .releasing)
    buffer.append(Event(user: Self.id(user), partition: partition, behavior: Self.behavior(number)))
    done[user].store(number, ordering: .releasing)
  }

  func atLeast(_ user: Int) -> Int { done[user].load(ordering: .acquiring) }
  func atMost(_ user: Int) -> Int { begun[user].load(ordering: .acquiring) }

  static func id(_ user: Int) -> String { "user \(10_000 + user)" }

  static func behavior(_ number: Int) -> Behavior {
    var behavior = Behavior.at(Int64(number), group: UInt32(number % 3))
    behavior.spend_micros = Int64(number)
    return behavior
  }
}

/// Reads one user after the other, and notes whatever is not as it should be.
final class Checker {
  private let applied: Applied
  private let generation: Generation
  private let partition: UInt16
  private let scratch: ReadScratch
  private var reader: SequenceReader
  private var sequence = GroupSequence()
  private var seen: [Int]
  private(set) var reads = 0
  private(set) var faults: [String] = []

  init(_ applied: Applied, _ generation: Generation, partition: UInt16 = 0) {
    self.applied = applied
    self.generation = generation
    self.partition = partition
    scratch = ReadScratch(rules: generation.rules)
    reader = SequenceReader(configuration: generation.configuration, rules: generation.rules)
    seen = Array(repeating: 0, count: applied.users)
  }

  /// Through the generation: every number of the sequence must be that of the first n events, for one n.
  func check(_ user: Int) {
    let before = applied.atLeast(user)
    sequence.clear()
    do {
      let outcome = try withBytes(Applied.id(user)) { id in
        try generation.withState(of: id, in: partition..<partition + 1, scratch) {
          state -> Result<Void, SequenceError> in
          guard let state else { return .success(()) }
          do throws(SequenceError) { return .success(try reader.read(state, .everything, into: &sequence)) } catch {
            return .failure(error)
          }
        }
      }
      try outcome.get()
    } catch {
      faults.append("user \(user): \(error)")
    }
    let events = Int(sequence.groups.reduce(0) { $0 + $1.events })
    note(user, events, from: before)
    let spend = sequence.groups.reduce(0) { $0 + $1.spendSum_micros }
    let newest = sequence.groups.map(\.last_ms).max() ?? 0
    if spend != Int64(events * (events + 1) / 2) || newest != events {
      faults.append("user \(user): \(events) events with a spend of \(spend) up to \(newest)")
    }
  }

  /// Through a lookup's JSON.
  func check(_ user: Int, _ lookup: inout UserLookup, _ output: inout ByteBuffer) {
    let before = applied.atLeast(user)
    output.clear()
    do {
      try withBytes(Applied.id(user)) { try lookup.writeJSON(user: $0, .everything, into: &output) }
    } catch {
      faults.append("user \(user): \(error)")
    }
    let text = String(decoding: output.bytes, as: UTF8.self)
    let counts = text.split(separator: "\"events\":").dropFirst().map { Int($0.prefix { $0.isNumber }) ?? -1 }
    note(user, counts.reduce(0, +), from: before)
  }

  private func note(_ user: Int, _ events: Int, from before: Int) {
    let after = applied.atMost(user)
    reads += 1
    if events < before || events > after { faults.append("user \(user): \(events) events, not \(before)...\(after)") }
    if events < seen[user] { faults.append("user \(user): \(events) events after \(seen[user])") }
    seen[user] = events
  }
}

/// Full buffers on their way from a lane to its flusher.
final class Handover: Sendable {
  private let mutex = Threads.Mutex()
  private nonisolated(unsafe) var waiting: [FoldBuffer] = []  // guarded by `mutex`
  private nonisolated(unsafe) var isClosed = false  // likewise

  func put(_ buffer: FoldBuffer) {
    mutex.withLock {
      waiting.append(buffer)
      mutex.notifyAll()
    }
  }

  func close() {
    mutex.withLock {
      isClosed = true
      mutex.notifyAll()
    }
  }

  /// Nil where it is closed and empty.
  func take() -> FoldBuffer? {
    mutex.withLock {
      while waiting.isEmpty && !isClosed { mutex.wait() }
      return waiting.isEmpty ? nil : waiting.removeFirst()
    }
  }
}

/// What threads found wrong.
final class Faults: Sendable {
  private let mutex = Threads.Mutex()
  private nonisolated(unsafe) var list: [String] = []  // guarded by `mutex`

  func add(_ faults: [String]) { mutex.withLock { list += faults } }

  var all: [String] { mutex.withLock { list } }
}

/// Writers that have not ended yet.
final class Countdown: Sendable {
  private let count: Atomic<Int>

  init(_ count: Int) { self.count = Atomic(count) }

  func end() { count.subtract(1, ordering: .releasing) }

  var areRunning: Bool { count.load(ordering: .acquiring) > 0 }
}

/// Runs bodies on a thread each, and returns when all have ended.
func onThreads(_ bodies: [@Sendable () -> Void]) {
  guard let first = bodies.first else { return }
  let thread = Thread(name: "test") { first() }
  onThreads(Array(bodies.dropFirst()))
  thread.join()
}
