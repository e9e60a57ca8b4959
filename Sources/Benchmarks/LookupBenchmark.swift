import Bytes
import Foundation
import Ingest
import InterestCodec
import InterestStore
import Lookup
import Serving
import Telemetry
import Threads

/// What lookups of one kind cost, one after the other on one thread.
public struct LookupFigures: Sendable {
  public var lookups: UInt64 = 0
  public var elapsed_s = 0.0
  /// Of the thread.
  public var cpu_s = 0.0
  public var answer_bytes: UInt64 = 0
  public var latency: LatencySnapshot

  public var perSecond: Double { Double(lookups) / max(elapsed_s, 1e-9) }
  public var cpu_us: Double { cpu_s * 1e6 / Double(max(lookups, 1)) }
  /// Of an answer.
  public var mean_bytes: Double { Double(answer_bytes) / Double(max(lookups, 1)) }
}

/// Lookups in this process, as the loops of all protocols make them, without a network.
public struct LookupBenchmark {
  private let store: InterestStore
  private let users: UserList
  private let query: SequenceQuery
  private let form: AnswerForm
  private let duration_ns: UInt64

  /// - Parameters:
  ///   - users: Those that are looked up, in no order.
  ///   - duration_s: Of each measurement.
  public init(
    _ store: InterestStore, users: UserList, _ query: SequenceQuery, _ form: AnswerForm, duration_s: Double
  ) {
    self.store = store
    self.users = users
    self.query = query
    self.form = form
    duration_ns = UInt64(duration_s * 1e9)
  }

  /// - Parameter cache_bytes: For ready answers, of which there is one for every user then; 0: every answer is made anew.
  public func run(cache_bytes: Int = 0) throws -> LookupFigures {
    let service = LookupService(cache_bytes: cache_bytes)
    service.publish(.init(store: store))
    let lookups = Lookups(service)
    var output = ByteBuffer(capacity: 1 << 16)
    // Once over all, so that neither blocks nor answers are read for the first time.
    for user in 0..<users.count { try look(users[user], lookups, &output) }
    let histogram = LatencyHistogram()
    var figures = LookupFigures(latency: histogram.snapshot)
    var random: UInt64 = 0x9E37_79B9_7F4A_7C15
    var user = users[0]
    let cpu_ns = CPUClock.thread_ns
    let started_ns = MonotonicClock.now_ns
    var now_ns = started_ns
    while now_ns - started_ns < duration_ns {
      // xorshift64 (Marsaglia 2003): quicker than what is measured.
      random ^= random &<< 13
      random ^= random &>> 7
      random ^= random &<< 17
      // A request's id is in the processor's caches, as it was just received: here it is fetched one lookup ahead.
      let next = users[Int(random.multipliedFullWidth(by: UInt64(users.count)).high)]
      prefetch(next, atMost: 64)
      try look(user, lookups, &output)
      user = next
      let end_ns = MonotonicClock.now_ns
      histogram.record(end_ns - now_ns)
      now_ns = end_ns
      figures.lookups += 1
      figures.answer_bytes += UInt64(output.count)
    }
    figures.elapsed_s = Double(now_ns - started_ns) / 1e9
    figures.cpu_s = Double(CPUClock.thread_ns - cpu_ns) / 1e9
    figures.latency = histogram.snapshot
    return figures
  }

  @inline(__always)
  private func look(
    _ user: UnsafeRawBufferPointer, _ lookups: Lookups, _ output: inout ByteBuffer
  ) throws(LookupError) {
    output.clear()
    _ = try lookups.sequence(of: user, query, form, into: &output)
  }
}

/// Users to look up, one behind the other in memory.
public final class UserList {
  private var ids = ByteStrings()

  /// The users of the synthetic workload.
  public init(synthetic count: Int) {
    for index in 0..<count {
      let number = String(index)
      ids.append(String(repeating: "0", count: max(12 - number.count, 0)) + number)
    }
  }

  /// At most so many of the users in a state.
  public init(_ store: InterestStore, limit: Int) throws {
    struct Enough: Error {}
    do {
      try store.generation.forEachUser { user, _ in
        ids.append(user)
        if ids.count >= limit { throw Enough() }
      }
    } catch is Enough {}
  }

  public var count: Int { ids.count }

  public subscript(index: Int) -> UnsafeRawBufferPointer { ids[index] }
}
