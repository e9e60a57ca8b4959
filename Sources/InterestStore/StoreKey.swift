import InterestModel

/// The keys of a generation. A user's is partition (two bytes, big end first) + id; a partition's offsets lie at the partition
/// alone; positions other than offsets lie behind all partitions.
public enum StoreKey {
  /// Partitions are 0..<`partitionLimit`.
  public static var partitionLimit: Int { 0xFFFC }
  /// The ids by which duplicates are told, by partition and last offset.
  static var duplicateIDs: UInt16 { 0xFFFC }
  /// Users whose bytes are still to leave the disk, by their keys.
  static var erasures: UInt16 { 0xFFFD }
  /// What is known of the whole state, by names: how far the dead letters reach, which partitions are owned, whether
  /// users were met on wrong ones.
  static var facts: UInt16 { 0xFFFE }
  /// How far each input has been read.
  static var inputs: UInt16 { 0xFFFF }

  enum Kind { case state, offsets, latest, input }

  /// How a key's operands are folded.
  @inline(__always)
  static func kind(of key: UnsafeRawBufferPointer) -> Kind {
    guard key.count > 2 else { return .offsets }
    switch partition(of: key) {
    case duplicateIDs, erasures, facts: return .latest
    case inputs: return .input
    default: return .state
    }
  }

  @inline(__always)
  static func partition(of key: UnsafeRawBufferPointer) -> UInt16 {
    key.count < 2 ? 0 : UInt16(bigEndian: key.loadUnaligned(as: UInt16.self))
  }

  static func bytes(_ partition: UInt16, _ name: String = "") -> [UInt8] {
    [UInt8(partition >> 8), UInt8(truncatingIfNeeded: partition)] + name.utf8
  }

  /// Of an erasure that is still on the disk: the user's own key behind the prefix.
  static func erasure(of key: UnsafeRawBufferPointer) -> [UInt8] { bytes(erasures) + Array(key) }

  /// Of the ids that were met on a partition up to an offset.
  static func duplicateIDs(_ partition: UInt16, upTo offset: Int64) -> [UInt8] {
    let order = UInt64(bitPattern: offset)
    return bytes(duplicateIDs) + bytes(partition)
      + stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: order >> UInt64($0)) }
  }
}
