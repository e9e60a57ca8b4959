import Bytes
import InterestCodec
import InterestModel
import InterestStore
import Lookup
import TestKit
import Testing

@testable import Serving

/// A state directory that goes with its test, and lookups in it with and without ready answers.
final class ServingFixture {
  let directory = TemporaryDirectory()
  let store: InterestStore
  let service: LookupService
  let cached: Lookups
  let fresh: Lookups
  private var flusher: Flusher

  /// - Parameter partitions: Users are spread over them by murmur2; nil: every user may be on each of three.
  init(
    partitions: Int? = 4, cache_bytes: Int = 1 << 20, clusterMap: ClusterMap? = nil, work: WorkLimits = WorkLimits()
  ) throws {
    var limits = StoreLimits()
    limits.buffer = FoldBufferLimits(events: 2048, bytes: 1 << 20, run: 16)
    limits.buffers = 3
    limits.blockCache_bytes = 4 << 20
    let source = StateSource.kafka(
      clusterID: "k1", topic: "behaviors", partitions: partitions ?? 3,
      partitioner: partitions == nil ? .none : .murmur2)
    let identity = StateIdentity(
      configuration: TestConfiguration.make(keptBehaviors: 4), clusterMap: clusterMap?.hash ?? "c1d2", source: source)
    store = try InterestStore.open(
      writing: directory.file("state"), identity: identity, limits: limits, holder: "the test")
    flusher = Flusher(store.generation)
    service = LookupService(version: "1.2.3", cache_bytes: cache_bytes, limits: work)
    let backend = LookupService.Backend(store: store, clusterMap: clusterMap)
    service.publish(backend)
    cached = Lookups(service)
    let other = LookupService()
    other.publish(backend)
    fresh = Lookups(other)
  }

  /// Of a user whom nobody knows.
  func proof() throws -> AnswerProof {
    let scratch = ReadScratch(rules: store.generation.rules)
    scratch.wantsProof = true
    try withBytes("u") { user in try store.generation.withState(of: user, in: 0..<1, scratch) { _ in } }
    return try #require(scratch.proof)
  }

  var figures: AnswerCache.Figures { service.cache?.figures ?? AnswerCache.Figures() }

  func buffer() throws -> FoldBuffer {
    struct NoBuffer: Error {}
    guard let buffer = store.generation.nextBuffer(isCancelled: { true }) else { throw NoBuffer() }
    return buffer
  }

  func flush(_ buffer: FoldBuffer) throws { try flusher.flush(buffer) }

  /// On the user's partition, or where the user may be on each, on one of them.
  func append(_ behavior: Behavior, of user: String, to buffer: FoldBuffer, partition: Int = 0) {
    withBytes(user) { user in
      let partitions = store.identity.source.partitions(of: user)
      buffer.append(
        behavior, partition: partitions[partitions.startIndex + UInt16(partition % partitions.count)], user: user)
    }
  }

  func erase(_ user: String, in buffer: FoldBuffer) {
    withBytes(user) { user in
      for partition in store.identity.source.partitions(of: user) { buffer.erase(partition: partition, user: user) }
    }
  }
}

/// An answer as a value.
struct Answer: Equatable {
  var isKnown: Bool
  var bytes: [UInt8]

  var text: String { String(decoding: bytes, as: UTF8.self) }
}

struct IsElsewhere: Error {}

extension Lookups {
  func answer(_ user: String, _ query: SequenceQuery = SequenceQuery(), _ form: AnswerForm = .json) throws -> Answer {
    var output = ByteBuffer()
    output.append("before")
    let outcome = try withBytes(user) { try sequence(of: $0, query, form, into: &output) }
    guard case .answered(let isKnown) = outcome else { throw IsElsewhere() }
    return Answer(isKnown: isKnown, bytes: Array(output.bytes.dropFirst(6)))
  }
}

/// A block of memory of exactly the text's size.
func withBytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
  let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
  defer { bytes.deallocate() }
  bytes.copyBytes(from: text.utf8)
  return try body(UnsafeRawBufferPointer(bytes))
}

extension Behavior {
  static func at(_ time_ms: Int64, type: UInt8 = 1, group: UInt32 = 1, shop: UInt64 = 9) -> Behavior {
    var behavior = Behavior()
    behavior.time_ms = time_ms
    behavior.shop = shop
    behavior.type = type
    behavior.group = group
    return behavior
  }
}
