import InterestCodec
import InterestStore
import Threads

/// Records of a topic that lie in memory, through the steps of a lane: what a benchmark measures without a broker.
public struct MemoryIngest: ~Copyable {
  private let settings: KafkaLaneSettings
  private let pipeline: Pipeline
  private let queue = FlushQueue()
  private let flusher: FlusherThread
  private var intake: Intake
  private var partitions: LanePartitions
  private var next: ContiguousArray<Int64>
  private var sinceTurn = 0
  /// The records' timestamps.
  private let now_ms = WallClock.now_ms

  /// As many records as a consumer gives at once.
  private static var batch: Int { 10_000 }

  /// `settings`: what they say of connections and waiting does not matter.
  public init(_ settings: KafkaLaneSettings, _ pipeline: Pipeline) throws(IngestError) {
    let decoder = EventDecoder(
      catalog: pipeline.store.identity.configuration.catalog, format: settings.format,
      maximumSkew_ms: settings.maximumSkew_ms, maximumRecordBytes: settings.record_bytes)
    var intake = try Intake(pipeline, decoder: decoder, duplicates: settings.duplicates, queue: queue)
    let breaker = Breaker(.init(records: settings.breakerRecords, percent: settings.breakerPercent))
    var partitions = LanePartitions(topic: settings.topic, count: settings.partitions, breaker: breaker)
    for partition in 0..<UInt16(settings.partitions) {
      do { try intake.open(partition, at: 0) } catch { throw IngestError(error) }
      _ = partitions.assign(partition, stored: nil, log: (low: 0, high: .max))
    }
    partitions.setFetched((0..<Int32(settings.partitions)).map { $0 })
    self.settings = settings
    self.pipeline = pipeline
    self.intake = intake
    self.partitions = partitions
    next = .init(repeating: 0, count: settings.partitions)
    flusher = FlusherThread(pipeline.store.generation, queue, counters: pipeline.counters)
    pipeline.counters.begin()
  }

  /// The next record of its partition. A bad one is counted, and nothing else.
  @inline(__always)
  public mutating func take(
    partition: UInt16, key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer
  ) throws(IngestError) {
    let offset = next[Int(partition)]
    next[Int(partition)] = offset &+ 1
    guard partitions.wants(Int32(partition), offset), !partitions.isSuspect(Int32(partition), offset) else { return }
    let record = EventRecord(value: value, key: key, checksKey: settings.checksKey, timestamp_ms: now_ms)
    let bad = intake.take(record, partition: partition, offset: offset)
    if let bad { pipeline.counters.addBad(bad.reason) }
    _ = partitions.apply(
      Int32(partition), offset, timestamp_ms: now_ms, event_ms: bad == nil ? intake.lastEvent_ms : nil)
    if intake.isFull { try intake.flush(partitions.positions()) }
    sinceTurn &+= 1
    if sinceTurn == Self.batch { try turn() }
  }

  private mutating func turn() throws(IngestError) {
    sinceTurn = 0
    partitions.refresh(now_ms: WallClock.now_ms) { _ in nil }
    intake.publishCounts()
    do throws(StoreError) { _ = try queue.takeDurable() } catch { throw IngestError(error) }
  }

  /// Returns when everything is in the database.
  public consuming func finish() throws(IngestError) {
    var failure: IngestError?
    do throws(IngestError) { try intake.finish(partitions.positions()) } catch { failure = error }
    queue.close()
    flusher.join()
    if let failure { throw failure }
  }
}
