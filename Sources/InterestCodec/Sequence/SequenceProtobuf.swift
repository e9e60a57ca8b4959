import Bytes
import InterestModel

/// Writes a group sequence as `interest.v1.GroupSequence` (Schemas/interest/v1/sequence.proto): the bytes that Protobuf's own encoder
/// writes, without a length before them.
public struct SequenceProtobufWriter: Sendable {
  private let windows_days: [Int]

  public init(configuration: StateConfiguration) { windows_days = configuration.windows_days }

  /// - Parameters:
  ///   - sequence: Read `asColumns`.
  ///   - query: What it was read by: its fields are the columns that are written.
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
    func append(_ field: Int, _ asked: SequenceFields, _ column: borrowing ByteBuffer) {
      if query.fields.contains(asked) { output.append(field: field, bytes: column.bytes) }
    }
    append(41, .behaviorTime, sequence.behaviorBytes.times)
    append(42, .behaviorShop, sequence.behaviorBytes.shops)
    append(43, .behaviorType, sequence.behaviorBytes.types)
    append(44, .behaviorDwell, sequence.behaviorBytes.dwells)
    append(45, .behaviorSpend, sequence.behaviorBytes.spends)
    append(46, .behaviorItem, sequence.behaviorBytes.items)
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
}
