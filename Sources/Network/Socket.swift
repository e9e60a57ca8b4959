internal import CNet
import Glibc

/// A connection's non-blocking socket, under its `Channel`.
struct Socket {
  enum Outcome {
    case bytes(Int)
    case wouldBlock
    /// The peer has ended its side.
    case end
    /// The connection is broken.
    case failed
  }

  let descriptor: Int32

  init(descriptor: Int32) {
    self.descriptor = descriptor
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
  }

  func receive(_ memory: UnsafeMutableRawPointer, _ size: Int) -> Outcome {
    let count = recv(descriptor, memory, size, 0)
    if count > 0 { return .bytes(count) }
    return count == 0 ? .end : Self.failure()
  }

  enum Peeked: Equatable {
    case byte(UInt8)
    case nothing
    /// Or the connection is broken.
    case end
  }

  /// The next byte, which stays.
  func peek() -> Peeked {
    var byte: UInt8 = 0
    let count = recv(descriptor, &byte, 1, Int32(MSG_PEEK))
    if count == 1 { return .byte(byte) }
    if count < 0, case .wouldBlock = Self.failure() { return .nothing }
    return .end
  }

  func send(_ bytes: UnsafeRawBufferPointer) -> Outcome {
    // Without the flag a peer that has gone would end the process by SIGPIPE.
    let count = CNet.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
    return count >= 0 ? .bytes(count) : Self.failure()
  }

  /// Bytes that were sent and have not arrived at the peer's system.
  var unacknowledged_bytes: Int { Int(cnet_unacknowledged(descriptor)) }

  /// Whether what does not fill a packet waits for more (tcp(7)).
  func cork(_ isCorked: Bool) {
    var value: Int32 = isCorked ? 1 : 0
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_CORK, &value, socklen_t(MemoryLayout<Int32>.size))
  }

  private static func failure() -> Outcome {
    errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? .wouldBlock : .failed
  }

  /// Tells the peer that nothing more comes; it can still send.
  func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

  func close() { _ = CNet.close(descriptor) }

  /// Closes with a reset, so that the system does not go on holding bytes for a peer that does not take them.
  func abort() {
    var linger = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<CNet.linger>.size))
    close()
  }
}
