import Glibc
import Kafka
import Testing
import Threads

@Suite("A member of a group")
struct GroupTests {
  let cluster: MockCluster

  init() throws {
    cluster = try MockCluster()
    try cluster.createTopic("events", partitions: 4)
  }

  @Test("shares partitions cooperatively: each moves once, told on the polling thread, and is read by one member")
  func rebalances() throws {
    for partition in 0..<4 { try cluster.fill("events", partition: Int32(partition), count: 10) }
    let first = try cluster.member("events", group: "shared")
    let own = pthread_self()
    var firstOwns: Set<Int32> = []
    var revoked: Set<Int32> = []
    var records: [Int32: Int] = [:]
    func follow(_ consumer: Consumer, _ owned: inout Set<Int32>, _ event: ConsumerEvent) {
      #expect(pthread_equal(pthread_self(), own) != 0)
      do {
        switch event {
        case .assigned(let partitions):
          owned.formUnion(partitions)
          try consumer.takeAssigned(event)
        case .revoked(let partitions):
          owned.subtract(partitions)
          revoked.formUnion(partitions)
          try consumer.unassign(partitions)
        case .lost: Issue.record("nothing was lost")
        default: break
        }
      } catch { Issue.record(error) }
    }
    #expect(
      first.poll(until: { firstOwns.count == 4 && records.values.reduce(0, +) == 40 }) {
        records[$0.partition, default: 0] += 1
      } event: {
        follow(first, &firstOwns, $0)
      })
    #expect(records == [0: 10, 1: 10, 2: 10, 3: 10])

