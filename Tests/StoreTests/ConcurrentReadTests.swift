import Bytes
import InterestCodec
import InterestModel
import InterestStore
import Lookup
import Synchronization
import TestKit
import Testing
import Threads

/// Bounded by work, so that they end under the thread sanitizer too.
@Suite("Concurrent reads")
struct ConcurrentReadTests {
  /// A lane with its flusher, and what it has applied.
  private final class Lane: Sendable {
    let applied = Applied(users: 40)
    let handover = Handover()
    let partition: UInt16
    let flushes = Atomic<Int>(0)

    init(partition: UInt16) { self.partition = partition }

    func append(_ events: Int, to generation: Generation) {
      var random = SeededGenerator(seed: UInt64(partition))
      var buffer = generation.nextBuffer()
      for _ in 0..<events {
        if let full = buffer, full.isFull {
          handover.put(full)
          buffer = generation.nextBuffer()
        }
        // A few users have most of the events, so that runs are folded in place.
        let user = Int.random(in: 0..<Int.random(in: 1...applied.users, using: &random), using: &random)
        if let buffer { applied.append(to: buffer, user, partition: partition) }
      }
      if let buffer { handover.put(buffer) }
      handover.close()
    }

    func flush(_ generation: Generation, _ faults: Faults) {
      var flusher = Flusher(generation, firstFile: Int(partition) * 1_000_000)
      while let buffer = handover.take() {
        do throws(StoreError) {
          try flusher.flush(buffer)
          if flushes.add(1, ordering: .relaxed).newValue % 100 == 0 { try generation.compact() }
        } catch {
          faults.add(["\(error)"])
        }
      }
    }
  }

  @Test(
    "readers see every applied event exactly once, while lanes fill buffers and flushers write them", arguments: [1, 2])
  func appliedOnce(lanes count: Int) throws {
    let fixture = StoreFixture()
    fixture.limits.buffer = FoldBufferLimits(events: 160, bytes: 1 << 16, run: 8)
    fixture.limits.buffers = 2 * count
    let store = try fixture.open()
    let generation = store.generation
    let lanes = (0..<count).map { Lane(partition: UInt16($0)) }
    let faults = Faults()
    let writers = Countdown(2 * count)
    var bodies: [@Sendable () -> Void] = []
    for lane in lanes {
      bodies.append {
        lane.append(20_000, to: generation)
        writers.end()
      }
      bodies.append {
        lane.flush(generation, faults)
        writers.end()
      }
    }
    bodies.append {
      var random = SeededGenerator(seed: 101)
      let checkers = lanes.map { Checker($0.applied, generation, partition: $0.partition) }
      var reads = 0
      while reads < 200 || writers.areRunning {
        let lane = Int.random(in: 0..<lanes.count, using: &random)
        checkers[lane].check(Int.random(in: 0..<lanes[lane].applied.users, using: &random))
        reads += 1
      }
      for checker in checkers { faults.add(checker.faults) }
    }
    bodies.append {
      // A lookup goes to the partition that the source tells: 0.
      var random = SeededGenerator(seed: 102)
      let checker = Checker(lanes[0].applied, generation)
      var lookup = UserLookup(store)
      var output = ByteBuffer()
      while checker.reads < 200 || writers.areRunning {
        checker.check(Int.random(in: 0..<lanes[0].applied.users, using: &random), &lookup, &output)
      }
      faults.add(checker.faults)
    }
    onThreads(bodies)

    #expect(faults.all == [])
    for lane in lanes {
      #expect(lane.flushes.load(ordering: .relaxed) > 100)
      for user in 0..<lane.applied.users {
        let events = (1...max(lane.applied.atLeast(user), 1)).map(Applied.behavior)
        #expect(
          try generation.state(of: Applied.id(user), partition: lane.partition) == fixture.state(of: events))
      }
    }
  }

  @Test("readers find users while the table of users grows around them")
  func growingTable() throws {
    let fixture = StoreFixture()
    fixture.limits.buffer = FoldBufferLimits(events: 40_000, bytes: 2 << 20, run: 64)
    let generation = try fixture.open().generation
    let applied = Applied(users: 30_000)
    let buffer = try generation.buffer()
    let faults = Faults()
    let writers = Countdown(1)
    let reader: @Sendable () -> Void = {
      var random = SeededGenerator(seed: 103)
      let checker = Checker(applied, generation)
      var newest = 0
      while checker.reads < 1000 || writers.areRunning {
        while newest < applied.users && applied.atLeast(newest) > 0 { newest += 1 }
        // Now one that is being added, now an old one.
        checker.check(min(newest, applied.users - 1))
        checker.check(Int.random(in: 0..<applied.users, using: &random))
      }
      faults.add(checker.faults)
    }
    onThreads([
      {
        for user in 0..<applied.users { applied.append(to: buffer, user) }
        writers.end()
      }, reader, reader,
    ])
    #expect(faults.all == [])
    let checker = Checker(applied, generation)
    for user in 0..<applied.users { checker.check(user) }
    #expect(checker.faults == [])
  }

  @Test("readers see a hot user whole, while its runs are folded in place")
  func hotUser() throws {
    let fixture = StoreFixture()
    fixture.limits.buffer = FoldBufferLimits(events: 60_000, bytes: 8 << 20, run: 4)
    let generation = try fixture.open().generation
    let applied = Applied(users: 2)
    let buffer = try generation.buffer()
    let faults = Faults()
    let writers = Countdown(1)
    let reader: @Sendable () -> Void = {
      let checker = Checker(applied, generation)
      while checker.reads < 1000 || writers.areRunning { checker.check(checker.reads % 2) }
      faults.add(checker.faults)
    }
    onThreads([
      {
        for number in 0..<40_000 { applied.append(to: buffer, number % 5 == 0 ? 1 : 0) }
        writers.end()
      }, reader, reader,
    ])
    #expect(faults.all == [])
    #expect(!buffer.isFull)
    #expect(try generation.state(of: Applied.id(0)) == fixture.state(of: (1...32_000).map(Applied.behavior)))
  }
}
