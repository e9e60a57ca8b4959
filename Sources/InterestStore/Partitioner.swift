import Bytes

/// From a record's key to its partition, as the producers do it: so that a lookup finds a user's partition by the id.
public enum Partitioner: String, CaseIterable, Sendable {
  /// The Java client's default, and librdkafka's `murmur2_random`.
  case murmur2

  public func partition(of key: UnsafeRawBufferPointer, count: Int) -> UInt16 {
    switch self {
    case .murmur2: UInt16(truncatingIfNeeded: Int(Bytes.murmur2(key) & 0x7fff_ffff) % max(count, 1))
    }
  }
}

extension StateSource {
  /// The partition that holds a user. Files are one partition.
  public func partition(of user: UnsafeRawBufferPointer) -> UInt16 {
    switch self {
    case .files: 0
    case .kafka(_, _, let partitions, let partitioner):
      (Partitioner(rawValue: partitioner) ?? .murmur2).partition(of: user, count: partitions)
    }
  }
}
