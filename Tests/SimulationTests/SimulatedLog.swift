import Bytes
import InterestCodec
import InterestModel
import TestKit

@testable import Ingest

/// A record as its producer wrote it, and what it is.
struct SimulatedRecord {
  enum Meaning {
    /// The group is mapped already. `eventID` "": none.
    case behavior(Behavior, eventID: String)
    case erasure
    case bad
  }

  var offset: Int64
  var timestamp_ms: Int64
  var user: String
  var value: [UInt8]
  var meaning: Meaning
}

/// A partition's log: all that was ever written, of which a reader gets what lies in `low..<high`.
struct SimulatedLog {
  private(set) var records: [SimulatedRecord] = []
  private(set) var low: Int64 = 0
  /// The next offset; transaction markers may lie before it.
  private(set) var high: Int64 = 0

  mutating func append(_ record: SimulatedRecord) {
    var record = record
    record.offset = high
    records.append(record)
    high += 1
  }

  /// Offsets without records: transaction markers, aborted records.
  mutating func skip(_ count: Int64) { high += count }

  /// Retention takes what lies before an offset.
  mutating func truncate(before offset: Int64) { low = min(max(low, offset), high) }

  /// At most `limit` records from `offset` on, and the offset behind them.
  func read(from offset: Int64, limit: Int) -> ArraySlice<SimulatedRecord> {
    let first = records.partitionIndex { $0.offset >= max(offset, low) }
    return records[first..<min(first + limit, records.count)]
  }

  /// Records of `range`, whether they are still there for readers or not.
  func all(in range: Range<Int64>) -> ArraySlice<SimulatedRecord> {
    records[
      records.partitionIndex {
        $0.offset >= range.lowerBound
      }..<records.partitionIndex { $0.offset >= range.upperBound }]
  }
}

extension [SimulatedRecord] {
  /// The first index for which it is true, where it is false before and true from there on.
  fileprivate func partitionIndex(_ isBehind: (SimulatedRecord) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}

/// Writes records as producers do: retries with the same event id, erasures, bad ones.
struct SimulatedProducer {
  private let configuration: StateConfiguration
  private let limits: DuplicateLimits
  private let users: Int
  private var number = 0

  init(_ configuration: StateConfiguration, _ limits: DuplicateLimits, users: Int) {
    self.configuration = configuration
    self.limits = limits
    self.users = users
  }

  static var start_ms: Int64 { 1_600_000_000_000 }

  mutating func append(to log: inout SimulatedLog, partition: Int, _ random: inout SeededGenerator) {
    number += 1
    if random.chance(10) { log.skip(Int64.random(in: 1...3, using: &random)) }
    if random.chance(200) { log.skip(Int64(limits.offsets)) }
    let timestamp_ms =
      random.chance(20)
      ? -1 : Self.start_ms + Int64(number) + Int64.random(in: 0...2 * limits.time_ms, using: &random)
    let user = "user \(partition)/\(Int.random(in: 0..<users, using: &random))"
    if let last = log.records.suffix(2 * limits.offsets).randomElement(using: &random), random.chance(5) {
      var again = last
      again.timestamp_ms = timestamp_ms
      return log.append(again)
    }
    if random.chance(25) { return log.append(record(user, timestamp_ms, .erasure, type: "$erase")) }
    if random.chance(15) { return log.append(record(user, timestamp_ms, .bad, type: "no type")) }
    var behavior = Behavior()
    behavior.time_ms = Self.start_ms + Int64.random(in: -40 * 86_400_000...0, using: &random)
    behavior.shop = UInt64.random(in: 1...9, using: &random)
    behavior.group = Self.group(of: behavior.shop)
    behavior.dwell_ms = random.chance(2) ? UInt32.random(in: 1...9999, using: &random) : 0
    behavior.spend_micros = random.chance(3) ? Int64.random(in: -9999...9999, using: &random) : 0
    let entry = configuration.catalog.entries.randomElement(using: &random)
    behavior.type = entry?.code ?? 1
    let eventID = random.chance(6) ? "" : "event \(number)"
    log.append(
      record(user, timestamp_ms, .behavior(behavior, eventID: eventID), type: entry?.type ?? "click"))
  }

  /// The cluster map of the simulation.
  static func group(of shop: UInt64) -> UInt32 { UInt32(shop % 4) }

  private func record(
    _ user: String, _ timestamp_ms: Int64, _ meaning: SimulatedRecord.Meaning, type: String
  ) -> SimulatedRecord {
    var behavior = Behavior()
    behavior.time_ms = Self.start_ms
    var eventID = ""
    if case .behavior(let given, let id) = meaning { (behavior, eventID) = (given, id) }
    let value = [user, "\(behavior.shop)", type, eventID].map { Array($0.utf8) }.withLent { texts in
      var fields = BehaviorFields()
      (fields.user, fields.shop, fields.type, fields.eventID) = (texts[0], texts[1], texts[2], texts[3])
      (fields.time_ms, fields.dwell_ms) = (behavior.time_ms, behavior.dwell_ms)
      fields.spend_micros = behavior.spend_micros
      var buffer = ByteBuffer()
      if number % 2 == 0 {
        BehaviorWriter.appendJSONLine(fields, to: &buffer)
      } else {
        BehaviorWriter.appendProtobuf(fields, to: &buffer)
      }
      return Array(buffer.bytes)
    }
    return SimulatedRecord(offset: 0, timestamp_ms: timestamp_ms, user: user, value: value, meaning: meaning)
  }
}

extension SeededGenerator {
  /// True once in `times`.
  mutating func chance(_ times: Int) -> Bool { Int.random(in: 0..<times, using: &self) == 0 }
}

extension [[UInt8]] {
  /// All of them at once, borrowed.
  fileprivate func withLent<Result>(_ body: ([UnsafeRawBufferPointer]) -> Result) -> Result {
    func lend(_ rest: ArraySlice<[UInt8]>, _ lent: [UnsafeRawBufferPointer]) -> Result {
      guard let first = rest.first else { return body(lent) }
      return first.withUnsafeBytes { lend(rest.dropFirst(), lent + [$0]) }
    }
    return lend(self[...], [])
  }
}
