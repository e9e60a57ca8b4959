import Bytes
import InterestCodec
import InterestModel
import InterestStore
import Lookup

extension Lookups {
  /// Appends what a client has to know to read sequences and to ask well: `interest.v1.DescribeResponse`, or the same as JSON.
  public func describe(_ form: AnswerForm, into output: inout ByteBuffer) throws(LookupError) {
    let description = Description(try open().backend, service)
    switch form {
    case .protobuf: description.writeProtobuf(into: &output)
    case .json: description.writeJSON(into: &output)
    }
  }
}

private struct Description {
  private let version: String
  private let instance: String
  private let identity: StateIdentity
  private let generation: Generation
  /// Nil: there is no cluster map here.
  private let groupCount: Int?

  init(_ backend: LookupService.Backend, _ service: LookupService) {
    version = service.version
    instance = service.instance
    identity = backend.store.identity
    generation = backend.store.generation
    groupCount = backend.clusterMap?.groupCount
  }

  private static var limits: [(name: StaticString, value: Int)] {
    [
      ("groups", SequenceQuery.maximumGroups), ("behaviors", StateConfiguration.maximumKeptBehaviors),
      ("users", LookupLimits.users), ("shops", LookupLimits.shops), ("batch_bytes", LookupLimits.batch_bytes),
      ("default_groups", SequenceQuery.defaultGroups),
    ]
  }

  func writeProtobuf(into output: inout ByteBuffer) {
    output.append(field: 1, text: version)
    var part = ByteBuffer()
    for entry in generation.configuration.catalog.entries {
      part.clear()
      part.append(field: 1, text: entry.type)
      part.append(field: 2, varint: UInt64(entry.code))
      part.append(field: 3, varint: UInt64(entry.category.rawValue) + 1)
      output.append(field: 2, message: part.bytes)
    }
    part.clear()
    part.append(field: 1, varint: UInt64(generation.number))
    part.append(field: 2, text: generation.clusterMap)
    part.append(field: 3, varint: 1)
    part.append(field: 4, varint: UInt64(generation.configuration.keptBehaviors))
    let windows = generation.configuration.windows_days
    part.append(field: 5, count: windows.count) { UInt64(windows[$0]) }
    part.append(field: 6, varint: UInt64(groupCount ?? 0))
    output.append(field: 3, message: part.bytes)
    part.clear()
    if case .kafka(let cluster, let topic, let partitions, let partitioner) = identity.source {
      part.append(field: 1, text: cluster)
      part.append(field: 2, text: topic)
      part.append(field: 3, varint: UInt64(partitions))
      part.append(field: 4, text: partitioner.rawValue)
    }
    output.append(field: 4, message: part.bytes)
    part.clear()
    for (index, limit) in Self.limits.enumerated() { part.append(field: index + 1, varint: UInt64(limit.value)) }
    output.append(field: 5, message: part.bytes)
    output.append(field: 6, text: instance)
  }

  func writeJSON(into output: inout ByteBuffer) {
    output.append("{\"version\":")
    output.append(jsonString: version)
    output.append(",\"types\":[")
    for (index, entry) in generation.configuration.catalog.entries.enumerated() {
      if index > 0 { output.append(",") }
      output.append("{\"name\":")
      output.append(jsonString: entry.type)
      output.append(",\"code\":")
      output.append(decimal: UInt64(entry.code))
      output.append(",\"category\":\"")
      output.append(entry.category.name)
      output.append("\"}")
    }
    output.append("],\"generations\":[{\"id\":")
    output.append(decimal: UInt64(generation.number))
    output.append(",\"cluster_map\":\"")
    output.append(generation.clusterMap)
    output.append("\",\"served\":true,\"kept_behaviors\":")
    output.append(decimal: UInt64(generation.configuration.keptBehaviors))
    output.append(",\"window_days\":[")
    output.append(generation.configuration.windows_days.map(String.init).joined(separator: ","))
    output.append("]")
    if let groupCount {
      output.append(",\"group_count\":")
      output.append(decimal: UInt64(groupCount))
    }
    output.append("}],\"source\":{")
    writeSource(into: &output)
    output.append("},\"limits\":{")
    for (index, limit) in Self.limits.enumerated() {
      output.append(index > 0 ? ",\"" : "\"")
      output.append(limit.name)
      output.append("\":")
      output.append(decimal: UInt64(limit.value))
    }
    output.append("},\"instance\":")
    output.append(jsonString: instance)
    output.append("}")
  }

  /// Nothing where the state is of files.
  private func writeSource(into output: inout ByteBuffer) {
    guard case .kafka(let cluster, let topic, let partitions, let partitioner) = identity.source else { return }
    output.append("\"cluster_id\":")
    output.append(jsonString: cluster)
    output.append(",\"topic\":")
    output.append(jsonString: topic)
    output.append(",\"partitions\":")
    output.append(decimal: UInt64(partitions))
    output.append(",\"partitioner\":\"")
    output.append(partitioner.rawValue)
    output.append("\"")
  }
}
