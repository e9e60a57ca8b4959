internal import CZlib

/// CRC-32 (ISO 3309), as zlib and librdkafka compute it. `bytes` are fewer than 2^32.
public func crc32(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
  UInt32(truncatingIfNeeded: CZlib.crc32(0, bytes.baseAddress, UInt32(truncatingIfNeeded: bytes.count)))
}

/// The partition that librdkafka's `consistent`, and its default `consistent_random`, give a record with this key
/// (rdkafka_msg.c, rd_kafka_msg_partitioner_consistent). `count` is not 0.
public func crc32Partition(_ key: UnsafeRawBufferPointer, count: Int32) -> Int32 {
  Int32(truncatingIfNeeded: crc32(key) % count.magnitude)
}

/// FNV-1a of 32 bits (http://www.isthe.com/chongo/tech/comp/fnv).
public func fnv1a(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
  var hash: UInt32 = 0x811C_9DC5
  // The multiplication wraps: that is the hash.
  for byte in bytes { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
  return hash
}

/// The partition that Sarama's NewHashPartitioner, its default, and librdkafka's `fnv1a` give a record with this key: of the hash as a
/// signed number without its sign (rdfnv1a.c; Sarama takes the sign off the remainder, which is the same). Sarama's
/// NewReferenceHashPartitioner clears the sign bit instead, which is another partition. `count` is not 0.
public func fnv1aPartition(_ key: UnsafeRawBufferPointer, count: Int32) -> Int32 {
  Int32(truncatingIfNeeded: Int32(bitPattern: fnv1a(key)).magnitude % count.magnitude)
}
