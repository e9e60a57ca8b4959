import Bytes

/// Bytes that wait until a channel takes them.
struct Outbox: ~Copyable {
  enum Progress { case sent, blocked, broken }

  private var waiting: ByteBuffer
  private var sent = 0

  /// Memory that an emptied one keeps.
  private let kept_bytes: Int

  init(kept_bytes: Int) {
    waiting = ByteBuffer(capacity: 16)
    self.kept_bytes = kept_bytes
  }

  var isEmpty: Bool { sent == waiting.count }

  /// Bytes that wait.
  var count: Int { waiting.count - sent }

  /// Memory above what an emptied one keeps.
  var held_bytes: Int { max(0, waiting.capacity_bytes - kept_bytes) }

  /// Sends behind what waits already, and keeps what the channel does not take.
  mutating func send(_ bytes: UnsafeRawBufferPointer, through channel: borrowing Channel) -> Progress {
    var rest = bytes
    while isEmpty, rest.count > 0 {
      switch channel.send(rest) {
      case .bytes(let count): rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      case .wouldBlock:
        waiting.append(rest)
        return .blocked
      case .end, .failed: return .broken
      }
    }
    waiting.append(rest)
    return isEmpty ? .sent : .blocked
  }

  mutating func add(_ bytes: UnsafeRawBufferPointer) { waiting.append(bytes) }

  mutating func flush(through channel: borrowing Channel) -> Progress {
    while !isEmpty {
      switch channel.send(UnsafeRawBufferPointer(rebasing: waiting.bytes[sent...])) {
      case .bytes(let count): sent += count
      case .wouldBlock: return .blocked
      case .end, .failed: return .broken
      }
    }
    waiting.clear()
    waiting.shrink(to: kept_bytes)
    sent = 0
    return .sent
  }
}
