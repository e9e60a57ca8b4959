import Bytes

/// From a record's key to its partition, as the producers do it: so that a lookup finds a user's partition by the id.
public enum Partitioner: String, CaseIterable, Codable, Sendable {
  /// The Java client's default, and librdkafka's `murmur2_random`.
  case murmur2
  /// librdkafka's default, `consistent_random`.
  case crc32
  /// Sarama's default, and librdkafka's `fnv1a_random`.
  case fnv1a
  /// Keys say nothing of the user (`kafka.key: ignore`): a user may be on every partition.
  case none

  /// The partitions that may hold a user's behaviors.
  func partitions(of user: UnsafeRawBufferPointer, count: Int) -> Range<UInt16> {
    let limit = Int32(truncatingIfNeeded: max(count, 1))
    let partition: Int32
    switch self {
    case .murmur2: partition = murmur2Partition(user, count: limit)
    case .crc32: partition = crc32Partition(user, count: limit)
    case .fnv1a: partition = fnv1aPartition(user, count: limit)
    case .none: return 0..<UInt16(truncatingIfNeeded: count)
    }
    let only = UInt16(truncatingIfNeeded: partition)
    return only..<only + 1
  }

  /// Those of the others that would have put the user on `partition` of `count`: with few partitions, more than one by chance.
  public func others(placing user: UnsafeRawBufferPointer, on partition: UInt16, of count: Int) -> [Partitioner] {
    Self.allCases.filter { candidate in
      candidate != self && candidate != .none && candidate.partitions(of: user, count: count).contains(partition)
    }
  }
}

extension StateSource {
  /// Files are one partition.
  public var partitionCount: Int {
    switch self {
    case .files: 1
    case .kafka(_, _, let partitions, _): partitions
    }
  }

  /// The partitions that may hold a user's behaviors: one, unless keys say nothing. Files are partition 0.
  public func partitions(of user: UnsafeRawBufferPointer) -> Range<UInt16> {
    switch self {
    case .files: 0..<1
    case .kafka(_, _, let partitions, let partitioner):
      partitioner.partitions(of: user, count: partitions)
    }
  }
}
