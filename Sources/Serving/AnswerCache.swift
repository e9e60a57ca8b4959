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

/// Answers that are ready, of all loops: by user, generation, parameters and form, bounded in bytes. Whether one still holds is for the
/// caller to ask the generation: the cache only keeps its proof.
public final class AnswerCache: Sendable {
  private let shards: [AnswerShard]

  private static var shardCount: Int { 32 }

  /// - Parameter bytes: All memory that it may take.
  public init(bytes: Int) {
    shards = (0..<Self.shardCount).map { _ in AnswerShard(limit_bytes: bytes / Self.shardCount) }
  }

  @inline(__always)
  private func shard(_ hash: UInt64) -> AnswerShard {
    shards[Int(truncatingIfNeeded: hash >> 48) & (Self.shardCount - 1)]
  }

  /// Appends a kept answer. Nil where there is none; otherwise the caller checks the proof, and says so by `count`.
  @inline(__always)
  func find(
    _ user: UnsafeRawBufferPointer, _ key: AnswerKey, into output: inout ByteBuffer
  ) -> (proof: AnswerProof, isKnown: Bool)? {
    let hash = key.hash(with: user)
    return shard(hash).find(hash, user, key, into: &output)
  }

  /// Keeps an answer, in place of an older one.
  func keep(
    _ user: UnsafeRawBufferPointer, _ key: AnswerKey, _ proof: AnswerProof, isKnown: Bool,
    _ answer: UnsafeRawBufferPointer
  ) {
    let hash = key.hash(with: user)
    shard(hash).keep(hash, user, key, proof, isKnown: isKnown, answer)
  }

  /// A found answer did not hold.
  func countStale(_ user: UnsafeRawBufferPointer, _ key: AnswerKey) { shard(key.hash(with: user)).countStale() }

  public struct Figures: Sendable {
    public var hits: UInt64 = 0
    public var misses: UInt64 = 0
    /// Of the misses, answers that were there and did not hold any more.
    public var stale: UInt64 = 0
    public var evictions: UInt64 = 0
    public var answers = 0
    public var bytes = 0
  }

  public var figures: Figures {
    var sum = Figures()
    for shard in shards { shard.add(to: &sum) }
    return sum
  }
}
