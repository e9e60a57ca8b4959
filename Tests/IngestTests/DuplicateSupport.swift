import TestKit

@testable import Ingest

/// A record as a duplicate window is asked about it.
struct IDRecord: Equatable {
  var user: String
  var eventID: String
  var offset: Int64
  var timestamp_ms: Int64
}

/// The definition once more, as plainly as it can be put: a list of all earlier records of each id.
struct ReferenceDuplicates {
  let limits: DuplicateLimits
  private var earlier: [[String]: [IDRecord]] = [:]

  init(_ limits: DuplicateLimits) { self.limits = limits }

  mutating func isDuplicate(_ record: IDRecord) -> Bool {
    defer { earlier[[record.user, record.eventID], default: []].append(record) }
    guard limits.offsets > 0 else { return false }
    return (earlier[[record.user, record.eventID]] ?? []).contains { other in
      guard record.offset - other.offset <= limits.offsets else { return false }
      if record.timestamp_ms == -1 || other.timestamp_ms == -1 { return true }
      return abs(record.timestamp_ms - other.timestamp_ms) <= limits.time_ms
    }
  }
}

/// Seeded logs of one partition.
struct IDLogMaker {
  var random: SeededGenerator
  /// Event ids are drawn from so many.
  var ids = 100
  var users = 3
  /// From record to record; the offsets between are transaction markers, or records without an id.
  var steps: ClosedRange<Int64> = 1...3
  /// Timestamps lie in a span of so many milliseconds that wanders on with the offsets.
  var spread_ms: Int64 = 10_000
  var pace_ms: Int64 = 10
  var untimedShare = 0.05
  /// Share of steps that are `wideSteps`.
  var wideShare = 0.0
  var wideSteps: ClosedRange<Int64> = (1 << 22) - 7...(1 << 22) + 7
  var offset: Int64 = 0

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  mutating func next() -> IDRecord {
    let isWide = Double.random(in: 0..<1, using: &random) < wideShare
    offset += Int64.random(in: isWide ? wideSteps : steps, using: &random)
    let isUntimed = Double.random(in: 0..<1, using: &random) < untimedShare
    let base_ms = 1_600_000_000_000 + offset * pace_ms
    return IDRecord(
      user: "u\(Int.random(in: 0..<users, using: &random))", eventID: "e\(Int.random(in: 0..<ids, using: &random))",
      offset: offset, timestamp_ms: isUntimed ? -1 : base_ms + Int64.random(in: 0...spread_ms, using: &random))
  }
}

extension DuplicateWindow {
  func isDuplicate(_ record: IDRecord) -> Bool {
    var (user, eventID) = (record.user, record.eventID)
    return user.withUTF8 { user in
      eventID.withUTF8 { eventID in
        isDuplicate(
          user: UnsafeRawBufferPointer(user), eventID: UnsafeRawBufferPointer(eventID), offset: record.offset,
          timestamp_ms: record.timestamp_ms)
      }
    }
  }

  func restore(_ ids: EncodedIDs) throws { try ids.bytes.withUnsafeBytes { try restore($0) } }

  static func make(_ limits: DuplicateLimits) -> DuplicateWindow { DuplicateWindow(limits, seed: 1) }
}
