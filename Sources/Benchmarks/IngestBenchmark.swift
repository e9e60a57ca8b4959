import Ingest
import InterestStore
import Telemetry
import Threads

/// Ingestions that are measured, each into an empty state.
public enum IngestBenchmark {
  /// Lookups beside the ingestion.
  public struct Lookups: Sendable {
    public var rate = 0
    /// See `LookupLoad`.
    public var synthetic: Int?

    public init(rate: Int, synthetic: Int?) {
      self.rate = rate
      self.synthetic = synthetic
    }

    func start(_ pipeline: Pipeline) -> LookupLoad? {
      rate > 0 ? LookupLoad(pipeline.store, rate: rate, synthetic: synthetic) : nil
    }
  }

  /// Plays a recording back.
  public static func run(
    _ recording: Recording, _ settings: KafkaLaneSettings, _ pipeline: Pipeline, _ lookups: Lookups
  ) throws -> IngestFigures {
    let measurement = IngestMeasurement(pipeline)
    let load = lookups.start(pipeline)
    var ingest = try MemoryIngest(settings, pipeline)
    defer { _ = load?.stop() }
    try recording.forEach { (partition, key, value) throws(IngestError) in
      try ingest.take(partition: partition, key: key, value: value)
    }
    try ingest.finish()
    return try measurement.finish(load?.stop())
  }

  /// Reads a topic from its beginning until `events` records are taken, or it has no more.
  ///
  /// - Parameter isCancelled: Asked a thousand times a second.
  public static func run(
    _ events: UInt64, _ settings: KafkaLaneSettings, _ pipeline: Pipeline, _ lookups: Lookups, log: Telemetry.Log,
    isCancelled: () -> Bool
  ) throws -> IngestFigures {
    let measurement = IngestMeasurement(pipeline)
    let load = lookups.start(pipeline)
    let ingest = KafkaIngest()
    ingest.start(settings, pipeline, log: log)
    let pause = Mutex()
    let counters = pipeline.counters
    while counters.behaviors + counters.bad + counters.duplicates < events && !isCancelled() && !ingest.hasEnded {
      if isAtEnd(ingest, partitions: settings.partitions) { break }
      pause.withLock { _ = pause.wait(until: MonotonicClock.now_ns + 1_000_000) }
    }
    ingest.requestStop()
    defer { _ = load?.stop() }
    try ingest.join()
    return try measurement.finish(load?.stop())
  }

  /// Whether everything that the topic has is applied.
  private static func isAtEnd(_ ingest: KafkaIngest, partitions: Int) -> Bool {
    let all = ingest.board.all
    return all.count == partitions && all.allSatisfy { $0.state == .live && $0.lag == 0 }
  }
}
