import Bytes
import InterestCodec
import InterestModel
import TestKit

@testable import Ingest

/// What the state of a partition has to be: the fold of exactly the records of a range of offsets, by plain arrays and dictionaries.
struct FaultFreeFold {
  let configuration: StateConfiguration
  let duplicates: DuplicateLimits

  struct Result {
    /// Users with behaviors that count.
    var users: [String: [Behavior]] = [:]
    var duplicates = 0
    var erasures = 0
  }

  func fold(_ records: ArraySlice<SimulatedRecord>) -> Result {
    var result = Result()
    var earlier: [[String]: [SimulatedRecord]] = [:]
    for record in records {
      switch record.meaning {
      case .bad: break
      case .erasure:
        result.users[record.user] = nil
        result.erasures += 1
      case .behavior(let behavior, let eventID):
        let others = eventID == "" ? [] : earlier[[record.user, eventID]] ?? []
        if eventID != "" { earlier[[record.user, eventID], default: []].append(record) }
        if others.contains(where: { isNear($0, record) }) {
          result.duplicates += 1
        } else {
          result.users[record.user, default: []].append(behavior)
        }
      }
    }
    return result
  }

  private func isNear(_ earlier: SimulatedRecord, _ record: SimulatedRecord) -> Bool {
    if record.offset - earlier.offset > duplicates.offsets { return false }
    if record.timestamp_ms == -1 || earlier.timestamp_ms == -1 { return true }
    return abs(record.timestamp_ms - earlier.timestamp_ms) <= duplicates.time_ms
  }

  /// The first difference between stored states and those that there should be, in words; nil: none.
  func difference(_ stored: [String: [UInt8]], _ records: ArraySlice<SimulatedRecord>) -> String? {
    let expected = fold(records).users
    let reference = ReferenceFold(configuration)
    var reader = SequenceReader(configuration: configuration, rules: FoldRules(configuration))
    for user in Set(stored.keys).union(expected.keys).sorted() {
      guard let behaviors = expected[user] else { return "\(user) is stored and should not be" }
      guard let state = stored[user] else { return "\(user) is not stored" }
      let should = reference.json(user: user, clusterMap: "", reference.sequence(of: behaviors))
      let isNow = json(user, state, &reader)
      if isNow != should { return "\(user) is \(isNow) and should be \(should)" }
    }
    return nil
  }

  private func json(_ user: String, _ state: [UInt8], _ reader: inout SequenceReader) -> String {
    var sequence = GroupSequence()
    do { try state.withUnsafeBytes { try reader.read($0, .everything, into: &sequence) } } catch { return "\(error)" }
    let writer = SequenceJSONWriter(configuration: configuration)
    var text = ByteBuffer()
    Array(user.utf8).withUnsafeBytes {
      writer.write(user: $0, generation: 1, clusterMap: "", sequence, into: &text)
    }
    return String(decoding: text.bytes, as: UTF8.self)
  }
}
