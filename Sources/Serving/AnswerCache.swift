import Bytes
import InterestCodec
import InterestStore
import Lookup
import Threads

/// What an answer depends on beside the user.
struct AnswerKey: BitwiseCopyable, Equatable {
  private let asOf_ms: Int64
  private let generation: UInt32
  private let groups: Int32
  private let behaviors: Int16
  private let fields: UInt16
  private let orderAndForm: UInt16
  private let hash: UInt16

  init(_ query: SequenceQuery, _ form: AnswerForm, generation: UInt32) {
    asOf_ms = query.asOf_ms ?? .min
    self.generation = generation
    groups = query.groups.map { Int32(truncatingIfNeeded: $0) } ?? -1
    behaviors = query.behaviors.map { Int16(truncatingIfNeeded: $0) } ?? -1
    fields = query.fields.rawValue
    orderAndForm = (query.order == .frequency ? 1 : 0) | UInt16(form.rawValue) << 1
    var mixed = UInt64(bitPattern: asOf_ms) ^ UInt64(generation) << 32 ^ UInt64(UInt32(bitPattern: groups))
    mixed =
      (mixed ^ UInt64(UInt16(bitPattern: behaviors)) << 48 ^ UInt64(fields) << 16 ^ UInt64(orderAndForm) << 40)
      &* 0x9E37_79B9_7F4A_7C15  // wraps: that is what mixes
    hash = UInt16(truncatingIfNeeded: mixed >> 48)
  }

  /// The same answers have the same hash.
  @inline(__always)
  func hash(with user: UnsafeRawBufferPointer) -> UInt64 {
    tableHash(user.baseAddress.unsafelyUnwrapped, user.count, seed: UInt64(hash))
  }
}

/// Answers that are ready, of all loops: by user, generation, parameters and form, bounded in bytes. Whether one still holds the caller
/// asks the generation: the cache only keeps its proof.
public final class AnswerCache: Sendable {
  private let shards: [AnswerShard]

  private static var shardCount: Int { 32 }

  /// All memory that it may ever take.
  public let most_bytes: Int

  public init(bytes: Int) {
    most_bytes = bytes
    shards = (0..<Self.shardCount).map { _ in AnswerShard(limit_bytes: bytes / Self.shardCount) }
  }

  /// What it may take from now on, in bytes; the oldest answers go at once where it has more.
  public func limit(to bytes: Int) { for shard in shards { shard.limit(to: bytes / Self.shardCount) } }

  @inline(__always)
  private func shard(_ hash: UInt64) -> AnswerShard {
    shards[Int(truncatingIfNeeded: hash >> 48) & (Self.shardCount - 1)]
  }

  /// Appends a kept answer that `holds`, and tells whether the user is known; nil where there is none.
  @inline(__always)
  func find(
    _ user: UnsafeRawBufferPointer, _ key: AnswerKey, into output: inout ByteBuffer,
    where holds: (AnswerProof) -> Bool
  ) -> Bool? {
    let hash = key.hash(with: user)
    return shard(hash).find(hash, user, key, into: &output, where: holds)
  }

  /// Has the place of an answer brought near, to be looked into by `foresee(_:)`, to which the result is given. Waiting for memory is
  /// most of what finding an answer takes: for several at once it takes less than for one after the other.
  @inline(__always)
  func foresee(_ user: UnsafeRawBufferPointer, _ key: AnswerKey) -> UInt64 {
    let hash = key.hash(with: user)
    shard(hash).foreseeSlot(hash)
    return hash
  }

  /// Has answers brought near that are about to be found.
  func foresee(_ hashes: ContiguousArray<UInt64>) { for hash in hashes { shard(hash).foreseeEntry(hash) } }

  /// Keeps an answer, in place of an older one.
  func keep(
    _ user: UnsafeRawBufferPointer, _ key: AnswerKey, _ proof: AnswerProof, isKnown: Bool,
    _ answer: UnsafeRawBufferPointer
  ) {
    let hash = key.hash(with: user)
    shard(hash).keep(hash, user, key, proof, isKnown: isKnown, answer)
  }

  public struct Figures: Sendable {
    public var hits: UInt64 = 0
    public var misses: UInt64 = 0
    /// Of the misses, answers that were there and did not hold any more.
    public var stale: UInt64 = 0
    public var evictions: UInt64 = 0
    public var answers = 0
    public var bytes = 0
    public var limit_bytes = 0
  }

  public var figures: Figures {
    var sum = Figures()
    for shard in shards { shard.add(to: &sum) }
    return sum
  }
}
