internal import CXXHash

/// XXH64 with seed 0: the contract's hash of ids (DESIGN.md section 4).
public func xxh64(_ bytes: UnsafeRawBufferPointer) -> UInt64 { XXH64(bytes.baseAddress, bytes.count, 0) }

/// XXH3's 64 bits, seed 0: the identity of an event id (DESIGN.md section 5). Quicker than `xxh64` for short keys.
public func xxh3(_ bytes: UnsafeRawBufferPointer) -> UInt64 { XXH3_64bits(bytes.baseAddress, bytes.count) }

/// XXH3's 128 bits over bytes that come in pieces: the content hash of cluster maps and inputs.
public struct ContentHash: ~Copyable, @unchecked Sendable {  // XXH3_state_t has one owner
  private let state: OpaquePointer

  public init() {
    state = XXH3_createState().unsafelyUnwrapped
    XXH3_128bits_reset(state)
  }

  deinit { XXH3_freeState(state) }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    if bytes.count > 0 { XXH3_128bits_update(state, bytes.baseAddress, bytes.count) }
  }

  /// The hash of all bytes so far; more may follow.
  public var value: (high: UInt64, low: UInt64) {
    let hash = XXH3_128bits_digest(state)
    return (hash.high64, hash.low64)
  }

  /// `value` as 32 hexadecimal digits.
  public var hexadecimal: String {
    let (high, low) = value
    return [high, low].map { half in
      let digits = String(half, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}

/// A quick hash of short keys, for tables in memory only: it is not stored and may change.
@inlinable @inline(__always)
public func tableHash(_ bytes: UnsafeRawPointer, _ count: Int, seed: UInt64 = 0) -> UInt64 {
  var hash = (UInt64(truncatingIfNeeded: count) ^ seed) &* 0x9E37_79B9_7F4A_7C15
  var at = bytes
  var left = count
  // Multiplications wrap: that is what mixes.
  while left >= 8 {
    hash = (hash ^ at.loadUnaligned(as: UInt64.self)) &* 0xff51_afd7_ed55_8ccd
    hash ^= hash &>> 32
    at += 8
    left &-= 8
  }
  if left > 0 {
    // The bytes that are left, with some that are in the hash already.
    let tail: UInt64
    if count >= 8 {
      tail = (at + left - 8).loadUnaligned(as: UInt64.self)
    } else if left >= 4 {
      let first = at.loadUnaligned(as: UInt32.self)
      tail = UInt64(first) | UInt64((at + left - 4).loadUnaligned(as: UInt32.self)) &<< 32
    } else {
      let (first, middle) = (at.load(as: UInt8.self), at.load(fromByteOffset: left / 2, as: UInt8.self))
      tail = UInt64(first) | UInt64(middle) &<< 8 | UInt64(at.load(fromByteOffset: left - 1, as: UInt8.self)) &<< 16
    }
    hash = (hash ^ tail) &* 0xff51_afd7_ed55_8ccd
    hash ^= hash &>> 32
  }
  hash &*= 0xc4ce_b9fe_1a85_ec53
  return hash ^ (hash &>> 29)
}
