import Bytes
import HTTP
import InterestCodec
import Lookup
import Threads

/// What became of a batch.
public enum BatchOutcome {
  case answered(Batch)
  /// The completion is called when all users have been looked up and other instances have answered for theirs, or the time is over; with
  /// `busy` where the answers of all batches have become too many bytes.
  case pending(BatchWork)
}

public typealias BatchCompletion = (Result<Batch, LookupError>) -> Void

/// A batch under way. On its loop's thread only.
public final class BatchWork {
  /// The desk's.
  var number = 0
  private unowned let lookups: Lookups  // it lives as long as its loop's connections, which end a batch with them
  private let job: BatchJob
  private let query: SequenceQuery
  private let form: AnswerForm
  private let deadline_ns: UInt64
  private var forwarding: Forwarding?
  /// Requests to others that are not answered yet.
  private var open = 0
  private var completion: BatchCompletion?
  private var pass: Admission.Pass?

  init(
    _ lookups: Lookups, _ job: BatchJob, _ query: SequenceQuery, _ form: AnswerForm, within_ms: Int,
    _ completion: @escaping BatchCompletion
  ) throws(LookupError) {
    (self.lookups, self.job, self.query, self.form, self.completion) = (lookups, job, query, form, completion)
    let limit_ms = UInt64(clamping: min(within_ms, 1 << 40))
    deadline_ns = MonotonicClock.now_ns + limit_ms * 1_000_000
    pass = try lookups.service.admission.admit()
  }

  /// Nobody hears of it any more.
  public func cancel() {
    lookups.desk?.forget(self)
    job.cancel()
    forwarding?.cancel()
    end()
  }

  /// All slices have been run, by the pool.
  func lookedUp() {
    if let refusal = job.refusal { return end()?(.failure(refusal)) ?? () }
    let batch = Batch(job)
    do throws(LookupError) {
      try forward(batch)
    } catch { for (_, users) in batch.routes { batch.fail(users, error) } }
    if open == 0 { end()?(.success(batch)) }
  }

  /// Asks each other instance for its users, in one request. Whether any is asked.
  @discardableResult
  func forward(_ batch: Batch) throws(LookupError) -> Bool {
    if batch.routes.isEmpty { return false }
    let forwarder = try lookups.needForwarder()
    let forwarding = Forwarding(forwarder.client, forwarder.counters)
    self.forwarding = forwarding
    let now_ns = MonotonicClock.now_ns
    let left_ms = deadline_ns > now_ns ? Int((deadline_ns - now_ns) / 1_000_000) : 0
    var body = ByteBuffer(capacity: 1 << 12)
    for (route, indices) in batch.routes {
      body.clear()
      job.withUsers { LookupRequest.writeBatchGetSequences(users: $0, at: indices, query, into: &body) }
      do throws(LookupError) {
        try forwarder.ask(
          route, target: Self.target, body: body.bytes,
          accept: form == .json ? HTTPResponse.jsonLines : HTTPResponse.protobuf, within_ms: left_ms, for: forwarding
        ) { [self] outcome in take(outcome, batch, indices) }
        open += 1
      } catch { batch.fail(indices, error) }
    }
    return open > 0
  }

  private func take(_ outcome: Result<HTTPReply, LookupError>, _ batch: Batch, _ indices: [Int]) {
    switch outcome {
    case .success(let reply):
      guard job.hold(reply.bodyBytes.count) else {
        forwarding?.cancel()
        if let refusal = job.refusal { end()?(.failure(refusal)) }
        return
      }
      if let error = BatchReply(reply, form).fill(batch, indices) { batch.fail(indices, error) }
    case .failure(let error): batch.fail(indices, error)
    }
    open -= 1
    if open == 0 { end()?(.success(batch)) }
  }

  @discardableResult
  private func end() -> BatchCompletion? {
    pass = nil
    forwarding = nil
    return completion.take()
  }

  private static var target: UnsafeRawBufferPointer {
    let target: StaticString = "/v1/sequences:batchGet"
    return UnsafeRawBufferPointer(start: target.utf8Start, count: target.utf8CodeUnitCount)
  }
}

extension Lookups {
  /// A batch of so many users is looked up at once, on the loop.
  public static var quickUsers: Int { BatchJob.sliceUsers }

  /// Looks many users up, each as `sequence` does; one that fails leaves the others good. More than a slice of them are looked up by other
  /// threads, and the users of each other instance are asked of it in one request.
  ///
  /// - Parameters:
  ///   - users: At most `LookupLimits.users`; one that repeats is answered as often.
  ///   - within_ms: The caller's time; without it, an owner has `forwarding_ms`.
  ///   - completion: Called once on the loop's thread where the outcome is `pending`, after this has returned and unless it is canceled.
  /// - Throws: `busy` where too many requests, users or bytes are under way.
  public func batch(
    of users: borrowing ByteStrings, _ query: SequenceQuery, _ form: AnswerForm,
    forwardedBy forwarder: String? = nil, within_ms: Int = .max,
    _ completion: @escaping BatchCompletion
  ) throws(LookupError) -> BatchOutcome {
    guard users.count <= LookupLimits.users else {
      throw LookupError(
        .badRequest, "\(users.count) users are asked for, and \(LookupLimits.users) may be", parameter: "user_ids")
    }
    let job = BatchJob(users, query, form, forwardedBy: forwarder, service)
    if let desk, job.slices.count > 1 {
      let work = try BatchWork(self, job, query, form, within_ms: within_ms, completion)
      try desk.submit(work, job)
      return .pending(work)
    }
    for slice in job.slices { job.run(slice, with: self) }
    if let refusal = job.refusal { throw refusal }
    let batch = Batch(job)
    if batch.routes.isEmpty { return .answered(batch) }
    let work = try BatchWork(self, job, query, form, within_ms: within_ms, completion)
    return try work.forward(batch) ? .pending(work) : .answered(batch)
  }
}
