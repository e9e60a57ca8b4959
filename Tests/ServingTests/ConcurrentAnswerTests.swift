import Bytes
import InterestCodec
import InterestModel
import InterestStore
import Lookup
import Synchronization
import TestKit
import Testing
import Threads

@testable import Serving

/// How many events each user has, by two counts: those begun and those done. An answer lies between.
private final class Progress: @unchecked Sendable {  // atomics, made to be shared by address
  private let counts: UnsafeMutablePointer<Atomic<Int>>
  let users: Int

  init(users: Int) {
    self.users = users
    counts = .allocate(capacity: 3 * users)
    for index in 0..<3 * users { (counts + index).initialize(to: Atomic(0)) }
  }

  deinit { counts.deallocate() }

  func begun(_ user: Int) -> Int { counts[user].load(ordering: .acquiring) }
  func done(_ user: Int) -> Int { counts[users + user].load(ordering: .acquiring) }
  /// The most that any reader has seen.
  func seen(_ user: Int) -> Int { counts[2 * users + user].load(ordering: .acquiring) }
  func see(_ user: Int, _ events: Int) { counts[2 * users + user].max(events, ordering: .acquiringAndReleasing) }

  func append(to buffer: FoldBuffer, _ user: Int) {
    let number = begun(user) + 1
    counts[user].store(number, ordering: .releasing)
    _ = withBytes("user-\(user)") { buffer.append(.at(Int64(number)), partition: 0, user: $0) }
    counts[users + user].store(number, ordering: .releasing)
  }
}

private final class ReadingState: Sendable {
  let isDone = Atomic<Bool>(false)
  let faults = Atomic<Int>(0)
}

@Suite("Ready answers while a lane fills")
struct ConcurrentAnswerTests {
  @Test("no reader is given an answer without an event that was applied, or that another reader has seen")
  func neverStale() throws {
    let fixture = try ServingFixture(partitions: 1)
    let progress = Progress(users: 60)
    let state = ReadingState()
    let service = fixture.service
    let read: @Sendable (UInt64) -> Void = { seed in
      var random = SeededGenerator(seed: seed)
      let lookups = Lookups(service)
      var output = ByteBuffer()
      var reads = 0
      while reads < 2000 || !state.isDone.load(ordering: .acquiring) {
        let user = Int.random(in: 0..<progress.users, using: &random)
        let least = max(progress.done(user), progress.seen(user))
        output.clear()
        let query = SequenceQuery(behaviors: 0, fields: [.events])
        let outcome = withBytes("user-\(user)") { try? lookups.sequence(of: $0, query, .json, into: &output) }
        let text = String(decoding: output.bytes, as: UTF8.self)
        let events = text.split(separator: "\"events\":").dropFirst().first.flatMap { Int($0.prefix { $0.isNumber }) }
        if outcome == nil || (events ?? 0) < least || (events ?? 0) > progress.begun(user) {
          state.faults.add(1, ordering: .relaxed)
        }
        progress.see(user, events ?? 0)
        reads += 1
      }
    }
    let readers = [UInt64(1), 2].map { seed in ReaderThread { read(seed) } }
    try fill(fixture, progress)
    state.isDone.store(true, ordering: .releasing)
    for reader in readers { reader.join() }
    #expect(state.faults.load(ordering: .relaxed) == 0)
    #expect(fixture.figures.hits > 100)
    #expect(fixture.figures.stale > 100)
  }

  /// Bursts and rests, so that answers come to be kept, with a flush now and then.
  private func fill(_ fixture: ServingFixture, _ progress: Progress) throws {
    var random = SeededGenerator(seed: 7)
    var buffer = try fixture.buffer()
    var full: FoldBuffer?
    for round in 0..<400 {
      for _ in 0..<Int.random(in: 1...30, using: &random) {
        progress.append(to: buffer, Int.random(in: 0..<progress.users, using: &random))
      }
      if round % 20 == 19 {
        full = buffer
        buffer = try #require(fixture.store.generation.nextBuffer())
      } else if round % 20 == 5, let waiting = full {
        try fixture.flush(waiting)
        full = nil
      }
      let rest_ns = MonotonicClock.now_ns + 200_000
      while MonotonicClock.now_ns < rest_ns {}
    }
  }
}

/// A thread in an array.
private final class ReaderThread {
  private var thread: Threads.Thread?

  init(_ body: @escaping @Sendable () -> Void) { thread = Threads.Thread(name: "reader") { body() } }

  func join() { if let thread = thread.take() { thread.join() } }
}
