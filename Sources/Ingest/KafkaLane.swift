import Failpoints
import InterestCodec
import InterestModel
import InterestStore
import Kafka
import Synchronization
import Telemetry
import Threads

/// How a topic is read.
public struct KafkaLaneSettings: Sendable {
  public var topic: String
  public var partitions: Int
  /// Connection, group and all of librdkafka's own properties.
  public var configuration: KafkaConfiguration
  public var format = EventFormat.auto
  /// Whether a record's key has to be its user id.
  public var checksKey = true
  public var maximumSkew_ms: Int64 = 86_400_000
  public var record_bytes = 1 << 20
  /// A buffer is flushed when its first behavior is so old, full or not.
  public var bufferAge_ms = 5000
  public var breakerRecords = 1000
  public var breakerPercent = 50
  public var duplicates = DuplicateLimits()
  /// Whether the process ends with the lane: then the consumer's handle is left to that end, as destroying one can hang in
  /// librdkafka 2.0.2 after a rebalance.
  public var endsProcess = false
  /// Where bad records go; nil: into the state's file.
  public var deadLetters: DeadLetterTopic?
  /// Committed offsets are reported at each flush, and at least so often.
  public var commitInterval_ms = 5000
  /// Nothing is read while the state's volume has less room; 0: never mind.
  public var minimumFree_bytes: UInt64 = 0
  /// An erased user's bytes leave the disk in so long.
  public var erasure_ms = 600_000
  /// Partitions that the group takes back are given up after so long, whether what was read of them is durable by then or not.
  public var revokeLimit_ms = 5000

  public init(topic: String, partitions: Int, configuration: KafkaConfiguration) {
    self.topic = topic
    self.partitions = partitions
    self.configuration = configuration
  }
}

/// A lane: one thread with one consumer, its own group member. It polls a batch, decodes in place, maps, appends, and repeats; a full
/// buffer is handed to a flusher while it fills the next (DESIGN.md section 7).
struct KafkaLane: ~Copyable {
  let settings: KafkaLaneSettings
  let pipeline: Pipeline
  let board: PartitionBoard
  let log: Log
  let queue: FlushQueue
  let isStopping: @Sendable () -> Bool
  let refusal: Refusal
  let probe: LogProbe
  private let losesRecords = Failpoints.isSet(.record)
  var volume: VolumeWatch
  var partitions: LanePartitions
  var hasJoined = false
  /// Stopped since the last turn.
  var newlyStopped: [Int32] = []
  /// Whether the log did not answer in this turn: it is asked no more in it.
  var isProbeSilent = false
  /// When partitions could last not be placed.
  var lastPlaced_ns: UInt64 = 0
  private var lastCommit_ns: UInt64 = 0
  private var firstAppend_ns: UInt64 = 0
  private var lastAsked_ns: UInt64 = 0

  /// Bounds of what waits for a broker. Together with a flush they are within the ten seconds of a shutdown.
  static var poll_ms: Int32 { 50 }
  static var request_ms: Int32 { 2000 }
  /// Partitions that wait for their leaders are asked for so often.
  static var askAgain_ns: UInt64 { 2_000_000_000 }
  static var placeAgain_ns: UInt64 { 1_000_000_000 }
  static var singleRequest_ms: Int32 { 500 }
  static var lastCommit_ms: Int32 { 1500 }
  static var close_ms: Int { 2000 }
  static var probe_ms: Int { 3000 }

  init(
    _ settings: KafkaLaneSettings, _ pipeline: Pipeline, _ board: PartitionBoard, _ log: Log, _ queue: FlushQueue,
    _ refusal: Refusal, isStopping: @escaping @Sendable () -> Bool
  ) {
    self.settings = settings
    self.pipeline = pipeline
    self.board = board
    self.log = log
    self.queue = queue
    self.refusal = refusal
    self.isStopping = isStopping
    probe = LogProbe(
      topic: settings.topic, settings.configuration, isLeftToEnd: settings.endsProcess, isStopping: isStopping)
    volume = VolumeWatch(path: pipeline.store.directory.path, minimum_bytes: settings.minimumFree_bytes)
    let breaker = Breaker(.init(records: settings.breakerRecords, percent: settings.breakerPercent))
    partitions = LanePartitions(topic: settings.topic, count: settings.partitions, breaker: breaker)
  }

  /// Runs until it is told to stop, or cannot go on. Then everything applied is durable and committed, except after an error.
  mutating func run(_ diagnostics: KafkaDiagnostics) throws(IngestError) {
    let consumer: Consumer
    do throws(KafkaError) {
      consumer = try Consumer(topic: settings.topic, settings.configuration, diagnostics: diagnostics)
      try consumer.subscribe()
    } catch { throw IngestError(.kafka, error.description) }
    let decoder = EventDecoder(
      catalog: pipeline.store.identity.configuration.catalog, format: settings.format,
      maximumSkew_ms: settings.maximumSkew_ms, maximumRecordBytes: settings.record_bytes)
    var intake = try Intake(
      pipeline, decoder: decoder, duplicates: settings.duplicates, queue: queue,
      letters: try outlet.map { .topic($0) })
    var failure: IngestError?
    do throws(IngestError) {
      while !isStopping() { try turn(consumer, &intake) }
      try intake.finish(partitions.positions())
      try takeDurable()
      commitLast(consumer, partitions.owned)
    } catch {
      if error.code == .interrupted {
        log.warn("the last buffer is not kept, and will be read again", ["error": error.message])
      } else {
        failure = error
      }
    }
    // While the group is left others are given the partitions, and answer with more.
    board.publish([], hasJoined: false)
    if !consumer.close(timeout_ms: Self.close_ms) {
      log.warn("the group was not left in time: it will notice by itself", ["topic": settings.topic])
      consumer.abandon()
    }
    if settings.endsProcess { consumer.abandon() }
    if let failure { throw failure }
  }

