import InterestModel

/// The keys of a generation. A user's is partition (two bytes, big end first) + id; a partition's offsets lie at the partition
/// alone; positions other than offsets lie behind all partitions.
public enum StoreKey {
  /// Partitions are 0..<`partitionLimit`.
  public static var partitionLimit: Int { 0xFFFE }
  /// How far the dead letters reach, and how far each input has been read.
  static var deadLetters: UInt16 { 0xFFFE }
  static var inputs: UInt16 { 0xFFFF }

  enum Kind { case state, offsets, deadLetters, input }

  @inline(__always)
  static func kind(of key: UnsafeRawBufferPointer) -> Kind {
    guard key.count > 2 else { return .offsets }
    switch partition(of: key) {
    case deadLetters: return .deadLetters
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
}
