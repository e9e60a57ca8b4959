import Bytes
import Inputs
import InterestCodec
import InterestModel
import InterestStore
import Threads

/// What an ingestion of files did.
public struct FileIngestReport: Sendable {
  /// Records read that count, and that do not.
  public var behaviors: UInt64 = 0
  public var badRecords: UInt64 = 0
  /// Behaviors that were counted already, by their event ids.
  public var duplicates: UInt64 = 0
  /// Users erased, each time.
  public var erasures: UInt64 = 0
  /// Behaviors of shops that the cluster map does not name.
  public var unmapped: UInt64 = 0
  /// Bytes (decompressed) that an earlier run had ingested.
  public var skipped_bytes: UInt64 = 0
  /// Inputs whose last line is not complete: left for a run that finds the rest of it.
  public var incomplete: [String] = []
  /// What ended an input before its end, after everything before that was ingested.
  public var failures: [String] = []
  /// Whether it was asked to stop before the end.
  public var isStopped = false
}

/// The embedded default: behaviors from files, through the same intake as Kafka's.
public struct FileIngest: ~Copyable {
  public struct Options: Sendable {
    public var record_bytes = 1 << 20
    public var breakerRecords = 1000
    public var breakerPercent = 50
    /// Positions stand in for offsets, and files have no record timestamps.
    public var duplicates = DuplicateLimits()
    /// Reading ends while the state's volume has less room; 0: never mind.
    public var minimumFree_bytes: UInt64 = 0

    public init() {}
  }

  /// Told every few thousand records: the input's name, bytes used of its size, records of it.
  public typealias Progress = (_ input: String, _ used_bytes: UInt64, _ size_bytes: UInt64?, _ records: UInt64) -> Void

  private let pipeline: Pipeline
  private let options: Options
  private let isCancelled: @Sendable () -> Bool
  private let queue = FlushQueue()
  private var report = FileIngestReport()
  /// Records of all inputs so far, those of earlier runs included: what offsets are to a topic.
  private var records: Int64 = 0
  /// Ends of inputs that are read but not in a buffer's positions yet.
  private var finished: [InputPosition] = []
  /// How far each input was read in this run, durable yet or not.
  private var reached: [String: InputPosition] = [:]

  /// All users of files are on one partition.
  static var partition: UInt16 { 0 }
  private static var progressStep: UInt64 { 8192 }

  public init(
    _ pipeline: Pipeline, options: Options = Options(), isCancelled: @escaping @Sendable () -> Bool = { false }
  ) {
    self.pipeline = pipeline
    self.options = options
    self.isCancelled = isCancelled
  }

  /// Reads all inputs to their ends. When it returns, everything that it reports is durable; when it throws, everything up to the
  /// last flush is, and another run goes on there.
  public consuming func run(_ inputs: [Input], progress: Progress = { _, _, _, _ in }) throws(IngestError)
    -> FileIngestReport
  {
    let flusher = FlusherThread(
      pipeline.store.generation, queue, counters: pipeline.counters, isStopping: isCancelled)
    var failure: IngestError?
    do throws(IngestError) { try readAll(inputs, progress) } catch { failure = error }
    queue.close()
    flusher.join()
    if let failure { throw failure }
    report.behaviors = pipeline.counters.behaviors
    report.badRecords = pipeline.counters.bad
    report.duplicates = pipeline.counters.duplicates
    report.erasures = pipeline.counters.erasures
    report.unmapped = pipeline.counters.unmapped
    return report
  }

  private mutating func readAll(_ inputs: [Input], _ progress: Progress) throws(IngestError) {
    let decoder = EventDecoder(
      catalog: pipeline.store.identity.configuration.catalog, format: .auto, maximumRecordBytes: options.record_bytes)
    var intake = try Intake(
      pipeline, decoder: decoder, duplicates: options.duplicates, queue: queue)
    do throws(StoreError) {
      records = try pipeline.store.generation.offsets(of: Self.partition)?.applied ?? 0
      try intake.open(Self.partition, at: records)
    } catch { throw IngestError(error) }
    var failure: IngestError?
    for input in inputs where !isCancelled() {
      do throws(IngestError) { try read(input, &intake, progress) } catch {
        if error.code != .input { failure = error } else { report.failures.append(error.message) }
      }
      if failure != nil { break }
    }
    // What is in the buffer is given up, and the next run reads it again: after a breaker's trip with what was wrong put right.
    if let failure { throw failure }
    report.isStopped = isCancelled()
    try intake.finish(positions())
    // Asked to stop, it does not begin that: the state notes whose bytes are left, and the next run takes them away.
    if report.isStopped { return }
    do throws(StoreError) { try pipeline.store.generation.compactErasures() } catch { throw IngestError(error) }
  }

