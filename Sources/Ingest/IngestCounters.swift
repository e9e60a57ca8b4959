import InterestCodec
import Synchronization
import Threads

/// What ingestion has done since the process started, for metrics and summaries. Written by lanes and flushers, read by anyone.
public final class IngestCounters: Sendable {
  private let behaviorCount = Atomic<UInt64>(0)
  private let badCount = Atomic<UInt64>(0)
  private let unmappedCount = Atomic<UInt64>(0)
  private let duplicateCount = Atomic<UInt64>(0)
  private let eventIDCount = Atomic<Int>(0)
  private let eventIDMemory = Atomic<Int>(0)
  private let erasureCount = Atomic<UInt64>(0)
  private let refetchCount = Atomic<UInt64>(0)
  private let misplacedCount = Atomic<UInt64>(0)
  private let flushCount = Atomic<UInt64>(0)
  private let flushBytes = Atomic<UInt64>(0)
  private let letterCount = Atomic<UInt64>(0)
  private let firstRecordAt_ns = Atomic<UInt64>(0)
  private let lastFlushAt_ns = Atomic<UInt64>(0)
  private let badReasons = ReasonCounters()

  public init() {}

  /// Behaviors that were folded.
  public var behaviors: UInt64 { behaviorCount.load(ordering: .relaxed) }
  /// Of these, behaviors of shops that the cluster map does not name.
  public var unmapped: UInt64 { unmappedCount.load(ordering: .relaxed) }
  /// Records that went to the dead letters.
  public var bad: UInt64 { badCount.load(ordering: .relaxed) }
  /// Behaviors that were not folded because an earlier record had their user and event id.
  public var duplicates: UInt64 { duplicateCount.load(ordering: .relaxed) }
  /// Event ids by which duplicates are told, as of the last flush, and the memory that they take.
  public var eventIDs: Int { eventIDCount.load(ordering: .relaxed) }
  public var eventIDs_bytes: Int { eventIDMemory.load(ordering: .relaxed) }
  /// Erase records applied.
  public var erasures: UInt64 { erasureCount.load(ordering: .relaxed) }
  /// Users found on another partition than lookups will look at.
  public var misplacedUsers: UInt64 { misplacedCount.load(ordering: .relaxed) }
  /// Gaps behind which records were read again.
  public var refetches: UInt64 { refetchCount.load(ordering: .relaxed) }
  public var flushes: UInt64 { flushCount.load(ordering: .relaxed) }
  /// Bytes of the files that flushes wrote.
  public var flushed_bytes: UInt64 { flushBytes.load(ordering: .relaxed) }

  /// When the first records were taken and when the last file was in the database (`MonotonicClock`); 0: none was yet.
  public var firstRecord_ns: UInt64 { firstRecordAt_ns.load(ordering: .relaxed) }
  public var lastFlush_ns: UInt64 { lastFlushAt_ns.load(ordering: .relaxed) }

  /// Letters handed over to the dead letters' topic that it has not acknowledged.
  public var lettersWaiting: UInt64 { letterCount.load(ordering: .relaxed) }

  public func bad(_ reason: BadRecord.Reason) -> UInt64 { badReasons.count(of: reason) }

  func addBehaviors(_ count: UInt64, unmapped: UInt64, misplacedUsers: UInt64) {
    behaviorCount.add(count, ordering: .relaxed)
    unmappedCount.add(unmapped, ordering: .relaxed)
    misplacedCount.add(misplacedUsers, ordering: .relaxed)
  }

  func addOthers(duplicates: UInt64, erasures: UInt64) {
    duplicateCount.add(duplicates, ordering: .relaxed)
    erasureCount.add(erasures, ordering: .relaxed)
  }

  func setEventIDs(_ count: Int, memory_bytes: Int) {
    eventIDCount.store(count, ordering: .relaxed)
    eventIDMemory.store(memory_bytes, ordering: .relaxed)
  }

  func addBad(_ reason: BadRecord.Reason) {
    badCount.add(1, ordering: .relaxed)
    badReasons.add(reason)
  }

  func setLettersWaiting(_ count: Int) { letterCount.store(UInt64(count), ordering: .relaxed) }

  func addRefetch() { refetchCount.add(1, ordering: .relaxed) }

  func begin() {
    if firstRecord_ns == 0 { firstRecordAt_ns.store(MonotonicClock.now_ns, ordering: .relaxed) }
  }

  func addFlush(bytes total: UInt64) {
    lastFlushAt_ns.store(MonotonicClock.now_ns, ordering: .relaxed)
    flushCount.add(1, ordering: .relaxed)
    flushBytes.store(total, ordering: .relaxed)
  }
}

private final class ReasonCounters: @unchecked Sendable {  // the pointer never changes, and what it leads to is atomic
  private let counters = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: BadRecord.Reason.allCases.count)

  init() { for index in BadRecord.Reason.allCases.indices { (counters + index).initialize(to: Atomic(0)) } }

  deinit { counters.deallocate() }

  private func index(of reason: BadRecord.Reason) -> Int { BadRecord.Reason.allCases.firstIndex(of: reason) ?? 0 }

  func add(_ reason: BadRecord.Reason) { counters[index(of: reason)].add(1, ordering: .relaxed) }

  func count(of reason: BadRecord.Reason) -> UInt64 { counters[index(of: reason)].load(ordering: .relaxed) }
}
