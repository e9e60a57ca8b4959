import Bytes
import Foundation
import Ingest
import Inputs
import InterestCodec
import InterestStore
import Lookup
import Synchronization
import TestKit

/// A state directory that is opened and closed as often as a test wants, and files beside it.
final class StateFixture: Sendable {
  let world: World
  let folder = TemporaryDirectory()
  let source: StateSource

  init(source: StateSource = .files) throws {
    world = try World()
    self.source = source
  }

  var path: String { folder.file("state") }

  var identity: StateIdentity {
    StateIdentity(configuration: world.configuration, clusterMap: world.clusterMap.hash, source: source)
  }

  /// - Parameter buffer: Behaviors of a fold buffer; small ones are flushed often.
  func open(buffer: Int = 200_000) throws -> Pipeline {
    var limits = StoreLimits()
    limits.buffer.events = buffer
    limits.blockCache_bytes = 4 << 20
    let store = try InterestStore.open(writing: path, identity: identity, limits: limits, holder: "a test")
    return Pipeline(store: store, clusterMap: world.clusterMap)
  }

  @discardableResult
  func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: folder.file(name)))
    return folder.file(name)
  }

  @discardableResult
  func write(_ name: String, _ events: some Sequence<Event>) throws -> String {
    let isProtobuf = name.contains(".binpb")
    let bytes = events.flatMap { isProtobuf ? $0.delimited : $0.json }
    return try write(name, name.hasSuffix(".gz") ? gzip(bytes) : bytes)
  }

  func append(_ name: String, _ bytes: some Sequence<UInt8>) throws {
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: folder.file(name)))
    try file.seekToEnd()
    try file.write(contentsOf: Data(bytes))
    try file.close()
  }

  /// Ingests files of the folder, by their names, as one run of `interestd ingest`.
  @discardableResult
  func ingest(
    _ names: String..., buffer: Int = 200_000, options: FileIngest.Options = .init(),
    isCancelled: @escaping @Sendable () -> Bool = { false }, progress: FileIngest.Progress = { _, _, _, _ in }
  ) throws -> FileIngestReport {
    let pipeline = try open(buffer: buffer)
    let inputs = try names.map { try Input(folder.file($0)) }
    return try FileIngest(pipeline, options: options, isCancelled: isCancelled).run(inputs, progress: progress)
  }

  /// Every user's whole sequence, as `interestd dump` prints it.
  func dump() throws -> [String] {
    let store = try InterestStore.open(reading: path)
    var lookup = UserLookup(store)
    var lines: [String] = []
    var output = ByteBuffer()
    try store.generation.forEachUser { user, state in
      output.clear()
      try lookup.writeJSON(user: user, state: state, .everything, into: &output)
      lines.append(String(decoding: output.bytes, as: UTF8.self))
    }
    return lines
  }

  var deadLetters: [DeadLetter] {
    get throws {
      let text = try String(contentsOfFile: path + "/dead-letters.jsonl", encoding: .utf8)
      return try text.split(separator: "\n").map { try JSONDecoder().decode(DeadLetter.self, from: Data($0.utf8)) }
    }
  }
}

/// A line of `dead-letters.jsonl`.
struct DeadLetter: Decodable, Equatable {
  var file: String?
  var position: UInt64?
  var record: UInt64?
  var topic: String?
  var partition: Int32?
  var offset: Int64?
  var timestamp_ms: Int64?
  var key_base64: String?
  var reason: String
  var detail: String
  var value_bytes: UInt64?
  var value_base64: String?

  /// The original bytes.
  var value: [UInt8]? { value_base64.flatMap { Data(base64Encoded: $0) }.map(Array.init) }
  var key: [UInt8]? { key_base64.flatMap { Data(base64Encoded: $0) }.map(Array.init) }
}

/// A flag between threads.
final class Flag: Sendable {
  private let value = Atomic<Bool>(false)
  var isSet: Bool { value.load(ordering: .acquiring) }
  func set() { value.store(true, ordering: .releasing) }
}
