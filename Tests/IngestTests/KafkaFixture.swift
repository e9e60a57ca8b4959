import Foundation
import Ingest
import InterestStore
import Kafka
import Synchronization
import Telemetry
import TestKit
import Testing
import Threads

/// A topic of librdkafka's mock cluster, and a state directory that is filled from it.
final class KafkaFixture: Sendable {
  let cluster: MockCluster
  let state: StateFixture
  let topic = "events"
  let partitions: Int

  init(partitions: Int = 4, partitioner: Partitioner = .murmur2) throws {
    cluster = try MockCluster()
    try cluster.createTopic(topic, partitions: Int32(partitions))
    self.partitions = partitions
    state = try StateFixture(
      source: .kafka(clusterID: "mock", topic: topic, partitions: partitions, partitioner: partitioner))
  }

  var world: World { state.world }

  enum Format: CaseIterable { case json, protobuf }

  /// Publishes behaviors as `interestd produce` does: keyed by user.
  func produce(_ events: some Sequence<Event>, as format: Format = .json, to cluster: MockCluster? = nil) throws {
    try publish(
      events.map { event in
        (nil, Array(event.user.utf8), format == .json ? Array(event.json.dropLast()) : event.protobuf)
      }, to: cluster)
  }

  /// Publishes records as they are; without a partition the key decides.
  func publish(_ records: [(partition: Int32?, key: [UInt8]?, value: [UInt8]?)], to cluster: MockCluster? = nil) throws
  {
    let producer = try Producer(KafkaConfiguration([("bootstrap.servers", (cluster ?? self.cluster).bootstrap)]))
    let topic = try producer.topic(topic)
    for record in records {
      try record.key.withLent { key in
        try record.value.withLent { value in
          try producer.send(topic, partition: record.partition, key: key, value: value, timeout_ms: 10_000)
        }
      }
    }
    try producer.flush(timeout_ms: 10_000)
  }

  func settings(_ cluster: MockCluster? = nil) -> KafkaLaneSettings {
    KafkaLaneSettings(
      topic: topic, partitions: partitions,
      configuration: KafkaConfiguration([
        ("bootstrap.servers", (cluster ?? self.cluster).bootstrap), ("group.id", "interestd"),
        ("session.timeout.ms", "3000"), ("heartbeat.interval.ms", "200"), ("fetch.wait.max.ms", "20"),
        ("reconnect.backoff.max.ms", "200"),
      ]))
  }

  /// The partition on which lookups look for a user.
  func partition(of user: String) -> Int32 {
    Array(user.utf8).withUnsafeBytes { Int32(state.source.partitions(of: $0).lowerBound) }
  }

  /// What a group has committed of all partitions.
  func committed() throws -> [PartitionOffset] {
    let consumer = try Consumer(topic: topic, settings().configuration)
    return try consumer.committed((0..<Int32(partitions)).map { $0 }, timeout_ms: 10_000)
  }

  /// Ingests while `body` runs, then stops, and throws what ended the ingestion, or `body`.
  @discardableResult
  func run(
    buffer: Int = 200_000, on cluster: MockCluster? = nil, _ change: (inout KafkaLaneSettings) -> Void = { _ in },
    while body: (RunningIngest) throws -> Void
  ) throws -> IngestCounters {
    var settings = settings(cluster)
    change(&settings)
    let running = RunningIngest(try state.open(buffer: buffer))
    running.ingest.start(settings, running.pipeline, log: Log(level: .error, descriptor: running.sink))
    var failure: (any Error)?
    do { try body(running) } catch { failure = error }
    running.ingest.requestStop()
    try running.ingest.join()
    if let failure { throw failure }
    return running.pipeline.counters
  }

  /// Ingests until it ends by itself, and returns the error that ended it.
  func runToFailure(
    buffer: Int = 200_000, _ change: (inout KafkaLaneSettings) -> Void = { _ in },
    _ location: SourceLocation = #_sourceLocation
  ) throws -> IngestError? {
    var settings = settings()
    change(&settings)
    let running = RunningIngest(try state.open(buffer: buffer))
    running.ingest.start(settings, running.pipeline, log: Log(level: .error, descriptor: running.sink))
    let hasEnded = Flag()
    let failure = Mutex()
    nonisolated(unsafe) var error: IngestError?  // guarded by `failure`
    let ingest = running.ingest
    let waiting = Threads.Thread(name: "waiting") {
      do throws(IngestError) { try ingest.join() } catch let ended { failure.withLock { error = ended } }
      hasEnded.set()
    }
    let ended = eventually { hasEnded.isSet }
    ingest.requestStop()
    waiting.join()
    #expect(ended, "it goes on: \(running.statuses)", sourceLocation: location)
    return failure.withLock { error }
  }
}

/// An ingestion under way.
final class RunningIngest {
  let ingest = KafkaIngest()
  let pipeline: Pipeline
  fileprivate let sink = open("/dev/null", O_WRONLY | O_CLOEXEC)

  init(_ pipeline: Pipeline) { self.pipeline = pipeline }

  deinit { close(sink) }

  var statuses: [PartitionStatus] { ingest.board.all }

  var applied: Int64 { statuses.reduce(0) { $0 + $1.applied } }

  /// Waits until it is ready and so many records are applied, over all partitions.
  func reach(applied count: Int, _ location: SourceLocation = #_sourceLocation) throws {
    try reach("\(count) records applied", location) { ingest.board.isReady && applied >= Int64(count) }
  }

  func reach(_ what: String, _ location: SourceLocation = #_sourceLocation, _ condition: () -> Bool) throws {
    let isReached = eventually(condition)
    try #require(isReached, "\(what): \(statuses)", sourceLocation: location)
  }
}

extension [UInt8]? {
  fileprivate func withLent<Result>(_ body: (UnsafeRawBufferPointer?) throws -> Result) rethrows -> Result {
    guard let self else { return try body(nil) }
    return try self.withUnsafeBytes { try body($0) }
  }
}
