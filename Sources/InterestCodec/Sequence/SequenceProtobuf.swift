import Bytes
import InterestModel

/// Writes a group sequence as `interest.v1.GroupSequence` (Schemas/interest/v1/sequence.proto): the bytes that Protobuf's own encoder
/// writes, without a length before them.
public struct SequenceProtobufWriter: Sendable {
  private let windows_days: [Int]

  public init(configuration: StateConfiguration) { windows_days = configuration.windows_days }

  /// - Parameter query: What `sequence` was read by: its fields are the columns that are written.
  public func write(
    user: UnsafeRawBufferPointer, generation: UInt32, clusterMap: String, _ sequence: borrowing GroupSequence,
    _ query: SequenceQuery, into output: inout ByteBuffer
  ) {
    output.append(field: 1, bytes: user)
    output.append(field: 2, varint: UInt64(generation))
    output.append(field: 3, text: clusterMap)
    if sequence.groupColumn.elements.count == 0 { return }
    writeStatistics(sequence.groupColumn.elements, query.fields, into: &output)
    if query.fields.contains(.windows) {
      output.append(field: 30, count: windows_days.count) { UInt64(truncatingIfNeeded: windows_days[$0]) }
      let windows = sequence.windowColumn.elements
      output.append(field: 31, count: windows.count, areSmall: true) { windows[$0] }
    }
    guard query.hasBehaviors else { return }
    let splits = sequence.splitColumn.elements
    output.append(field: 40, count: splits.count, areSmall: true) { UInt64(truncatingIfNeeded: splits[$0]) }
    writeBehaviors(sequence.behaviorColumn.elements, query.fields, into: &output)
  }

  private func writeStatistics(
    _ groups: UnsafeBufferPointer<GroupSequence.Group>, _ fields: SequenceFields, into output: inout ByteBuffer
  ) {
    let count = groups.count
    output.append(field: 10, count: count) { UInt64(groups[$0].group) }
    if fields.contains(.events) { output.append(field: 11, count: count, areSmall: true) { groups[$0].events } }
    if fields.contains(.counts) {
      output.append(field: 12, count: count, areSmall: true) { groups[$0].strong }
      output.append(field: 13, count: count, areSmall: true) { groups[$0].weak }
      output.append(field: 14, count: count, areSmall: true) { groups[$0].negative }
      output.append(field: 15, count: count, areSmall: true) { groups[$0].payment }
    }
    if fields.contains(.dwell) {
      output.append(field: 16, count: count) { groups[$0].dwellSum_ms }
      output.append(field: 17, count: count) { UInt64(groups[$0].dwellMaximum_ms) }
      output.append(field: 18, count: count, areSmall: true) { groups[$0].dwellCount }
    }
    if fields.contains(.spend) {
      output.append(field: 19, count: count) { zigzag(groups[$0].spendSum_micros) }
      output.append(field: 20, count: count, areSmall: true) { groups[$0].spendCount }
    }
    if fields.contains(.times) {
      output.append(field: 21, count: count) { UInt64(bitPattern: groups[$0].first_ms) }
      output.append(field: 22, count: count) { UInt64(bitPattern: groups[$0].last_ms) }
    }
  }

  private func writeBehaviors(
    _ behaviors: UnsafeBufferPointer<Behavior>, _ fields: SequenceFields, into output: inout ByteBuffer
  ) {
    let count = behaviors.count
    if fields.contains(.behaviorTime) {
      output.append(field: 41, count: count) { UInt64(bitPattern: behaviors[$0].time_ms) }
    }
    if fields.contains(.behaviorShop) { output.append(field: 42, count: count) { behaviors[$0].shop } }
    if fields.contains(.behaviorType) {
      output.append(field: 43, count: count, areSmall: true) { UInt64(behaviors[$0].type) }
    }
    if fields.contains(.behaviorDwell) { output.append(field: 44, count: count) { UInt64(behaviors[$0].dwell_ms) } }
    if fields.contains(.behaviorSpend) {
      output.append(field: 45, count: count) { zigzag(behaviors[$0].spend_micros) }
    }
    if fields.contains(.behaviorItem) { output.append(field: 46, count: count, areSmall: true) { behaviors[$0].item } }
  }
}
