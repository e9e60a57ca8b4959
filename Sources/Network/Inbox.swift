import Bytes

/// Bytes received that the protocol has not consumed. Consuming from the front of much is as cheap as of little: what is behind moves
/// down when half is gone.
struct Inbox: ~Copyable {
  private var buffer = ByteBuffer(capacity: 16)
  private var consumed = 0
  /// Memory that is kept when it is empty.
  private let kept_bytes: Int

  init(kept_bytes: Int) { self.kept_bytes = kept_bytes }

  var count: Int { buffer.count - consumed }

  /// Good until the next change.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer.bytes[consumed...]) }

  mutating func append(_ bytes: UnsafeRawBufferPointer) { buffer.append(bytes) }

  mutating func removeFirst(_ count: Int) {
    consumed += count
    if consumed == buffer.count { return clear() }
    if consumed >= buffer.count - consumed {
      buffer.removeFirst(consumed)
      consumed = 0
    }
  }

  mutating func clear() {
    buffer.clear()
    buffer.shrink(to: kept_bytes)
    consumed = 0
  }
}
