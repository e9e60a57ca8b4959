import Bytes
import Failpoints
import InterestCodec
import InterestModel
import InterestStore
import Telemetry
import Threads

/// What every lane does with a record, whatever it came from: decode, map the shop to its group, append to the fold buffer, or put
/// it to the dead letters. Owned by one lane.
struct Intake: ~Copyable {
  private let generation: Generation
  private let shops: ShopMap
  private let source: StateSource
  private let queue: FlushQueue
  private let counters: IngestCounters
  private var decoder: EventDecoder
  private let letters: DeadLetters
  private var event = DecodedEvent()
  private var windows: DuplicateWindows
  private let passesFailpoint = Failpoints.isSet(.buffer)
  private(set) var buffer: FoldBuffer
  /// The one to go on with.
  private var next: FoldBuffer?
  // Since the last `publishCounts`.
  private var behaviors: UInt64 = 0
  private var unmapped: UInt64 = 0
  private var duplicates: UInt64 = 0
  private var erasures: UInt64 = 0
  private var misplacedUsers: UInt64 = 0
  private var misplaced = MisplacedUsers()
  /// Such users are in the buffer, and no file says so yet.
  private var hasMisplacedUsers = false

  /// - Parameter letters: Where bad records go; nil: into the state's file.
  init(
    _ pipeline: Pipeline, decoder: consuming EventDecoder, duplicates: DuplicateLimits, queue: FlushQueue,
    letters: DeadLetters? = nil
  ) throws(IngestError) {
    let generation = pipeline.store.generation
    let position: DeadLetterPosition
    do throws(StoreError) { position = try generation.deadLetterPosition() } catch { throw IngestError(error) }
    guard let buffer = generation.nextBuffer(isCancelled: { queue.hasFailed }) else { throw queue.error }
    if let letters {
      self.letters = letters
    } else {
      self.letters = .file(try DeadLetterFile(path: pipeline.store.directory.deadLetters, from: position))
    }
    shops = pipeline.clusterMap.shops
    source = pipeline.store.identity.source
    counters = pipeline.counters
    windows = DuplicateWindows(duplicates)
    self.generation = generation
    self.queue = queue
    self.decoder = decoder
    self.buffer = buffer
  }

  var isFull: Bool {
    @inline(__always) get { buffer.isFull || windows.isFull }
  }

  /// How the records that follow are written.
  mutating func expect(_ format: EventFormat) { decoder.format = format }

  /// Knows the partition's duplicates from here on.
  mutating func open(_ partition: UInt16, at applied: Int64) throws(StoreError) {
    try windows.open(partition, at: applied) { [generation] (body) throws(StoreError) in
      try generation.forEachDuplicateIDs(of: partition, body)
    }
  }

  mutating func close(_ partition: UInt16) { windows.close(partition) }

  /// Folds a record, or says what is wrong with it. The caller sees to it that the buffer is not full.
  ///
  /// - Parameter offset: The record's place in its partition.
  @inline(__always)
  mutating func take(_ record: EventRecord, partition: UInt16, offset: Int64) -> BadRecord? {
    if let bad = decoder.decode(record, into: &event) { return bad }
    if event.isErasure {
      erase(partition)
      return nil
    }
    if event.eventID.count > 0 && isDuplicate(record, partition, offset) { return nil }
    if passesFailpoint { _ = Failpoints.fails(at: .buffer) }
    let group = shops.group(of: event.behavior.shop)
    event.behavior.group = group
    behaviors &+= 1
    if group == 0 { unmapped &+= 1 }
    if buffer.append(event.behavior, partition: partition, user: event.user) { checkPlace(partition) }
    return nil
  }

  @inline(never)
  private mutating func isDuplicate(_ record: EventRecord, _ partition: UInt16, _ offset: Int64) -> Bool {
    let isDuplicate = windows.isDuplicate(
      partition, user: event.user, eventID: event.eventID, offset: offset, timestamp_ms: record.timestamp_ms)
    if isDuplicate { duplicates &+= 1 }
    return isDuplicate
  }

  @inline(never)
  private mutating func erase(_ partition: UInt16) {
    buffer.erase(partition: partition, user: event.user)
    erasures &+= 1
    checkPlace(partition)
  }

  /// Whether the last record that was taken erased its user.
  var tookErasure: Bool {
    @inline(__always) get { event.isErasure }
  }

  /// Tells the dead letters of the erasure that was just taken.
  func addErasureMarker(_ origin: RecordOrigin, timestamp_ms: Int64) throws(IngestError) {
    try letters.addErasure(of: event.user, origin, timestamp_ms: timestamp_ms)
  }

