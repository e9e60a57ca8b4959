import Bytes
import InterestCodec
import InterestModel
import Lookup
import Synchronization
import TestKit
import Testing

@testable import Serving

@Suite("Long batches on several threads")
struct BatchPoolTests {
  /// A hundred users with one to four groups each.
  private func filled(_ limits: WorkLimits = WorkLimits()) throws -> ServingFixture {
    let fixture = try ServingFixture(work: limits)
    let buffer = try fixture.buffer()
    for user in 0..<100 {
      for group in 0...(user % 4) {
        fixture.append(.at(Int64(1000 + user + group), group: UInt32(group + 1)), of: "u\(user)", to: buffer)
      }
    }
    return fixture
  }

  private func job(_ users: [String], _ service: LookupService, _ form: AnswerForm = .protobuf) -> BatchJob {
    var list = ByteStrings()
    for user in users { list.append(user) }
    return BatchJob(list, SequenceQuery(), form, forwardedBy: nil, service)
  }

  /// Returns when a job is done.
  private func run(_ job: BatchJob, _ pool: BatchPool) throws {
    let isDone = Done()
    try pool.submit(job) { isDone.set() }
    try #require(eventually { isDone.isSet })
  }

  private final class Done: Sendable {
    private let flag = Atomic<Bool>(false)
    func set() { flag.store(true, ordering: .releasing) }
    var isSet: Bool { flag.load(ordering: .acquiring) }
  }

  @Test("every user is answered as alone, in the order asked, however many threads and batches there are")
  func answers() throws {
    let fixture = try filled()
    let users = (0..<1000).map { index in index % 97 == 0 ? "" : index % 10 == 3 ? "nobody" : "u\(index * 7 % 100)" }
    for threads in [1, 2, 3] {
      let pool = BatchPool(threads: threads, users: 10_000, bytes: 64 << 20)
      for form in AnswerForm.allCases {
        let jobs = (0..<4).map { job(Array(users.dropFirst($0 * 13)), fixture.service, form) }
        let done = jobs.map { _ in Done() }
        for (job, done) in zip(jobs, done) { try pool.submit(job) { done.set() } }
        for (number, (job, done)) in zip(jobs, done).enumerated() {
          try #require(eventually { done.isSet })
          let batch = Batch(job)
          #expect(batch.routes.isEmpty && batch.count == users.count - number * 13)
          for (index, user) in users.dropFirst(number * 13).enumerated() {
            switch batch[index] {
            case .answered(let isKnown, let bytes):
              let answer = Answer(isKnown: isKnown, bytes: Array(bytes))
              try #require(try answer == fixture.fresh.answer(user, SequenceQuery(), form), "\(index) \(user)")
            case .failed(let error): try #require(user.isEmpty && error.code == .badRequest)
            }
          }
        }
      }
      #expect(pool.users == 0 && pool.refused == 0)
      pool.stop()
    }
  }

  @Test("as many users as may be waiting are let in, and no more; they leave room when they are done")
  func bound() throws {
    let fixture = try filled()
    let pool = BatchPool(threads: 1, users: 1000, bytes: 64 << 20)
    let long = (0..<1000).map { "u\($0 % 100)" }
    try run(job(long, fixture.service), pool)
    let error = #expect(throws: LookupError.self) { try pool.submit(job(long + ["a"], fixture.service)) {} }
    #expect(error?.code == .busy && error?.retryAfter_s == 1 && pool.refused == 1 && pool.users == 0)
    try run(job(long, fixture.service), pool)
    pool.stop()
    let ended = #expect(throws: LookupError.self) { try pool.submit(job(long, fixture.service)) {} }
    #expect(ended?.code == .busy)
  }

  @Test("a batch that nobody waits for any more is not worked at, and done all the same")
  func cancellation() throws {
    let fixture = try filled()
    let pool = BatchPool(threads: 2, users: 10_000, bytes: 64 << 20)
    let canceled = job((0..<1000).map { "u\($0 % 100)" }, fixture.service)
    canceled.cancel()
    try run(canceled, pool)
    #expect(canceled.slices.allSatisfy { $0.slots.isEmpty })
    #expect(eventually { pool.users == 0 })
    pool.stop()
  }

  @Test("answers that do not fit into a batch fail, and those before them are there")
  func tooLarge() throws {
    let fixture = try ServingFixture()
    let buffer = try fixture.buffer()
    for group in 1...1500 { fixture.append(.at(Int64(group), group: UInt32(group)), of: "big", to: buffer) }
    let query = SequenceQuery(groups: 10_000)
    var list = ByteStrings()
    for _ in 0..<1000 { list.append("big") }
    let whole = try fixture.fresh.answer("big", query, .json)
    try #require(whole.bytes.count * 1000 > LookupLimits.batch_bytes)
    let pool = BatchPool(threads: 2, users: 1000, bytes: 64 << 20)
    let large = BatchJob(list, query, .json, forwardedBy: nil, fixture.service)
    try run(large, pool)
    let batch = Batch(large)
    var (good, failed) = (0, 0)
    for index in 0..<batch.count {
      switch batch[index] {
      case .answered(_, let bytes):
        good += 1
        #expect(bytes.count == whole.bytes.count)
      case .failed(let error):
        failed += 1
        #expect(error.code == .tooLarge)
      }
    }
    #expect(good == LookupLimits.batch_bytes / whole.bytes.count && failed == 1000 - good)
    pool.stop()
  }

  @Test("a batch for whose answers there is no room is given up, and leaves its room to others")
  func crowded() throws {
    var limits = WorkLimits()
    let users = (0..<1000).map { "u\($0 % 100)" }
    // Of one batch's answers.
    let measured = job(users, try filled().service)
    try run(measured, measured.service.pool)
    let size = measured.service.pool.held_bytes
    #expect(size == Batch(measured).size && size > 0)

    limits.batch_bytes = size
    let fixture = try filled(limits)
    let pool = fixture.service.pool
    do {
      let whole = job(users, fixture.service)
      try run(whole, pool)
      #expect(whole.refusal == nil && Batch(whole).size == size)
      let late = job(users, fixture.service)
      try run(late, pool)
      #expect(late.refusal?.code == .busy && late.refusal?.retryAfter_s == 1)
      #expect(pool.crowdedOut == 1 && pool.held_bytes == size)
      // What another instance has answered takes room, too.
      let forwarded = job(["u0"], fixture.service)
      #expect(!forwarded.hold(1) && forwarded.refusal?.code == .busy)
    }
    #expect(eventually { pool.held_bytes == 0 && pool.users == 0 })
    // Of many that grow side by side, some are answered.
    let jobs = (0..<8).map { _ in job(users, fixture.service) }
    let done = jobs.map { _ in Done() }
    for (job, done) in zip(jobs, done) { try pool.submit(job) { done.set() } }
    for (job, done) in zip(jobs, done) {
      try #require(eventually { done.isSet })
      if job.refusal == nil { #expect(Batch(job).size == size) }
    }
    #expect(jobs.contains { $0.refusal == nil })
  }

  @Test("as many requests as may be waiting are let in, and the next when one has gone")
  func admission() throws {
    let admission = Admission(limit: 2)
    var passes = [try admission.admit(), try admission.admit()]
    let error = #expect(throws: LookupError.self) { _ = try admission.admit() }
    #expect(error?.code == .busy && error?.retryAfter_s == 1)
    #expect(admission.underWay == 2 && admission.refused == 1)
    passes.removeLast()
    passes.append(try admission.admit())
    #expect(admission.underWay == 2 && admission.refused == 1)
    passes.removeAll()
    #expect(admission.underWay == 0)
  }
}
