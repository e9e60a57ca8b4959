internal import CNet
import Glibc

/// A connection of a program that has nothing else to do: every call waits, and gives up after a time without a byte.
public struct BlockingConnection: ~Copyable {
  private let channel: Channel

  /// Connects to the first address of `place` that accepts.
  ///
  /// - Parameters:
  ///   - place: `host:port`.
  ///   - tls: Nil: in clear. Otherwise the certificate of the other side must be for the host.
  ///   - patience_ms: For which connecting, each read and each write may make no progress.
  public static func open(
    to place: String, tls: ClientTLS? = nil, patience_ms: Int
  ) throws(NetworkError) -> BlockingConnection {
    let socket = Socket(descriptor: try connect(to: place, patience_ms))
    let peer = tls.map { TLSPeer($0, address: place) }
    let session = peer.map { TLSSession(connecting: socket, to: $0.host, $0.tls.current) }
    let connection = BlockingConnection(Channel(socket, session))
    switch connection.channel.handshake() {
    case .done: return connection
    case .wantsBytes, .wantsRoom: throw silence
    case .failed(let reason): throw NetworkError(.system, "tls: \(reason)")
    }
  }

  private init(_ channel: consuming Channel) { self.channel = channel }

  deinit { channel.socket.close() }

  public func send(_ bytes: [UInt8]) throws(NetworkError) {
    var sent = 0
    while sent < bytes.count {
      switch bytes.withUnsafeBytes({ channel.send(UnsafeRawBufferPointer(rebasing: $0[sent...])) }) {
      case .bytes(let count): sent += count
      case .wouldBlock: throw Self.silence
      case .end, .failed: throw NetworkError(.system, channel.failure)
      }
    }
  }

  /// Hands over what comes, piece by piece, until that is enough (false), or the other side ends the connection.
  public func receive(_ take: (UnsafeRawBufferPointer) -> Bool) throws(NetworkError) {
    var memory = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      switch memory.withUnsafeMutableBytes({ channel.receive($0.baseAddress.unsafelyUnwrapped, $0.count) }) {
      case .bytes(let count):
        if !memory.withUnsafeBytes({ take(UnsafeRawBufferPointer(rebasing: $0[..<count])) }) { return }
      case .end: return
      case .wouldBlock: throw Self.silence
      case .failed: throw NetworkError(.system, channel.failure)
      }
    }
  }

  private static var silence: NetworkError { NetworkError(.system, "nothing came in time") }

  private static func connect(to place: String, _ patience_ms: Int) throws(NetworkError) -> Int32 {
    var number: Int32 = 0
    for address in try SocketAddress.all(of: place) {
      let descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      guard descriptor >= 0 else {
        number = errno
        continue
      }
      // SO_SNDTIMEO is connect's as well (socket(7)).
      var patience = timeval(tv_sec: patience_ms / 1000, tv_usec: patience_ms % 1000 * 1000)
      for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
        setsockopt(descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
      }
      if address.withSocketAddress({ CNet.connect(descriptor, $0, $1) }) == 0 { return descriptor }
      number = errno
      close(descriptor)
    }
    throw number == EINPROGRESS ? silence : NetworkError(.system, String(cString: strerror(number)).lowercased())
  }
}
