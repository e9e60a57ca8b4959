import InterestStore
import Kafka
import Synchronization
import Telemetry
import Threads

/// Continuous ingestion from a topic: a lane and its flusher, started and stopped together.
public final class KafkaIngest: @unchecked Sendable {  // the thread is joined by `join`, once
  public let board = PartitionBoard()
  private let stopRequested = Atomic<Bool>(false)
  private let ended = Atomic<Bool>(false)
  private let refusal = Refusal()
  private let outcome = Mutex()
  private var failure: IngestError?

  public init() {}

  /// Starts the threads.
  public func start(_ settings: KafkaLaneSettings, _ pipeline: Pipeline, log: Log) {
    let queue = FlushQueue()
    let isStopping: @Sendable () -> Bool = { [self] in stopRequested.load(ordering: .acquiring) }
    thread = Thread(name: "lane") { [self] in
      let flusher = FlusherThread(
        pipeline.store.generation, queue, counters: pipeline.counters, isStopping: isStopping,
        onRetry: { [board] error in
          log.error("a flush failed and is tried again", ["error": error.message])
          board.set(.flush, "a flush failed and is tried again: \(error.message)")
        }, onSuccess: { [board] in board.set(.flush, nil) })
      var lane = KafkaLane(settings, pipeline, board, log, queue, refusal, isStopping: isStopping)
      let erasures = ErasureCompactor(pipeline.store.generation, limit_ms: settings.erasure_ms, log: log)
      var failure: IngestError?
      do throws(IngestError) { try lane.run(KafkaDiagnostics(forwardingTo: log)) } catch { failure = error }
      queue.close()
      flusher.join()
      erasures.stop()
      outcome.withLock { self.failure = failure }
      ended.store(true, ordering: .releasing)
    }
  }

  /// Whether the lane has ended, by request or by itself.
  public var hasEnded: Bool { ended.load(ordering: .acquiring) }

  private var thread: Thread?

  /// The topic has so many partitions now. Where it has grown, users are on other partitions: nothing is read or served any more.
  public func noticePartitions(_ count: Int, of settings: KafkaLaneSettings) {
    if count > settings.partitions { _ = refusal.grown(settings.topic, from: settings.partitions) }
  }

  public func requestStop() { stopRequested.store(true, ordering: .releasing) }

  /// Waits for the end, and tells what ended it if it was an error.
  public func join() throws(IngestError) {
    if let thread = thread.take() { thread.join() }
    let failure = outcome.withLock { self.failure }
    if let failure { throw failure }
  }
}

extension KafkaDiagnostics {
  /// librdkafka's own lines, errors and warnings as such and all else for debugging.
  ///
  /// - Parameter unwanted: A facility whose lines are dropped.
  public convenience init(forwardingTo log: Telemetry.Log, except unwanted: String = "") {
    self.init(
      log: { level, facility, message in
        if facility == unwanted { return }
        if level <= 4 {
          log.warn("librdkafka", ["facility": facility, "message": message])
        } else {
          log.debug("librdkafka", ["facility": facility, "message": message])
        }
      },
      error: { log.warn("librdkafka", ["error": $0.description]) })
  }
}
