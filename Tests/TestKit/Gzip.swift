/// A gzip member with its bytes stored, not compressed: RFC 1952 around RFC 1951's stored blocks.
public func gzip(_ bytes: [UInt8]) -> [UInt8] {
  var member: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
  func little(_ value: UInt64, _ size: Int) -> [UInt8] {
    (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
  var start = 0
  repeat {
    let size = min(bytes.count - start, 65_535)
    member.append(start + size == bytes.count ? 1 : 0)
    member += little(UInt64(size), 2) + little(UInt64(~UInt16(size)), 2) + bytes[start..<start + size]
    start += size
  } while start < bytes.count
  var crc: UInt32 = ~0
  for byte in bytes {
    crc ^= UInt32(byte)
    for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0xEDB8_8320 : crc >> 1 }
  }
  return member + little(UInt64(~crc), 4) + little(UInt64(bytes.count), 4)
}