    let second = try cluster.member("events", group: "shared")
    var secondOwns: Set<Int32> = []
    let deadline_ns = MonotonicClock.now_ns + 40_000_000_000
    while (firstOwns.count, secondOwns.count) != (2, 2) && MonotonicClock.now_ns < deadline_ns {
      first.poll(timeout_ms: 20) { _ in
        Issue.record("a partition that stays is not read again")
      } event: {
        follow(first, &firstOwns, $0)
      }
      second.poll(timeout_ms: 20, { _ in }, event: { follow(second, &secondOwns, $0) })
    }
    #expect((firstOwns.count, secondOwns.count) == (2, 2))
    #expect(firstOwns.isDisjoint(with: secondOwns))
    #expect(revoked == secondOwns)
    #expect(try first.assignment() == firstOwns.sorted())
    #expect(try second.assignment() == secondOwns.sorted())
    #expect(second.close(timeout_ms: 10_000))
    #expect(first.close(timeout_ms: 10_000))
  }

  @Test("loses nothing of the partitions that stay where a rebalance comes into a batch")
  func rebalancesWithinBatch() throws {
    let first = try cluster.member("events", group: "batch")
    var next: [Int32: Int64] = [:]
    #expect(
      first.poll(
        until: { next.count == 4 },
        event: { event in
          guard case .assigned(let partitions) = event else { return }
          for partition in partitions { next[partition] = 0 }
          #expect(throws: Never.self) { try first.takeAssigned(event) }
        }))
    let second = try cluster.member("events", group: "batch")
    // Destroying a handle after such a rebalance hangs now and then in librdkafka 2.0.2.
    defer {
      first.abandon()
      second.abandon()
    }
    for partition in 0..<4 { try cluster.fill("events", partition: Int32(partition), count: 10) }
    var hasMoved = false
    let deadline_ns = MonotonicClock.now_ns + 30_000_000_000
    // One batch waits so long that the rebalance comes while it holds all records.
    while !(hasMoved && next.values.allSatisfy { $0 == 10 }) && MonotonicClock.now_ns < deadline_ns {
      first.poll(timeout_ms: hasMoved ? 100 : 6_000) { message in
        if let offset = next[message.partition], message.offset >= offset {
          #expect(message.offset == offset)
          next[message.partition] = message.offset + 1
        }
      } event: { event in
        func places() -> [PartitionOffset] { next.map { PartitionOffset(partition: $0.key, offset: $0.value) } }
        do {
          switch event {
          case .assigned(let partitions):
            try first.holdPlaces(places(), timeout_ms: 3_000)
            try first.assign(partitions.map { PartitionOffset(partition: $0, offset: 0) })
          case .revoked(let partitions):
            hasMoved = true
            for partition in partitions { next[partition] = nil }
            try first.holdPlaces(places(), timeout_ms: 3_000)
            try first.unassign(partitions)
          default: break
          }
        } catch { Issue.record(error) }
      }
      second.poll(timeout_ms: 0, { _ in }, event: { if case .assigned = $0 { try? second.assign([]) } })
    }
    #expect(next.count == 2)
    #expect(next.values.allSatisfy { $0 == 10 })
  }

  @Test(
    "closing tells what is revoked and leaves the group, whether or not the listener gives it up",
    arguments: [true, false])
  func closes(answers: Bool) throws {
    let consumer = try cluster.member("events", group: "closing")
    var owned: [Int32] = []
    #expect(
      consumer.poll(
        until: { !owned.isEmpty },
        event: { event in
          guard case .assigned(let partitions) = event else { return }
          owned = partitions.sorted()
          #expect(throws: Never.self) { try consumer.takeAssigned(event) }
        }))
    #expect(owned == [0, 1, 2, 3])
    var revoked: [Int32] = []
    let closed = consumer.close(timeout_ms: 10_000) { event in
      guard case .revoked(let partitions) = event else { return }
      revoked += partitions
      if answers { #expect(throws: Never.self) { try consumer.unassign(partitions) } }
    }
    #expect(closed)
    #expect(revoked.sorted() == owned)
  }

  @Test("closing does not wait for an answer to a rebalance that nobody gave")
  func closesUnanswered() throws {
    let consumer = try cluster.member("events", group: "unanswered")
    var isAssigned = false
    #expect(consumer.poll(until: { isAssigned }, event: { if case .assigned = $0 { isAssigned = true } }))
    #expect(consumer.close(timeout_ms: 10_000))
  }

  @Test("one that leaves while it joins, before the group has given it anything, ends without harm")
  func leavesWhileJoining() throws {
    // REBALANCE_IN_PROGRESS, so that it is never told its assignment.
    cluster.pushErrors(.syncGroup, [Int32](repeating: 27, count: 100))
    let lines = Collected()
    let diagnostics = KafkaDiagnostics(log: { _, facility, message in
      if facility == "JOINGROUP" && message.contains("response") { lines.add("joined") }
    })
    let times = [(name: "session.timeout.ms", value: "3000"), (name: "debug", value: "cgrp")]
    var consumer: Consumer? = try Consumer(
      topic: "events", cluster.configuration([("group.id", "leaving")] + times), diagnostics: diagnostics)
    try consumer?.subscribe()
    #expect(consumer?.poll(until: { lines.contains("joined") }) == true)
    #expect(consumer?.close(timeout_ms: 10_000) == true)
    consumer = nil
  }

  @Test("follows an eager protocol too")
  func eager() throws {
    try cluster.fill("events", partition: 3, count: 5)
    let consumer = try cluster.member("events", group: "eager", [("partition.assignment.strategy", "range")])
    var offsets: [Int64] = []
    #expect(
      consumer.poll(until: { offsets.count == 5 }) {
        offsets.append($0.offset)
      } event: { event in
        #expect(throws: Never.self) { try consumer.takeAssigned(event) }
      })
    #expect(offsets == [0, 1, 2, 3, 4])
    #expect(consumer.close(timeout_ms: 10_000))
  }

  @Test(
    "close, commits and questions keep their bounds with a dead or silent broker, and destroying does not hang",
    arguments: [true, false])
  func deadBroker(isSilent: Bool) throws {
    try cluster.fill("events", count: 10)
    var consumer: Consumer? = try cluster.member("events", group: "dead")
    var records = 0
    #expect(
      consumer!.poll(until: { records == 10 }) { _ in
        records += 1
      } event: { event in
        #expect(throws: Never.self) { try consumer!.takeAssigned(event) }
      })
    if isSilent { try cluster.setRoundTrip(broker: 1, 60_000) } else { try cluster.setDown(broker: 1) }

    func seconds(_ body: () -> Void) -> Double {
      let start_ns = MonotonicClock.now_ns
      body()
      return Double(MonotonicClock.now_ns - start_ns) / 1e9
    }
    let commit = seconds {
      #expect(throws: KafkaError.self) {
        try consumer!.commit([PartitionOffset(partition: 0, offset: 10)], timeout_ms: 500)
      }
    }
    #expect(commit < 3)
    let question = seconds {
      #expect(throws: KafkaError.self) { try consumer!.watermarks([0], timeout_ms: 500) }
      #expect(throws: KafkaError.self) { try consumer!.committed([0], timeout_ms: 500) }
    }
    #expect(question < 5)
    let close = seconds { _ = consumer!.close(timeout_ms: 1_000) }
    #expect(close < 2)
    let destroy = seconds { consumer = nil }
    #expect(destroy < 5)
    print(
      "\(isSilent ? "silent" : "dead") broker: commit \(commit) s, questions \(question) s, close \(close) s, destroy \(destroy) s"
    )
  }

  @Test("an abandoned consumer is gone at once")
  func abandons() throws {
    let start_ns = MonotonicClock.now_ns
    do {
      let consumer = try cluster.member("events", group: "abandoned")
      consumer.poll(timeout_ms: 10, { _ in }, event: { _ in })
      consumer.abandon()
    }
    #expect(MonotonicClock.now_ns - start_ns < 2_000_000_000)
  }

  @Test("two threads, each with its member, read every record once")
  func threads() throws {
    for partition in 0..<4 { try cluster.fill("events", partition: Int32(partition), count: 500) }
    let offsets = Seen()
    func start(_ name: String) -> Thread {
      Thread(name: name) { [cluster] in
        do { try Self.read(cluster, offsets) } catch { Issue.record(error) }
      }
    }
    let first = start("member-0")
    let second = start("member-1")
    first.join()
    second.join()
    #expect(offsets.count == 2_000)
    #expect(offsets.repeated == 0)
  }

  private static func read(_ cluster: MockCluster, _ offsets: Seen) throws {
    let consumer = try cluster.member("events", group: "threads")
    let finished = consumer.poll(within: 40, until: { offsets.count >= 2_000 }) {
      if decimal($0.value) != $0.offset { Issue.record("offset \($0.offset) has another record's value") }
      offsets.insert($0.partition, $0.offset)
    } event: { event in
      do {
        switch event {
        case .assigned(let partitions):
          try consumer.assign(partitions.map { PartitionOffset(partition: $0, offset: offsets.next($0)) })
        case .revoked(let partitions): try consumer.unassign(partitions)
        default: break
        }
      } catch { Issue.record(error) }
    }
    if !finished { Issue.record("only \(offsets.count) records in time") }
    if !consumer.close(timeout_ms: 10_000) { Issue.record("not closed in time") }
  }
}

/// Reads the lent bytes here, where the thread sanitizer sees it.
private func decimal(_ bytes: UnsafeRawBufferPointer?) -> Int64? {
  guard let bytes, let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return nil }
  var value: Int64 = 0
  for index in 0..<bytes.count { value = value * 10 + Int64(base[index]) - 48 }
  return value
}

/// What threads have read together.
private final class Seen: @unchecked Sendable {  // all fields are touched under the mutex
  private let mutex = Mutex()
  private var nextOffsets: [Int32: Int64] = [:]
  private var records = 0
  private var surprises = 0

  var count: Int { mutex.withLock { records } }
  /// Records that were not the next ones of their partition.
  var repeated: Int { mutex.withLock { surprises } }

  func next(_ partition: Int32) -> Int64 { mutex.withLock { nextOffsets[partition] ?? 0 } }

  func insert(_ partition: Int32, _ offset: Int64) {
    mutex.withLock {
      if offset != nextOffsets[partition] ?? 0 { surprises += 1 }
      nextOffsets[partition] = offset + 1
      records += 1
    }
  }
}
