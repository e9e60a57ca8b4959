import Bytes
import InterestStore
import Routing
import Serving

/// `/v1/topology` (Schemas/topology.schema.json).
enum TopologyJSON {
  static func write(instance: String, _ backend: LookupService.Backend, to output: inout ByteBuffer) {
    output.append("{\"instance\":")
    output.append(jsonString: instance)
    output.append(",\"partitions\":[")
    let topology = backend.topology
    let snapshot = topology?.current
    let statuses = backend.board?.all ?? []
    // A topic that has grown is told of as it is, although its new partitions are not served.
    let count = snapshot == nil ? 0 : max(backend.store.identity.source.partitionCount, topology?.partitionCount ?? 0)
    var own = statuses[...]
    for partition in 0..<UInt16(truncatingIfNeeded: min(count, StoreKey.partitionLimit)) {
      if partition > 0 { output.append(",") }
      let status = own.first?.partition == partition ? own.popFirst() : nil
      write(partition, owner: owner(of: partition, snapshot, status), status, to: &output)
    }
    output.append("]}\n")
  }

  /// Where the group does not tell, as before the first answer, an own partition is known to be.
  private static func owner(of partition: UInt16, _ snapshot: TopologySnapshot?, _ status: PartitionStatus?) -> String?
  {
    if let owner = snapshot?.owner(of: partition) { return owner.address }
    return status == nil ? nil : snapshot?.instance
  }

  private static func write(
    _ partition: UInt16, owner: String?, _ status: PartitionStatus?, to output: inout ByteBuffer
  ) {
    output.append("{\"partition\":")
    output.append(decimal: UInt64(partition))
    output.append(",\"owner\":")
    if let owner { output.append(jsonString: owner) } else { output.append("null") }
    if let status {
      output.append(",\"state\":\"")
      output.append(status.state.rawValue)
      output.append("\",\"applied_offset\":")
      output.append(decimal: status.applied)
      output.append(",\"end_offset\":")
      output.append(decimal: status.end)
    }
    output.append("}")
  }
}
