import Bytes
import Foundation
import InterestCodec
import InterestModel
import InterestStore
import Lookup
import RocksDB
import TestKit

/// A state directory that goes with its test, and ways to fill and read it.
final class StoreFixture {
  let directory = TemporaryDirectory()
  var identity: StateIdentity
  var limits = StoreLimits()

  init(_ configuration: StateConfiguration = TestConfiguration.make(keptBehaviors: 4), source: StateSource = .files) {
    identity = StateIdentity(configuration: configuration, clusterMap: "c1d2", source: source)
    limits.buffer = FoldBufferLimits(events: 4096, bytes: 1 << 20, run: 64)
    limits.blockCache_bytes = 4 << 20
  }

  var path: String { directory.file("state") }
  var reference: ReferenceFold { ReferenceFold(identity.configuration) }

  func open(holder: String = "the test") throws -> InterestStore {
    try InterestStore.open(writing: path, identity: identity, limits: limits, holder: holder)
  }

  /// Appends to new buffers and flushes each.
  func fill(_ store: InterestStore, _ events: [Event], positions: DurablePositions = DurablePositions()) throws {
    var flusher = Flusher(store.generation, firstFile: files)
    files += 1000
    var buffer = try store.generation.buffer()
    for event in events {
      if buffer.isFull {
        try flusher.flush(buffer)
        buffer = try store.generation.buffer()
      }
      buffer.append(event)
    }
    buffer.positions = positions
    try flusher.flush(buffer)
  }
  private var files = 0

  /// Puts operands into the closed state, as damage would.
  func plant(_ operands: [(key: [UInt8], bytes: [UInt8])]) throws {
    let options = Options()
    let (database, families) = try Database.open(path: "\(path)/db", options: options)
    let file = directory.file("planted.sst")
    var writer = try SSTWriter(path: file, options: options)
    for (key, bytes) in operands {
      try key.withUnsafeBytes { key in try bytes.withUnsafeBytes { try writer.merge(key, $0) } }
    }
    _ = try writer.finish()
    guard let family = families["generation-1"] else { throw CocoaError(.fileNoSuchFile) }
    try database.ingest([file], into: family)
  }

  /// The JSON that a lookup should give.
  func expected(_ user: String, _ behaviors: [Behavior]) -> String {
    reference.json(user: user, clusterMap: identity.clusterMap, reference.sequence(of: behaviors))
  }

  /// The state that behaviors should be folded to.
  func state(of behaviors: [Behavior]) -> [UInt8] {
    var folder = StateFolder(rules: FoldRules(identity.configuration))
    var run = behaviors
    return run.withUnsafeMutableBufferPointer { run in
      run.baseAddress.map { Array(folder.state(of: $0, run.count)) } ?? []
    }
  }
}

/// A behavior with what goes beside it.
struct Event {
  var user: String
  var partition: UInt16 = 0
  var behavior: Behavior
}

extension Behavior {
  static func at(_ time_ms: Int64, type: UInt8 = 1, group: UInt32 = 1) -> Behavior {
    var behavior = Behavior()
    behavior.time_ms = time_ms
    behavior.shop = 9
    behavior.type = type
    behavior.group = group
    return behavior
  }
}

struct NoBuffer: Error {}

extension Generation {
  /// A buffer that is free at once.
  func buffer() throws -> FoldBuffer {
    guard let buffer = nextBuffer(isCancelled: { true }) else { throw NoBuffer() }
    return buffer
  }

  func state(of user: String, partition: UInt16 = 0) throws -> [UInt8]? {
    try state(of: user, in: partition..<partition + 1)
  }

  func state(of user: String, in partitions: Range<UInt16>) throws -> [UInt8]? {
    try withBytes(user) { user in
      try withState(of: user, in: partitions, ReadScratch(rules: rules)) { $0.map { Array($0) } }
    }
  }

  /// Every user that `forEachUser` gives.
  func users() throws -> [(user: String, state: [UInt8])] {
    var users: [(user: String, state: [UInt8])] = []
    try forEachUser { users.append((String(decoding: $0, as: UTF8.self), Array($1))) }
    return users
  }
}

extension FoldBuffer {
  @discardableResult
  func append(_ event: Event) -> Bool {
    withBytes(event.user) { append(event.behavior, partition: event.partition, user: $0) }
  }
}

extension InterestStore {
  func json(_ user: String, _ query: SequenceQuery = .everything) throws -> String {
    var lookup = UserLookup(self)
    var output = ByteBuffer()
    try withBytes(user) { try lookup.writeJSON(user: $0, query, into: &output) }
    return String(decoding: output.bytes, as: UTF8.self)
  }
}

/// A block of memory of exactly the text's size.
func withBytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
  let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
  defer { bytes.deallocate() }
  bytes.copyBytes(from: text.utf8)
  return try body(UnsafeRawBufferPointer(bytes))
}
