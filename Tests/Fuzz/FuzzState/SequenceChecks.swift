import Bytes
import FuzzKit
import InterestCodec
import InterestModel

/// What holds of every sequence that is read from a stored state.
final class SequenceChecks {
  private let configuration: StateConfiguration
  private var reader: SequenceReader
  private let writer: SequenceJSONWriter
  private var sequence = GroupSequence()
  private var output = ByteBuffer()

  init(_ configuration: StateConfiguration, _ rules: FoldRules) {
    self.configuration = configuration
    reader = SequenceReader(configuration: configuration, rules: rules)
    writer = SequenceJSONWriter(configuration: configuration)
  }

  func check(_ state: [UInt8], isReadable: Bool, choice: UInt8) {
    let error = read(state, .everything)
    require((error == nil) == isReadable, "readable \(isReadable), and reading says \(String(describing: error))")
    if error == nil { checkShape() }
    let everything = sequence.groups.map(\.group)
    let newest_ms = sequence.groups.map(\.last_ms).max() ?? 1
    let query = SequenceQuery(
      groups: Int(choice & 3), behaviors: choice & 4 == 0 ? nil : 1, order: choice & 8 == 0 ? .recency : .frequency,
      asOf_ms: choice & 16 == 0 ? nil : newest_ms)
    let cutError = read(state, query)
    guard error == nil, cutError == nil else { return }
    checkShape()
    require(sequence.groups.count == min(Int(choice & 3), everything.count), "a limit of groups is not kept")
    require(sequence.groups.allSatisfy { everything.contains($0.group) }, "a cut sequence has another group")
  }

  /// Of the behaviors that the state was made of.
  func check(_ state: [UInt8], of behaviors: [Behavior]) {
    require(read(state, .everything) == nil, "the state of behaviors cannot be read")
    let groups = Dictionary(grouping: behaviors, by: \.group)
    require(sequence.groups.count == groups.count, "\(sequence.groups.count) groups, not \(groups.count)")
    for index in 0..<sequence.groups.count {
      let group = sequence.groups[index]
      let members = groups[group.group] ?? []
      require(group.events == members.count, "group \(group.group): \(group.events) events, not \(members.count)")
      require(group.first_ms == members.map(\.time_ms).min(), "group \(group.group): first_ms")
      require(group.last_ms == members.map(\.time_ms).max(), "group \(group.group): last_ms")
      let spend = members.reduce(Int64(0)) { $0 &+ $1.spend_micros }
      require(group.spendSum_micros == spend, "group \(group.group): spend")
      let kept = sequence.rowSplits[index + 1] - sequence.rowSplits[index]
      require(kept == min(members.count, configuration.keptBehaviors), "group \(group.group): \(kept) are kept")
    }
  }

  private func read(_ state: [UInt8], _ query: SequenceQuery) -> SequenceError? {
    withCopy(state) { state in
      let asColumns = read(state, query, asColumns: true)
      let groups = sequence.groups.count
      let error = read(state, query, asColumns: false)
      require(asColumns == error, "as columns it reads \(String(describing: asColumns))")
      require(error != nil || groups == sequence.groups.count, "as columns it has \(groups) groups")
      return error
    }
  }

  private func read(_ state: UnsafeRawBufferPointer, _ query: SequenceQuery, asColumns: Bool) -> SequenceError? {
    do throws(SequenceError) {
      try reader.read(state, query, asColumns: asColumns, into: &sequence)
      return nil
    } catch {
      return error
    }
  }

  private func checkShape() {
    let groups = sequence.groups
    for index in groups.indices.dropFirst() {
      let (a, b) = (groups[index - 1], groups[index])
      require((a.last_ms, a.group) < (b.last_ms, b.group), "groups are not in order of (last_ms, group)")
    }
    require(sequence.rowSplits.count == groups.count + 1, "row splits do not fit the groups")
    require(sequence.rowSplits.last == sequence.behaviors.count, "row splits do not end with the behaviors")
    require(sequence.windows.count == groups.count * configuration.windows_days.count, "windows do not fit the groups")
    for index in groups.indices {
      let rows = sequence.rowSplits[index]..<sequence.rowSplits[index + 1]
      require(rows.count <= configuration.keptBehaviors, "more behaviors than are kept")
      for behavior in sequence.behaviors[rows] {
        require(behavior.group == groups[index].group, "a behavior of another group")
        require(Behavior.times_ms.contains(behavior.time_ms), "a time out of range")
      }
    }
    output.clear()
    [UInt8(ascii: "u")].withUnsafeBytes {
      writer.write(user: $0, generation: 1, clusterMap: "fuzz", sequence, into: &output)
    }
    require(output.bytes.last == UInt8(ascii: "}"), "a sequence without an end")
  }
}
