import InterestStore
import Kafka
import Telemetry
import Threads

/// A lane's way into the dead letters' topic. The lane hands letters over and goes on; the flusher waits for their acknowledgement
/// before the buffer that covers them becomes durable. Outages are waited for, within bounds where somebody waits for the end.
final class DeadLetterOutlet: @unchecked Sendable {  // all below `mutex` is guarded by it; librdkafka is thread-safe
  let topic: DeadLetterTopic
  private let counters: IngestCounters
  private let isStopping: @Sendable () -> Bool
  private let mutex = Mutex()
  private let producer: Producer
  private let reference: Producer.Topic
  private var batches = LetterBatches()
  private var failure: IngestError?

  /// Of waiting for acknowledgements while the process ends; until then there is no bound.
  private static var ending_ns: UInt64 { 3_000_000_000 }
  private static var report_ns: UInt64 { 5_000_000_000 }
  private static var pause_ns: UInt64 { 5_000_000 }

  init(
    _ topic: DeadLetterTopic, _ log: Log, counters: IngestCounters, isStopping: @escaping @Sendable () -> Bool
  ) throws(IngestError) {
    self.topic = topic
    self.counters = counters
    self.isStopping = isStopping
    do throws(KafkaError) {
      // Properties of the consumer mean nothing to it.
      let diagnostics = KafkaDiagnostics(forwardingTo: log, except: "CONFWARN")
      producer = try Producer(topic.producerConfiguration, diagnostics: diagnostics, keepsDeliveries: true)
      reference = try producer.topic(topic.name)
    } catch { throw topic.error(error) }
  }

  deinit { if topic.endsProcess { producer.abandon() } }

  /// Copies a letter into the queue; where that is full, waits for room.
  func send(
    _ headers: LetterHeaders, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?
  ) throws(IngestError) {
    let letter = topic.fit(headers, key: key, value: value)
    let start_ns = MonotonicClock.now_ns
    while try !take(letter.headers, key: letter.key, value: letter.value) {
      let bound_ns = isStopping() ? Self.ending_ns : UInt64(topic.fullQueue_ms) * 1_000_000
      if MonotonicClock.now_ns - start_ns > bound_ns {
        throw topic.error("its queue has been full for \(bound_ns / 1_000_000_000) s, and no broker takes letters")
      }
      mutex.withLock { _ = mutex.wait(until: MonotonicClock.now_ns + Self.pause_ns) }
    }
  }

  /// False where the queue is full.
  private func take(
    _ headers: LetterHeaders, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?
  ) throws(IngestError) -> Bool {
    try mutex.withLock { () throws(IngestError) in
      try learn()
      let timestamp_ms = headers.timestamp_ms > 0 ? headers.timestamp_ms : nil
      do throws(KafkaError) {
        try producer.send(
          reference, partition: headers.partition % topic.partitions, key: key, value: value, raw: headers.raw,
          timestamp_ms: timestamp_ms, tag: batches.current, timeout_ms: 0)
      } catch {
        if error.isQueueFull { return false }
        throw topic.error(error)
      }
      batches.add()
      return true
    }
  }

  func seal() -> LetterReceipt { mutex.withLock { LetterReceipt(outlet: self, batch: batches.seal()) } }

  /// Throws what ended the delivery of letters, as far as it is known.
  func check() throws(IngestError) { try mutex.withLock { () throws(IngestError) in try learn() } }

  /// Takes over what has been delivered. Under the mutex.
  private func learn() throws(IngestError) {
    producer.poll()
    for delivery in producer.takeDeliveries() {
      batches.settle(delivery.tag)
      if let error = delivery.error, failure == nil { failure = topic.error(error) }
    }
    if failure == nil, let fatal = producer.fatalError { failure = topic.error(fatal) }
    counters.setLettersWaiting(batches.waiting)
    if let failure { throw failure }
  }

  fileprivate func wait(
    through batch: Int, isEnding: () -> Bool, onWaiting: (StoreError) -> Void
  ) throws(IngestError) {
    let start_ns = MonotonicClock.now_ns
    var reported_ns = start_ns
    var ending_ns: UInt64?
    while true {
      let waiting = try mutex.withLock { () throws(IngestError) in
        try learn()
        let waiting = batches.waiting(through: batch)
        if waiting > 0 { _ = mutex.wait(until: MonotonicClock.now_ns + Self.pause_ns) }
        return waiting
      }
      if waiting == 0 { return }
      let now_ns = MonotonicClock.now_ns
      if isEnding() {
        let since_ns = ending_ns ?? now_ns
        ending_ns = since_ns
        if now_ns - since_ns > Self.ending_ns {
          throw IngestError(.interrupted, topic.error("\(waiting) letters are not acknowledged").message)
        }
      }
      if now_ns - reported_ns > Self.report_ns {
        reported_ns = now_ns
        let seconds = (now_ns - start_ns) / 1_000_000_000
        let what = "topic \(topic.name) has not acknowledged \(waiting) dead letters for \(seconds) s"
        onWaiting(StoreError(.storage, what, isRetryable: true))
      }
    }
  }
}

/// For the letters of one buffer and all before it.
struct LetterReceipt: Sendable {
  fileprivate let outlet: DeadLetterOutlet
  fileprivate let batch: Int

  /// Returns when all of them are acknowledged by all in-sync replicas.
  ///
  /// - Parameters:
  ///   - isEnding: From then on waits a few seconds at most.
  ///   - onWaiting: Told now and then while it takes long.
  /// - Throws: where a letter cannot be delivered, or was not in time: then the buffer must not become durable.
  func wait(isEnding: () -> Bool, onWaiting: (StoreError) -> Void) throws(StoreError) {
    do throws(IngestError) {
      try outlet.wait(through: batch, isEnding: isEnding, onWaiting: onWaiting)
    } catch { throw StoreError(error.code == .interrupted ? .interrupted : .storage, error.message) }
  }
}
