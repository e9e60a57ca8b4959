import Bytes
import HTTP
import InterestCodec
import Lookup

/// What became of one user of a batch; bytes are good as long as the batch is kept.
public enum BatchAnswer {
  case answered(isKnown: Bool, UnsafeRawBufferPointer)
  case failed(LookupError)
}

/// The answers of many lookups, in the order in which they were asked. On its loop's thread only.
public final class Batch {
  enum Slot {
    case here(Range<Int>, isKnown: Bool)
    case there(HTTPReply, Range<Int>, isKnown: Bool)
    case failed(LookupError)
  }

  var answers = ByteBuffer(capacity: 1 << 14)
  var slots: ContiguousArray<Slot> = []
  /// Bytes of all answers, those of others too.
  var size = 0
  /// Requests to others that are not answered yet.
  var open = 0

  init() {}

  /// Memory kept for the next batch.
  private static let kept_bytes = 4 << 20

  func clear() {
    answers.clear()
    answers.shrink(to: Self.kept_bytes)
    slots.removeAll(keepingCapacity: true)
    size = 0
    open = 0
  }

  public var count: Int { slots.count }

  public subscript(index: Int) -> BatchAnswer {
    switch slots[index] {
    case .here(let range, let isKnown):
      .answered(isKnown: isKnown, UnsafeRawBufferPointer(rebasing: answers.bytes[range]))
    case .there(let reply, let range, let isKnown):
      .answered(isKnown: isKnown, UnsafeRawBufferPointer(rebasing: reply.bodyBytes[range]))
    case .failed(let error): .failed(error)
    }
  }

  /// Answers that do not fit into the batch fail.
  func put(_ slot: Slot, _ bytes: Int, at index: Int) {
    guard size + bytes <= LookupLimits.batch_bytes else {
      slots[index] = .failed(
        LookupError(
          .tooLarge, "the answers of this batch are longer than \(LookupLimits.batch_bytes) bytes: ask for fewer users")
      )
      return
    }
    size += bytes
    slots[index] = slot
  }
}

/// What became of a batch.
public enum BatchOutcome {
  /// To be read before the next call.
  case answered(Batch)
  /// Some users are other instances': the completion is called when those have answered, or the time is over.
  case pending(Forwarding)
}

extension Lookups {
  /// Looks many users up, each as `sequence` does; one that fails leaves the others good. The users of each other instance are asked of it in
  /// one request.
  ///
  /// - Parameters:
  ///   - users: At most `LookupLimits.users`; one that repeats is answered as often.
  ///   - within_ms: The caller's time.
  ///   - completion: Called once on the loop's thread where the outcome is `pending`, after this has returned and unless it is canceled.
  public func batch(
    of users: borrowing ByteStrings, _ query: SequenceQuery, _ form: AnswerForm,
    forwardedBy forwarder: String? = nil, within_ms: Int = Lookups.forwarding_ms,
    _ completion: @escaping (Batch) -> Void
  ) throws(LookupError) -> BatchOutcome {
    guard users.count <= LookupLimits.users else {
      throw LookupError(
        .badRequest, "\(users.count) users are asked for, and \(LookupLimits.users) may be", parameter: "user_ids")
    }
    let batch = freshBatch()
    var routes: [(route: ForwardRoute, users: [Int])] = []
    for index in 0..<users.count {
      if index % Self.foreseeable == 0 { foresee(users, from: index, query, form) }
      let start = batch.answers.count
      do throws(LookupError) {
        switch try sequence(of: users[index], query, form, forwardedBy: forwarder, into: &batch.answers) {
        case .answered(let isKnown):
          let end = batch.answers.count
          batch.slots.append(.here(start..<end, isKnown: isKnown))
          batch.put(.here(start..<end, isKnown: isKnown), end - start, at: index)
          if case .failed = batch.slots[index] { batch.answers.truncate(to: start) }
        case .elsewhere(let route):
          batch.slots.append(.failed(LookupError(.deadline, "the owner has not answered in time", retryAfter_s: 1)))
          if let known = routes.firstIndex(where: { $0.route.address == route.address }) {
            routes[known].users.append(index)
          } else {
            routes.append((route, [index]))
          }
        }
      } catch { batch.slots.append(.failed(error)) }
    }
    if routes.isEmpty { return .answered(batch) }
    return try forward(batch, users, routes, query, form, within_ms, completion)
  }

  private func foresee(_ users: borrowing ByteStrings, from first: Int, _ query: SequenceQuery, _ form: AnswerForm) {
    for index in first..<min(first + Self.foreseeable, users.count) where !users[index].isEmpty {
      foresee(users[index], query, form)
    }
    foreseen()
  }

  private func forward(
    _ batch: Batch, _ users: borrowing ByteStrings, _ routes: [(route: ForwardRoute, users: [Int])],
    _ query: SequenceQuery, _ form: AnswerForm, _ within_ms: Int, _ completion: @escaping (Batch) -> Void
  ) throws(LookupError) -> BatchOutcome {
    let forwarder = try needForwarder()
    let forwarding = Forwarding(forwarder.client, forwarder.counters)
    var body = ByteBuffer(capacity: 1 << 12)
    for (route, indices) in routes {
      body.clear()
      LookupRequest.writeBatchGetSequences(users: users, at: indices, query, into: &body)
      func fail(_ error: LookupError) { for index in indices { batch.slots[index] = .failed(error) } }
      do throws(LookupError) {
        try forwarder.ask(
          route, target: Self.batchTarget, body: body.bytes,
          accept: form == .json ? HTTPResponse.jsonLines : HTTPResponse.protobuf, within_ms: within_ms, for: forwarding
        ) { outcome in
          switch outcome {
          case .success(let reply):
            if let error = BatchReply(reply, form).fill(batch, indices) { fail(error) }
          case .failure(let error): fail(error)
          }
          batch.open -= 1
          if batch.open == 0 { completion(batch) }
        }
        batch.open += 1
      } catch { fail(error) }
    }
    return batch.open == 0 ? .answered(batch) : .pending(forwarding)
  }

  private static var batchTarget: UnsafeRawBufferPointer {
    let target: StaticString = "/v1/sequences:batchGet"
    return UnsafeRawBufferPointer(start: target.utf8Start, count: target.utf8CodeUnitCount)
  }

  /// The last one, where nobody keeps it.
  private func freshBatch() -> Batch {
    if isKnownUniquelyReferenced(&spareBatch) {
      spareBatch.clear()
    } else {
      spareBatch = Batch()
    }
    return spareBatch
  }
}
