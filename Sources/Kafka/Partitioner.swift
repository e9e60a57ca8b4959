/// The partition that the Java client's default partitioner, and librdkafka's `murmur2`, give a record with this key:
/// `toPositive(murmur2(key)) % count` (org.apache.kafka.clients.producer.internals.BuiltInPartitioner).
public func murmur2Partition(_ key: UnsafeRawBufferPointer, count: Int32) -> Int32 {
  precondition(count > 0)
  return Int32(murmur2(key) & 0x7fff_ffff) % count
}

/// org.apache.kafka.common.utils.Utils.murmur2, as its 32 bits.
public func murmur2(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
  // Multiplications wrap: Java's ints do.
  let m: UInt32 = 0x5bd1_e995
  let count = bytes.count
  var hash: UInt32 = 0x9747_b28c ^ UInt32(truncatingIfNeeded: count)
  for index in 0..<count / 4 {
    var word = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 &* index, as: UInt32.self)) &* m
    word = (word ^ word &>> 24) &* m
    hash = (hash &* m) ^ word
  }
  let tail = count & ~3
  if count & 3 >= 3 { hash ^= UInt32(bytes[tail &+ 2]) &<< 16 }
  if count & 3 >= 2 { hash ^= UInt32(bytes[tail &+ 1]) &<< 8 }
  if count & 3 >= 1 { hash = (hash ^ UInt32(bytes[tail])) &* m }
  hash = (hash ^ hash &>> 13) &* m
  return hash ^ hash &>> 15
}
