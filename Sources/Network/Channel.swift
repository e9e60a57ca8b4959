import Bytes
internal import CNet
import Glibc

/// A connection's bytes, both ways: as they are, or through TLS. The protocols above see no difference.
struct Channel: ~Copyable {
  let socket: Socket
  /// Until it has been found that the peer does not speak it.
  private var tls: TLSSession?

  init(_ socket: Socket, _ tls: TLSSession?) {
    self.socket = socket
    self.tls = tls
  }

  var isSecure: Bool { tls != nil }
  var identity: PeerIdentity? { tls?.identity }

  /// Bytes have been received that no event will announce.
  var hasBuffered: Bool { tls?.hasBuffered ?? false }

  func handshake() -> TLSSession.Progress { tls?.handshake() ?? .done }

  func receive(_ memory: UnsafeMutableRawPointer, _ size: Int) -> Socket.Outcome {
    if let tls { return tls.receive(memory, size) }
    return socket.receive(memory, size)
  }

  func send(_ bytes: UnsafeRawBufferPointer) -> Socket.Outcome {
    if let tls { return tls.send(bytes) }
    return socket.send(bytes)
  }

  /// Tells the peer that nothing more comes; it can still send. False: there is no room for that yet.
  func finish() -> Bool {
    if let tls, !tls.finish() { return false }
    socket.finish()
    return true
  }

  /// Speaks as the peer does.
  mutating func dropTLS() { tls = nil }

  /// Why the last operation failed.
  var failure: String {
    if let tls, !tls.failure.isEmpty { return tls.failure }
    return String(cString: strerror(errno)).lowercased()
  }
}

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
