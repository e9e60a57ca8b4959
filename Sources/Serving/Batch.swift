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
    case here(BatchSlice, Range<Int>, isKnown: Bool)
    case there(HTTPReply, Range<Int>, isKnown: Bool)
    case failed(LookupError)
  }

  var slots: ContiguousArray<Slot> = []
  /// Bytes of all answers, those of others too.
  public private(set) var size = 0
  /// Users of other instances, by those.
  private(set) var routes: [(route: ForwardRoute, users: [Int])] = []

  private let job: BatchJob

  /// - Parameter job: Whose slices have all been run.
  init(_ job: BatchJob) {
    self.job = job
    slots.reserveCapacity(job.count)
    for slice in job.slices { for slot in slice.slots { take(slot, of: slice) } }
  }

  private func take(_ slot: BatchSlice.Slot, of slice: BatchSlice) {
    let index = slots.count
    switch slot {
    case .answered(let range, let isKnown):
      slots.append(.failed(Self.tooLarge))
      put(.here(slice, range, isKnown: isKnown), range.count, at: index)
    case .failed(let error): slots.append(.failed(error))
    case .elsewhere(let route):
      slots.append(.failed(LookupError(.deadline, "the owner has not answered in time", retryAfter_s: 1)))
      if let known = routes.firstIndex(where: { $0.route.address == route.address }) {
        routes[known].users.append(index)
      } else {
        routes.append((route, [index]))
      }
    }
  }

  public var count: Int { slots.count }

  /// The id that was asked for; good as long as the batch is kept.
  public func user(_ index: Int) -> UnsafeRawBufferPointer { job.user(index) }

  public subscript(index: Int) -> BatchAnswer {
    switch slots[index] {
    case .here(let slice, let range, let isKnown):
      .answered(isKnown: isKnown, UnsafeRawBufferPointer(rebasing: slice.answers.bytes[range]))
    case .there(let reply, let range, let isKnown):
      .answered(isKnown: isKnown, UnsafeRawBufferPointer(rebasing: reply.bodyBytes[range]))
    case .failed(let error): .failed(error)
    }
  }

  /// Answers that do not fit into the batch fail.
  func put(_ slot: Slot, _ bytes: Int, at index: Int) {
    fail(index, Self.tooLarge)
    guard size + bytes <= LookupLimits.batch_bytes else { return }
    size += bytes
    slots[index] = slot
  }

  func fail(_ indices: [Int], _ error: LookupError) { for index in indices { fail(index, error) } }

  /// An answer that was there counts no more.
  func fail(_ index: Int, _ error: LookupError) {
    switch slots[index] {
    case .here(_, let range, _), .there(_, let range, _): size -= range.count
    case .failed: break
    }
    slots[index] = .failed(error)
  }

  public static var tooLarge: LookupError {
    LookupError(
      .tooLarge,
      "the answers of this batch are longer than \(LookupLimits.batch_bytes >> 20) MiB together: ask for fewer users, or for "
        + "less of each by groups, behaviors and fields; Protobuf takes a fraction of what JSON does")
  }
}