  /// Event time of the last record that was taken.
  var lastEvent_ms: Int64 { event.behavior.time_ms }

  func addDeadLetter(
    _ bad: BadRecord, _ origin: RecordOrigin, key: UnsafeRawBufferPointer? = nil, value: UnsafeRawBufferPointer?,
    value_bytes: UInt64? = nil, timestamp_ms: Int64 = -1
  ) throws(IngestError) {
    counters.addBad(bad.reason)
    _ = Failpoints.fails(at: .deadLetter)
    try letters.add(bad, origin, key: key, value: value, value_bytes: value_bytes, timestamp_ms: timestamp_ms)
  }

  /// Waits for an empty buffer, which `flush` will go on with. False where none came free in time: the flusher is behind, or stuck.
  mutating func reserve(until deadline_ns: UInt64 = .max) throws(IngestError) -> Bool {
    if next != nil { return true }
    next = generation.nextBuffer(isCancelled: { [queue] in
      queue.hasFailed || deadline_ns != .max && MonotonicClock.now_ns >= deadline_ns
    })
    if next == nil && queue.hasFailed { throw queue.error }
    return next != nil
  }

  /// Hands the buffer to the flusher, with the positions that hold for it, and goes on with an empty one: waits for that where the flusher
  /// is behind, also when told to stop: what it flushes must be durable before the end anyway. A file's dead letters are durable before.
  mutating func flush(_ positions: consuming DurablePositions) throws(IngestError) {
    publishCounts()
    let ids = windows.size
    counters.setEventIDs(ids.ids, memory_bytes: ids.bytes)
    _ = try reserve()
    guard let next = next.take() else { throw queue.error }
    try submit(positions)
    buffer = next
  }

  /// As `flush`, for the last time: returns when everything is durable.
  mutating func finish(_ positions: consuming DurablePositions) throws(IngestError) {
    publishCounts()
    try submit(positions)
    do throws(StoreError) { try queue.drain() } catch { throw IngestError(error) }
  }

  private mutating func submit(_ positions: consuming DurablePositions) throws(IngestError) {
    _ = Failpoints.fails(at: .deadLettersSync)
    let receipt = try letters.seal()
    positions.deadLetters = letters.position
    windows.addNew(to: &positions)
    positions.hasMisplacedUsers = hasMisplacedUsers
    hasMisplacedUsers = false
    _ = Failpoints.fails(at: .flush)
    buffer.positions = positions
    queue.submit(buffer, after: receipt)
  }

  /// Throws what keeps dead letters from being written.
  func checkLetters() throws(IngestError) { try letters.check() }

  mutating func publishCounts() {
    if behaviors > 0 { counters.begin() }
    counters.addBehaviors(behaviors, unmapped: unmapped, misplacedUsers: misplacedUsers)
    counters.addOthers(duplicates: duplicates, erasures: erasures)
    (behaviors, unmapped, duplicates, erasures, misplacedUsers) = (0, 0, 0, 0, 0)
  }

  /// A user on another partition than a lookup would ask is not found: told once per user and buffer.
  private mutating func checkPlace(_ partition: UInt16) {
    if !source.partitions(of: event.user).contains(partition) { notePlace(partition) }
  }

  @inline(never)
  private mutating func notePlace(_ partition: UInt16) {
    misplacedUsers &+= 1
    hasMisplacedUsers = true
    // Lookups know at once, and the next file keeps it.
    generation.noteMisplacedUsers()
    guard case .kafka(_, _, let count, let partitioner) = source else { return }
    misplaced.count(
      .init(
        user: String(decoding: event.user.prefix(64), as: UTF8.self), seen: partition,
        expected: source.partitions(of: event.user).lowerBound,
        others: partitioner.others(placing: event.user, on: partition, of: count)))
  }

  mutating func reportMisplaced(to log: Log) {
    guard case .kafka(_, _, _, let partitioner) = source else { return }
    misplaced.report(to: log, partitioner: partitioner.rawValue, now_ns: MonotonicClock.now_ns)
  }
}

/// What a lane stands on.
public struct Pipeline: Sendable {
  public let store: InterestStore
  public let clusterMap: ClusterMap
  public let counters: IngestCounters

  /// The store must have been opened with the cluster map's hash.
  public init(store: InterestStore, clusterMap: ClusterMap, counters: IngestCounters = IngestCounters()) {
    self.store = store
    self.clusterMap = clusterMap
    self.counters = counters
  }
}
