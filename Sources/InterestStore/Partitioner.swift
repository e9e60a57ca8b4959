import Bytes

/// From a record's key to its partition, as the producers do it: so that a lookup finds a user's partition by the id.
public enum Partitioner: String, CaseIterable, Codable, Sendable {
  /// The Java client's default, and librdkafka's `murmur2_random`.
  case murmur2
  /// Keys say nothing of the user (`kafka.key: ignore`): a user may be on every partition.
  case none

  /// The partitions that may hold a user's behaviors.
  func partitions(of user: UnsafeRawBufferPointer, count: Int) -> Range<UInt16> {
    switch self {
    case .murmur2:
      let partition = UInt16(truncatingIfNeeded: murmur2Partition(user, count: Int32(max(count, 1))))
      return partition..<partition + 1
    case .none: return 0..<UInt16(truncatingIfNeeded: count)
    }
  }
}

extension StateSource {
  /// The partitions that may hold a user's behaviors: one, unless keys say nothing. Files are partition 0.
  public func partitions(of user: UnsafeRawBufferPointer) -> Range<UInt16> {
    switch self {
    case .files: 0..<1
    case .kafka(_, _, let partitions, let partitioner):
      partitioner.partitions(of: user, count: partitions)
    }
  }
}
