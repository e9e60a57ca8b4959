import Ingest
import InterestStore
import Telemetry

/// What an ingestion cost.
public struct IngestFigures: Sendable {
  /// From the first record to the last file in the database.
  public var elapsed_s = 0.0
  /// Of the whole process, until then.
  public var ingestCPU_s = 0.0
  /// And with everything folded down to the last level.
  public var allCPU_s = 0.0
  public var allocations: UInt64?
  /// At most, while ingesting.
  public var resident_bytes: UInt64 = 0
  /// Files that flushes wrote, and all that was written for them in the end; 0 where files lie in memory.
  public var flushed_bytes: UInt64 = 0
  public var written_bytes: UInt64 = 0
  /// All of the state's files after compaction.
  public var stored_bytes: UInt64 = 0
  public var behaviors: UInt64 = 0
  public var bad: UInt64 = 0
  public var duplicates: UInt64 = 0
  public var lookups: LookupLoad.Result?

  public var records: UInt64 { behaviors + bad + duplicates }
  public var writeAmplification: Double { Double(written_bytes) / Double(max(flushed_bytes, 1)) }
}

/// Takes the figures of one ingestion: made before it, told when it is over.
struct IngestMeasurement: ~Copyable {
  private let pipeline: Pipeline
  private let start: ProcessUsage

  init(_ pipeline: Pipeline) {
    self.pipeline = pipeline
    ProcessUsage.forgetPeak()
    start = ProcessUsage()
  }

  /// After the last flush: compacts, and adds everything up.
  consuming func finish(_ lookups: LookupLoad.Result?) throws(StoreError) -> IngestFigures {
    let counters = pipeline.counters
    let end = ProcessUsage()
    var figures = IngestFigures()
    figures.resident_bytes = ProcessUsage.peakResident_bytes
    figures.elapsed_s = Double(counters.lastFlush_ns - max(counters.firstRecord_ns, start.wall_ns)) / 1e9
    figures.ingestCPU_s = Double(end.cpu_ns - start.cpu_ns) / 1e9
    if let before = start.allocations, let after = end.allocations { figures.allocations = after - before }
    try pipeline.store.generation.compact()
    let compacted = ProcessUsage()
    figures.allCPU_s = Double(compacted.cpu_ns - start.cpu_ns) / 1e9
    figures.flushed_bytes = counters.flushed_bytes
    figures.written_bytes = compacted.written_bytes - start.written_bytes
    figures.stored_bytes = pipeline.store.generation.stored_bytes
    (figures.behaviors, figures.bad, figures.duplicates) = (counters.behaviors, counters.bad, counters.duplicates)
    figures.lookups = lookups
    return figures
  }
}
