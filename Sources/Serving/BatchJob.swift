import Bytes
import InterestCodec
import Lookup
import Synchronization

/// The users of a batch, looked up slice by slice: each slice on one thread at a time, different ones on any.
///
/// `@unchecked Sendable`: all of it is constant, atomic, or a slice, which one thread fills before another reads it.
final class BatchJob: @unchecked Sendable {
  /// Users of a slice: a millisecond's work where none of them is in the cache.
  static var sliceUsers: Int { 32 }

  let service: LookupService
  let slices: [BatchSlice]
  private let users: ByteStrings
  private let query: SequenceQuery
  private let form: AnswerForm
  private let forwarder: String?
  private let canceled = Atomic<Bool>(false)
  /// Of all answers so far.
  private let size_bytes = Atomic<Int>(0)
  /// Of the pool's memory.
  private let memory: ByteBudget.Share

  init(
    _ users: borrowing ByteStrings, _ query: SequenceQuery, _ form: AnswerForm, forwardedBy forwarder: String?,
    _ service: LookupService
  ) {
    var own = ByteStrings()
    for index in 0..<users.count { own.append(users[index]) }
    let count = own.count
    self.users = own
    (self.query, self.form, self.forwarder, self.service) = (query, form, forwarder, service)
    memory = service.pool.memory.makeShare()
    slices = stride(from: 0, to: count, by: Self.sliceUsers).map {
      BatchSlice(of: $0..<min($0 + Self.sliceUsers, count))
    }
  }

  var count: Int { users.count }

  /// Nothing more is looked up.
  var isOver: Bool { canceled.load(ordering: .relaxed) || memory.isGivenUp }

  /// Good as long as the job is kept.
  func user(_ index: Int) -> UnsafeRawBufferPointer { users[index] }

  /// Why there are no answers; nil where there are.
  var refusal: LookupError? {
    guard memory.isGivenUp else { return nil }
    return LookupError(
      .busy, "the batches under way have as many bytes of answers as they may: \(service.pool.memory.limit)",
      retryAfter_s: 1)
  }

  /// Takes room for an answer of another instance, which may be kept long: until the slowest has answered. False where there is none.
  func hold(_ bytes: Int) -> Bool { memory.grow(by: bytes) }

  /// Lends the users.
  func withUsers<Result, Failure: Error>(
    _ body: (borrowing ByteStrings) throws(Failure) -> Result
  ) throws(Failure) -> Result { try body(users) }

  /// Nobody waits for the answers any more.
  func cancel() { canceled.store(true, ordering: .relaxed) }

  /// Looks the users of a slice up, each as `Lookups.sequence` does.
  func run(_ slice: BatchSlice, with lookups: Lookups) {
    for index in slice.users {
      if canceled.load(ordering: .relaxed) { return }
      guard size_bytes.load(ordering: .relaxed) < LookupLimits.batch_bytes else {
        slice.slots.append(.failed(Batch.tooLarge))
        continue
      }
      if (index - slice.users.lowerBound) % Lookups.foreseeable == 0 { foresee(from: index, in: slice, with: lookups) }
      let start = slice.answers.count
      do throws(LookupError) {
        switch try lookups.sequence(of: users[index], query, form, forwardedBy: forwarder, into: &slice.answers) {
        case .answered(let isKnown):
          let size = slice.answers.count - start
          guard memory.grow(by: size) else { return }
          size_bytes.add(size, ordering: .relaxed)
          slice.slots.append(.answered(start..<slice.answers.count, isKnown: isKnown))
        case .elsewhere(let route): slice.slots.append(.elsewhere(route))
        }
      } catch { slice.slots.append(.failed(error)) }
    }
  }

  private func foresee(from first: Int, in slice: BatchSlice, with lookups: Lookups) {
    for index in first..<min(first + Lookups.foreseeable, slice.users.upperBound) where !users[index].isEmpty {
      lookups.foresee(users[index], query, form)
    }
    lookups.foreseen()
  }
}

/// What became of some users of a batch that follow one another.
final class BatchSlice {
  enum Slot {
    case answered(Range<Int>, isKnown: Bool)
    case elsewhere(ForwardRoute)
    case failed(LookupError)
  }

  let users: Range<Int>
  fileprivate(set) var slots: ContiguousArray<Slot> = []
  /// One behind the other.
  fileprivate(set) var answers = ByteBuffer(capacity: 1 << 16)

  init(of users: Range<Int>) { self.users = users }
}
