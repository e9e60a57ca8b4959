import Bytes

/// gRPC's framing of messages (grpc/doc/PROTOCOL-HTTP2.md, Length-Prefixed-Message): a byte that tells whether it is compressed,
/// four of length, the message. A state machine over bytes that come in any pieces.
struct MessageReader: ~Copyable {
  enum Outcome: Equatable {
    /// All bytes were taken; the message is not whole.
    case more
    /// A message is whole; bytes may follow it.
    case message(isCompressed: Bool)
    /// It says that it has so many bytes.
    case tooLong(Int)
    /// The first byte is neither 0 nor 1.
    case malformed
  }

  static let prefix_bytes = 5

  /// The message so far.
  private(set) var message = ByteBuffer(capacity: 128)
  private var prefix: UInt64 = 0
  private var prefixCount = 0
  private var length: Int { Int(prefix & 0xffff_ffff) }

  /// Memory that an emptied reader keeps.
  private static let kept_bytes = 4096

  /// Whether nothing of a message has come yet.
  var isBetweenMessages: Bool { prefixCount == 0 }

  /// For the next message.
  mutating func clear() {
    message.clear()
    message.shrink(to: Self.kept_bytes)
    prefix = 0
    prefixCount = 0
  }

  /// Takes bytes up to a message's end. `used`: how many.
  mutating func take(_ bytes: UnsafeRawBufferPointer, limit: Int, used: inout Int) -> Outcome {
    used = 0
    while prefixCount < Self.prefix_bytes {
      guard used < bytes.count else { return .more }
      prefix = prefix << 8 | UInt64(bytes[used])
      prefixCount += 1
      used += 1
      if prefixCount == 1, prefix > 1 { return .malformed }
    }
    if length > limit { return .tooLong(length) }
    let count = min(length - message.count, bytes.count - used)
    message.append(UnsafeRawBufferPointer(rebasing: bytes[used..<used + count]))
    used += count
    return message.count == length ? .message(isCompressed: prefix >> 32 == 1) : .more
  }
}
