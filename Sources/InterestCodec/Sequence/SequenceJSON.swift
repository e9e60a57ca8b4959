import Bytes
import InterestModel

/// Writes a group sequence as the JSON of DESIGN.md section 9: one object, no white space, no line end.
public struct SequenceJSONWriter: Sendable {
  private let windowNames: [String]
  /// `"<name>"` as JSON for each type code.
  private let typeNames: [String]

  public init(configuration: StateConfiguration) {
    windowNames = configuration.windows_days.map { "\"\($0)d\":" }
    var names = [String](repeating: "null", count: 256)
    for entry in configuration.catalog.entries {
      var quoted = ByteBuffer()
      var name = entry.type
      name.withUTF8 { quoted.append(jsonString: UnsafeRawBufferPointer($0)) }
      names[Int(entry.code)] = String(decoding: quoted.bytes, as: UTF8.self)
    }
    typeNames = names
  }

  public func write(
    user: UnsafeRawBufferPointer, generation: UInt32, clusterMap: String, _ sequence: borrowing GroupSequence,
    _ query: SequenceQuery = .everything, into output: inout ByteBuffer
  ) {
    output.append("{\"user_id\":")
    output.append(jsonString: user)
    output.append(",\"generation\":")
    output.append(decimal: UInt64(generation))
    output.append(",\"cluster_map\":\"")
    output.append(clusterMap)
    output.append("\",\"groups\":[")
    for index in 0..<sequence.groupColumn.elements.count {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      write(index, of: sequence, query.fields, into: &output)
    }
    output.append("]}")
  }

  private func write(
    _ index: Int, of sequence: borrowing GroupSequence, _ fields: SequenceFields, into output: inout ByteBuffer
  ) {
    let group = sequence.groupColumn.elements[index]
    output.append("{\"group\":")
    output.append(decimal: UInt64(group.group))
    if fields.contains(.events) {
      output.append(",\"events\":")
      output.append(decimal: group.events)
    }
    writeStatistics(group, fields, into: &output)
    if fields.contains(.windows) {
      output.append(",\"windows\":{")
      for window in 0..<windowNames.count {
        if window > 0 { output.append(UInt8(ascii: ",")) }
        output.append(windowNames[window])
        output.append(decimal: sequence.windowColumn.elements[index * windowNames.count + window])
      }
      output.append("}")
    }
    if !fields.isDisjoint(with: .behaviors) {
      output.append(",\"behaviors\":[")
      let from = sequence.splitColumn.elements[index]
      for position in from..<sequence.splitColumn.elements[index + 1] {
        if position > from { output.append(UInt8(ascii: ",")) }
        write(sequence.behaviorColumn.elements[position], fields, into: &output)
      }
      output.append("]")
    }
    output.append("}")
  }

  private func writeStatistics(_ group: GroupSequence.Group, _ fields: SequenceFields, into output: inout ByteBuffer) {
    if fields.contains(.counts) {
      output.append(",\"counts\":{\"strong\":")
      output.append(decimal: group.strong)
      output.append(",\"weak\":")
      output.append(decimal: group.weak)
      output.append(",\"negative\":")
      output.append(decimal: group.negative)
      output.append(",\"payment\":")
      output.append(decimal: group.payment)
      output.append("}")
    }
    if fields.contains(.dwell) {
      output.append(",\"dwell_ms\":{\"sum\":")
      output.append(decimal: group.dwellSum_ms)
      output.append(",\"max\":")
      output.append(decimal: UInt64(group.dwellMaximum_ms))
      output.append(",\"n\":")
      output.append(decimal: group.dwellCount)
      output.append("}")
    }
    if fields.contains(.spend) {
      output.append(",\"spend_micros\":{\"sum\":")
      output.append(decimal: group.spendSum_micros)
      output.append(",\"n\":")
      output.append(decimal: group.spendCount)
      output.append("}")
    }
    if fields.contains(.times) {
      output.append(",\"first_ms\":")
      output.append(decimal: group.first_ms)
      output.append(",\"last_ms\":")
      output.append(decimal: group.last_ms)
    }
  }

  private func write(_ behavior: Behavior, _ fields: SequenceFields, into output: inout ByteBuffer) {
    var separator: StaticString = "{"
    func name(_ name: StaticString, _ output: inout ByteBuffer) {
      output.append(separator)
      output.append(name)
      separator = ","
    }
    if fields.contains(.behaviorTime) {
      name("\"time_ms\":", &output)
      output.append(decimal: behavior.time_ms)
    }
    if fields.contains(.behaviorShop) {
      name("\"shop\":", &output)
      output.append(decimal: behavior.shop)
    }
    if fields.contains(.behaviorType) {
      name("\"type\":", &output)
      output.append(typeNames[Int(behavior.type)])
    }
    if fields.contains(.behaviorDwell) {
      name("\"dwell_ms\":", &output)
      output.append(decimal: UInt64(behavior.dwell_ms))
    }
    if fields.contains(.behaviorSpend) {
      name("\"spend_micros\":", &output)
      output.append(decimal: behavior.spend_micros)
    }
    if fields.contains(.behaviorItem) {
      name("\"item\":", &output)
      output.append(decimal: behavior.item)
    }
    output.append("}")
  }
}
