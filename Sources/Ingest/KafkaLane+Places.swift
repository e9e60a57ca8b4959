import InterestStore
import Kafka
import Telemetry
import Threads

/// What keeps a lane from reading on, and how it goes on afterwards.
extension KafkaLane {
  /// Whether records between the last one and this were lost on their way, as librdkafka 2.0.2 can do after a change of the
  /// assignment: the log itself is asked. Then nothing more of the partition is applied until it is read again from there.
  ///
  /// - Parameter offset: The record that was met, or the end.
  @inline(never)
  mutating func isGapLost(_ partition: Int32, before offset: Int64) -> Bool {
    let expected = partitions.applied(partition)
    let found =
      isProbeSilent ? nil : probe.hasRecord(partition, from: expected, before: offset, timeout_ms: Self.probe_ms)
    if found == false { return false }
    isProbeSilent = found == nil
    log.warn(
      found == nil
        ? "a gap could not be checked: reading it again" : "records were lost on their way: reading them again",
      ["partition": partition, "from": expected, "to": offset])
    partitions.hold(partition)
    pipeline.counters.addRefetch()
    return true
  }

  /// Reads these from where they are applied. Where that cannot be done now, as their leaders are away, they are held: nothing of them is
  /// applied before it has been done.
  mutating func holdPlaces(_ places: [PartitionOffset], _ consumer: Consumer) throws(IngestError) {
    if places.isEmpty { return }
    do throws(KafkaError) {
      try consumer.holdPlaces(places, timeout_ms: Self.singleRequest_ms)
      partitions.setPlaced(places)
    } catch {
      if error.isFatal { throw IngestError(.kafka, error.description) }
      for place in places { partitions.hold(place.partition) }
      lastPlaced_ns = MonotonicClock.now_ns
      log.warn(
        "partitions cannot be read on yet", ["partitions": "\(places.map(\.partition))", "error": error.description])
    }
  }

  /// Tries that again for partitions that are held: now and then, as each try keeps the others waiting.
  mutating func takePlaces(_ consumer: Consumer) throws(IngestError) {
    let held = partitions.held
    if held.isEmpty || MonotonicClock.now_ns - lastPlaced_ns < Self.placeAgain_ns { return }
    try holdPlaces(held, consumer)
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
