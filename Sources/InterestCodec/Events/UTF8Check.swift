internal import CSimdJSON

/// Whether bytes are UTF-8: at once where all are ASCII, as ids nearly always are.
@inline(__always)
public func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
  guard let base = bytes.baseAddress else { return true }
  var seen: UInt64 = 0
  var at = 0
  while at &+ 8 <= bytes.count {
    seen |= base.loadUnaligned(fromByteOffset: at, as: UInt64.self)
    at &+= 8
  }
  while at < bytes.count {
    seen |= UInt64(base.load(fromByteOffset: at, as: UInt8.self))
    at &+= 1
  }
  return seen & 0x8080_8080_8080_8080 == 0 || csimdjson_is_utf8(base, bytes.count)
}
