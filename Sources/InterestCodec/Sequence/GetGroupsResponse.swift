import Bytes

/// What stands around the sequence in `interest.v1.GetGroupsResponse`, and in the same as JSON.
public enum GetGroupsResponse {
  /// Of field 1, the sequence; its length and bytes follow.
  public static var sequenceTag: UInt8 { 1 << 3 | 2 }

  /// Puts the length of what was written from `start` on before it.
  public static func insertLength(at start: Int, into output: inout ByteBuffer) {
    let size = UInt64(output.count - start)
    var at = output.insert(varintSize(size), at: start).assumingMemoryBound(to: UInt8.self)
    writeVarint(size, &at)
  }

  /// Each shop's group; in JSON the object's end too.
  public static func append(_ shopGroups: ContiguousArray<UInt32>, _ isJSON: Bool, to output: inout ByteBuffer) {
    if !isJSON { return output.append(field: 2, count: shopGroups.count) { UInt64(shopGroups[$0]) } }
    output.append(",\"shop_groups\":[")
    for index in shopGroups.indices {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      output.append(decimal: UInt64(shopGroups[index]))
    }
    output.append("]}")
  }
}