  private var outlet: DeadLetterOutlet? {
    get throws(IngestError) {
      guard var topic = settings.deadLetters else { return nil }
      topic.endsProcess = settings.endsProcess
      return try DeadLetterOutlet(topic, log, counters: pipeline.counters, isStopping: isStopping)
    }
  }

  /// One batch.
  private mutating func turn(_ consumer: Consumer, _ intake: inout Intake) throws(IngestError) {
    var events: [ConsumerEvent] = []
    isProbeSilent = false
    try poll(consumer, &intake, &events)
    for event in events { try handle(event, consumer, &intake) }
    try pauseStopped(consumer)
    try watchVolume(consumer, &intake)
    try takePlaces(consumer)
    if let reason = refusal.take() { try refuseAll(reason, consumer) }
    partitions.refresh(now_ms: WallClock.now_ms) { consumer.lastKnownEnd(Int32($0)) }
    intake.publishCounts()
    intake.reportMisplaced(to: log)
    try intake.checkLetters()
    let now_ns = MonotonicClock.now_ns
    if !partitions.isDirty { firstAppend_ns = now_ns }
    if partitions.isDirty && now_ns - firstAppend_ns >= UInt64(settings.bufferAge_ms) * 1_000_000 { try flush(&intake) }
    if now_ns - lastAsked_ns >= Self.askAgain_ns {
      lastAsked_ns = now_ns
      try takeWaiting(consumer, &intake)
    }
    let flushed = try takeDurable()
    if flushed || now_ns - lastCommit_ns >= UInt64(settings.commitInterval_ms) * 1_000_000 { commit(consumer) }
    board.publish(partitions.statuses, hasJoined: hasJoined)
  }

  private mutating func poll(
    _ consumer: Consumer, _ intake: inout Intake, _ events: inout [ConsumerEvent]
  ) throws(IngestError) {
    var failure: IngestError?
    consumer.poll(timeout_ms: Self.poll_ms) { message in
      guard failure == nil, partitions.wants(message.partition, message.offset) else { return }
      if losesRecords && Failpoints.fails(at: .record) { return }
      if partitions.isSuspect(message.partition, message.offset)
        && isGapLost(message.partition, before: message.offset)
      {
        return
      }
      do throws(IngestError) { try take(message, &intake) } catch { failure = error }
    } event: {
      events.append($0)
    }
    if let failure { throw failure }
  }

  @inline(__always)
  private mutating func take(_ message: borrowing Message, _ intake: inout Intake) throws(IngestError) {
    let record = EventRecord(
      value: message.value, key: message.key, checksKey: settings.checksKey, timestamp_ms: message.timestamp_ms)
    let bad = intake.take(record, partition: UInt16(truncatingIfNeeded: message.partition), offset: message.offset)
    if let bad { try addDeadLetter(bad, message, &intake) } else if intake.tookErasure { try mark(message, intake) }
    let trip = partitions.apply(
      message.partition, message.offset, timestamp_ms: message.timestamp_ms,
      event_ms: bad == nil ? intake.lastEvent_ms : nil)
    if trip != nil { stop(message.partition, bad) }
    if intake.isFull { try flush(&intake) }
  }

  @inline(never)
  private func addDeadLetter(
    _ bad: BadRecord, _ message: borrowing Message, _ intake: inout Intake
  ) throws(IngestError) {
    try intake.addDeadLetter(
      bad, .kafka(topic: settings.topic, partition: message.partition, offset: message.offset), key: message.key,
      value: message.value, timestamp_ms: message.timestamp_ms)
  }

  /// An erasure, so that letters from before it are never sent back.
  @inline(never)
  private func mark(_ message: borrowing Message, _ intake: borrowing Intake) throws(IngestError) {
    try intake.addErasureMarker(
      .kafka(topic: settings.topic, partition: message.partition, offset: message.offset),
      timestamp_ms: message.timestamp_ms)
  }

  @inline(never)
  private mutating func stop(_ partition: Int32, _ last: BadRecord?) {
    partitions.stop(UInt16(partition), by: last?.description)
    newlyStopped.append(partition)
    log.error("a partition is stopped", ["partition": partition, "what": partitions.message(of: UInt16(partition))])
  }

  mutating func flush(_ intake: inout Intake) throws(IngestError) {
    try intake.flush(partitions.positions())
    firstAppend_ns = MonotonicClock.now_ns
  }

  /// Takes over what the flusher has made durable. Returns whether there was any.
  @discardableResult
  mutating func takeDurable() throws(IngestError) -> Bool {
    do throws(StoreError) {
      let durable = try queue.takeDurable()
      for positions in durable { partitions.makeDurable(positions) }
      return !durable.isEmpty
    } catch { throw IngestError(error) }
  }

  /// A report for lag tools, never the truth: a failed one is repeated by the next.
  private mutating func commit(_ consumer: Consumer) {
    lastCommit_ns = MonotonicClock.now_ns
    let offsets = partitions.commits(of: partitions.owned)
    if offsets.isEmpty { return }
    _ = Failpoints.fails(at: .commit)
    do throws(KafkaError) {
      try consumer.commit(offsets)
    } catch { log.warn("offsets are not committed", ["error": error.description]) }
  }

  func commitLast(_ consumer: Consumer, _ owned: [UInt16]) {
    let offsets = partitions.commits(of: owned)
    if offsets.isEmpty { return }
    do throws(KafkaError) {
      try consumer.commit(offsets, timeout_ms: Self.lastCommit_ms)
    } catch {
      log.warn("the last offsets are not committed; the state has them", ["error": error.description])
    }
  }
}
