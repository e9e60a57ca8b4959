import InterestStore
import Kafka
import Telemetry
import Threads

/// What keeps a lane from reading on, and how it goes on afterwards.
extension KafkaLane {
  /// Whether records between the last one and this were lost on their way, as librdkafka 2.0.2 can do after a change of the
  /// assignment: the log itself is asked. Then nothing more of the partition is applied until it is read again from there.
  @inline(never)
  mutating func isGapLost(before message: borrowing Message, _ consumer: Consumer) -> Bool {
    let expected = partitions.applied(message.partition)
    let found = probe.hasRecord(
      message.partition, from: expected, before: message.offset, timeout_ms: Self.probe_ms)
    if found == false { return false }
    log.warn(
      found == nil
        ? "a gap could not be checked: reading it again" : "records were lost on their way: reading them again",
      ["partition": message.partition, "from": expected, "to": message.offset])
    partitions.hold(message.partition)
    pipeline.counters.addRefetch()
    return true
  }

  /// Reads partitions that are held again from where they are applied.
  mutating func takePlaces(_ consumer: Consumer) throws(IngestError) {
    let held = partitions.held
    if held.isEmpty { return }
    do throws(KafkaError) {
      try consumer.seek(held, timeout_ms: Self.request_ms)
      partitions.setPlaced(held)
    } catch {
      if error.isFatal { throw IngestError(.kafka, error.description) }
      log.warn("partitions cannot be read again yet", ["error": error.description])
    }
  }

  /// Stops reading before the volume is full, and goes on when there is room again. Lookups do not notice.
  mutating func watchVolume(_ consumer: Consumer, _ intake: inout Intake) throws(IngestError) {
    switch volume.look() {
    case .same: return
    case .low(let what):
      log.error("reading is paused", ["what": what])
      board.set(.disk, what)
      partitions.setPaused(true)
      try pause(consumer)
      // What is in the buffer still fits.
      if partitions.isDirty { try flush(&intake) }
    case .enough:
      log.info("reading goes on: there is room again")
      partitions.setPaused(false)
      let fetched = partitions.fetched(partitions.owned.map { Int32($0) })
      try call { () throws(KafkaError) in try consumer.resume(fetched) }
      board.set(.disk, nil)
    }
  }

  /// Fetching what is not applied would be in vain.
  private func pause(_ consumer: Consumer) throws(IngestError) {
    let fetched = partitions.fetched(partitions.owned.map { Int32($0) })
    try call { () throws(KafkaError) in try consumer.pause(fetched) }
  }

  mutating func pauseStopped(_ consumer: Consumer) throws(IngestError) {
    if newlyStopped.isEmpty { return }
    let stopped = partitions.fetched(newlyStopped)
    newlyStopped = []
    try call { () throws(KafkaError) in try consumer.pause(stopped) }
  }

  /// No partition's state is right any more: nothing is read or served.
  mutating func refuseAll(_ reason: String, _ consumer: Consumer) throws(IngestError) {
    let isNew = partitions.owned.contains { partitions.state(of: $0) != .lostHistory }
    guard isNew else { return }
    partitions.loseAll(reason)
    log.error("lost history", ["what": reason])
    try pause(consumer)
  }
}

/// A reason for which a lane is to stop reading and serving, from another thread.
final class Refusal: @unchecked Sendable {  // guarded by `mutex`
  private let mutex = Mutex()
  private var reason: String?

  func set(_ reason: String) { mutex.withLock { self.reason = reason } }

  func take() -> String? { mutex.withLock { reason } }

  /// Users are on other partitions from now on.
  func grown(_ topic: String, from count: Int) -> String {
    let reason = "topic \(topic) has more than the \(count) partitions that the state was made for"
    set(reason)
    return reason
  }
}
