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
