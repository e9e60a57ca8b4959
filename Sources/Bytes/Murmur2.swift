/// The Java client's hash of keys (org.apache.kafka.common.utils.Utils.murmur2).
public func murmur2(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
  let m: UInt32 = 0x5bd1_e995
  var hash = 0x9747_b28c ^ UInt32(truncatingIfNeeded: bytes.count)
  var at = 0
  // Multiplications wrap, as Java's do.
  while bytes.count - at >= 4 {
    var word = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
    word &*= m
    word ^= word >> 24
    word &*= m
    hash = (hash &* m) ^ word
    at += 4
  }
  let left = bytes.count - at
  if left >= 3 { hash ^= UInt32(bytes[at + 2]) << 16 }
  if left >= 2 { hash ^= UInt32(bytes[at + 1]) << 8 }
  if left >= 1 {
    hash ^= UInt32(bytes[at])
    hash &*= m
  }
  hash ^= hash >> 13
  hash &*= m
  return hash ^ (hash >> 15)
}

/// The partition that the Java client's default partitioner, and librdkafka's `murmur2`, give a record with this key
/// (org.apache.kafka.clients.producer.internals.BuiltInPartitioner). `count` is not 0.
public func murmur2Partition(_ key: UnsafeRawBufferPointer, count: Int32) -> Int32 {
  Int32(murmur2(key) & 0x7fff_ffff) % count
}