  /// Takes an input's records. Whatever ends it, what was taken is in the buffer, and its position in `finished`.
  private mutating func read(_ input: Input, _ intake: inout Intake, _ progress: Progress) throws(IngestError) {
    var reader = try open(input)
    intake.expect(input.format.framing == .lines ? .json : .protobuf)
    var breaker = Breaker(.init(records: options.breakerRecords, percent: options.breakerPercent))
    var volume = VolumeWatch(path: pipeline.store.directory.path, minimum_bytes: options.minimumFree_bytes)
    var failure: IngestError?
    var read: UInt64 = 0
    do throws(InputError) {
      while let frame = try reader.next() {
        read &+= 1
        let bad = Self.take(frame, &intake, at: records, limit: options.record_bytes)
        if let bad {
          if !frame.isTerminated && (input.identity != nil || isCancelled()) {
            reader.leaveUnterminated()
            report.incomplete.append("\(input.name) at byte \(frame.offset): \(bad)")
            break
          }
          if let stop = addDeadLetter(bad, frame, of: input, &intake) {
            failure = stop
            break
          }
        }
        records &+= 1
        breaker.count(isBad: bad != nil)
        if let (window, count) = breaker.tripped {
          failure = Self.tripped(input, frame, window, count, bad)
          break
        }
        if intake.isFull {
          failure = flush(&intake, input, &reader)
          if failure != nil { break }
        }
        if read % Self.progressStep == 0, case .low(let what) = volume.look() {
          failure = IngestError(
            .input, "\(input.name) was read up to record \(frame.number): \(what), and run again to go on")
          break
        }
        if read % Self.progressStep == 0 {
          let (used_bytes, size_bytes) = reader.progress
          progress(input.name, used_bytes, size_bytes, read)
        }
        if isCancelled() { break }
      }
    } catch {
      failure = IngestError(.input, error.description)
    }
    remember(input, &reader)
    if let failure { throw failure }
  }

  private mutating func open(_ input: Input) throws(IngestError) -> RecordReader {
    var limits = RecordLimits()
    limits.record_bytes = options.record_bytes
    do {
      var checkpoint: Checkpoint?
      if let identity = input.identity {
        // The same input named twice goes on where its first reading ended.
        let durable = try pipeline.store.generation.position(ofInput: identity)
        let known = reached[identity] ?? durable
        checkpoint = known.map {
          Checkpoint(position: $0.consumed, number: $0.records, high: $0.hash.high, low: $0.hash.low)
        }
      }
      report.skipped_bytes += checkpoint?.position ?? 0
      return try RecordReader(input, limits: limits, resumingAt: checkpoint, isInterrupted: isCancelled)
    } catch let error as InputError {
      throw IngestError(.input, error.description)
    } catch let error as StoreError {
      throw IngestError(error)
    } catch {
      throw IngestError(.input, "\(error)")
    }
  }

  @inline(__always)
  private static func take(_ frame: Frame, _ intake: inout Intake, at offset: Int64, limit: Int) -> BadRecord? {
    if frame.isOversized {
      return BadRecord(.recordTooLarge, "the record has \(frame.length) bytes, and \(limit) are allowed")
    }
    return intake.take(EventRecord(value: frame.bytes), partition: partition, offset: offset)
  }

  private func addDeadLetter(
    _ bad: BadRecord, _ frame: Frame, of input: Input, _ intake: inout Intake
  ) -> IngestError? {
    let origin = RecordOrigin.file(path: input.identity ?? input.name, position: frame.offset, number: frame.number)
    do throws(IngestError) {
      try intake.addDeadLetter(
        bad, origin, value: frame.bytes, value_bytes: frame.isOversized ? frame.length : nil)
    } catch { return error }
    return nil
  }

  private mutating func flush(_ intake: inout Intake, _ input: Input, _ reader: inout RecordReader) -> IngestError? {
    remember(input, &reader)
    do throws(IngestError) { try intake.flush(positions()) } catch { return error }
    return nil
  }

  private mutating func remember(_ input: Input, _ reader: inout RecordReader) {
    guard let identity = input.identity else { return }
    let checkpoint = reader.checkpoint()
    let position = InputPosition(
      name: identity, consumed: checkpoint.position, hash: (checkpoint.high, checkpoint.low), records: checkpoint.number
    )
    finished.append(position)
    reached[identity] = position
  }

  /// The farthest position of each input, each name once.
  private mutating func positions() -> DurablePositions {
    var positions = DurablePositions()
    positions.partitions = [PartitionOffsets(partition: Self.partition, base: 0, applied: records)]
    for position in finished {
      positions.inputs.removeAll { $0.name == position.name }
      positions.inputs.append(position)
    }
    finished = []
    return positions
  }

  private static func tripped(_ input: Input, _ frame: Frame, _ records: Int, _ bad: Int, _ last: BadRecord?)
    -> IngestError
  {
    IngestError(
      .breaker,
      "\(input.name): \(bad) of \(records) records up to record \(frame.number) are bad"
        + (last.map { " (the last: \($0))" } ?? "")
        + ": check that this is the right file and catalog. Nothing since the last flush was kept; run again to go on there"
    )
  }
}
