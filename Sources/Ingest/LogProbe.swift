import InterestStore
import Kafka
import Threads

/// Reads single places of the topic with a consumer of its own, which is a member of no group: to tell records that were lost on
/// their way from transaction markers, and the log that a state was made of from another one of the same name (DESIGN.md section 6).
/// One lane's.
final class LogProbe {
  private let topic: String
  private let configuration: KafkaConfiguration
  private let isLeftToEnd: Bool
  private let isStopping: @Sendable () -> Bool
  private var consumer: Consumer?
  /// What was last read of partitions.
  private var windows: [Int32: Window] = [:]
  private static let windowLimit = 256

  /// Every readable record with `from` <= offset < `end`.
  private struct Window {
    var from: Int64
    var end: Int64
    var offsets: [Int64] = []

    func has(_ range: Range<Int64>) -> Bool { offsets.contains { range.contains($0) } }
  }

  /// - Parameters:
  ///   - isLeftToEnd: See `KafkaLaneSettings.endsProcess`.
  ///   - isStopping: From then on nothing is waited for.
  init(
    topic: String, _ configuration: KafkaConfiguration, isLeftToEnd: Bool, isStopping: @escaping @Sendable () -> Bool
  ) {
    self.topic = topic
    self.isStopping = isStopping
    self.isLeftToEnd = isLeftToEnd
    // It asks for little, and may not be taken for the group's member.
    var own = KafkaConfiguration(
      configuration.properties.filter { $0.name != "group.instance.id" }.map { ($0.name, $0.value) })
    own.set("queued.min.messages", "1000")
    own.set("queued.max.messages.kbytes", "4096")
    own.set("fetch.message.max.bytes", "262144")
    self.configuration = own
  }

  deinit { if isLeftToEnd { consumer?.abandon() } }

  private func opened() throws(KafkaError) -> Consumer {
    if let consumer { return consumer }
    let made = try Consumer(topic: topic, configuration, batchLimit: 1000)
    consumer = made
    return made
  }

  /// Whether the log has a readable record with `from` <= offset < `end`; nil where no broker answered in time.
  func hasRecord(_ partition: Int32, from: Int64, before end: Int64, timeout_ms: Int) -> Bool? {
    if let known = windows[partition], from >= known.from, end <= known.end { return known.has(from..<end) }
    guard let window = read(partition, from: from, upTo: end, timeout_ms: timeout_ms) else { return nil }
    if windows.count >= Self.windowLimit { windows.removeAll() }
    windows[partition] = window
    return window.has(from..<end)
  }

  /// Reads on a little behind what is asked for, as the next question is likely to be about that.
  private func read(_ partition: Int32, from: Int64, upTo end: Int64, timeout_ms: Int) -> Window? {
    var found = Window(from: from, end: from)
    let isAnswered = follow([PartitionOffset(partition: partition, offset: from)], timeout_ms: timeout_ms) { record in
      found.offsets.append(record.offset)
      found.end = record.offset + 1
      return found.end >= end
    } atEnd: { _, offset in
      found.end = max(found.end, offset)
      return true
    }
    // What lies before the first record at or behind `end` is known as well.
    return isAnswered && found.end >= end ? found : nil
  }

  /// The first record at or behind each place; partitions of which none is known in time, or that have none, are left out.
  func records(at places: [PartitionOffset], timeout_ms: Int) -> [Int32: PartitionOffsets.Record] {
    var records: [Int32: PartitionOffsets.Record] = [:]
    var open = Set(places.map(\.partition))
    _ = follow(places, timeout_ms: timeout_ms) { record in
      if open.remove(record.partition) != nil {
        records[record.partition] = .init(offset: record.offset, timestamp_ms: record.timestamp_ms)
      }
      return open.isEmpty
    } atEnd: { partition, _ in
      open.remove(partition)
      return open.isEmpty
    }
    return records
  }

  /// Reads from these places until a closure returns true. False where that took too long, or failed.
  private func follow(
    _ places: [PartitionOffset], timeout_ms: Int,
    _ body: (_ record: (partition: Int32, offset: Int64, timestamp_ms: Int64)) -> Bool,
    atEnd: (_ partition: Int32, _ offset: Int64) -> Bool
  ) -> Bool {
    let deadline_ns = MonotonicClock.now_ns + UInt64(timeout_ms) * 1_000_000
    var isDone = places.isEmpty
    do throws(KafkaError) {
      let consumer = try opened()
      try consumer.assign(places)
      while !isDone && !isStopping() && MonotonicClock.now_ns < deadline_ns {
        consumer.poll(timeout_ms: 20) { message in
          let isWanted = places.contains { $0.partition == message.partition && message.offset >= $0.offset }
          if isWanted && body((message.partition, message.offset, message.timestamp_ms)) { isDone = true }
        } event: { event in
          if case .endOfPartition(let partition, let offset) = event, atEnd(partition, offset) { isDone = true }
        }
      }
      try consumer.unassign(places.map(\.partition))
    } catch {
      // Another consumer next time; what this one had is not known.
      if isLeftToEnd { consumer?.abandon() }
      consumer = nil
      return false
    }
    return isDone
  }
}
