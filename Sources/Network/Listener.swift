internal import CNet
import Glibc
import Synchronization

/// A bound and listening TCP socket, and what its connections speak: a protocol, in clear or through TLS; for one server.
public final class Listener: Sendable {
  /// Where it listens: with the real port where 0 was asked for.
  public let address: SocketAddress
  public let counters = NetworkCounters()
  let tls: ServerTLS?
  /// Nil: the server's.
  let limits: NetworkLimits?
  let makeFactory: @Sendable () -> ConnectionFactory
  private let descriptor: Atomic<Int32>

  /// - Parameters:
  ///   - address: `host:port`; port 0 takes a free one.
  ///   - tls: nil: connections are in clear.
  ///   - limits: of its connections; nil: the server's.
  ///   - allowRemote: whether other machines may reach it. Without it only a loopback address is accepted.
  ///   - option: the configuration key that sets `allowRemote`, for the error's hint.
  ///   - makeFactory: runs once on each loop's thread.
  public init(
    address text: String, tls: ServerTLS? = nil, limits: NetworkLimits? = nil, allowRemote: Bool, option: String,
    makeFactory: @escaping @Sendable () -> ConnectionFactory
  ) throws(NetworkError) {
    let asked = try SocketAddress(parsing: text)
    guard allowRemote || asked.isLoopback else {
      throw NetworkError(
        .remote,
        "listening on \(text) would let other machines in, without both TLS and authentication; configure them, set "
          + "\(option): true, or use 127.0.0.1"
      )
    }
    let descriptor = try Self.listen(on: asked, text)
    guard let bound = SocketAddress(boundTo: descriptor) else {
      let number = errno
      close(descriptor)
      throw .system("asking the address of \(text)", number)
    }
    address = bound
    self.descriptor = Atomic(descriptor)
    self.tls = tls
    self.limits = limits
    self.makeFactory = makeFactory
  }

  deinit { release() }

  /// A descriptor of its own for a loop: the socket goes on listening until all of them, and the listener's, are closed.
  func duplicate() throws(NetworkError) -> Int32 {
    let copy = cnet_duplicate(descriptor.load(ordering: .relaxed))
    guard copy >= 0 else { throw .system("sharing the socket of \(address)", errno) }
    return copy
  }

  /// Closes the listener's own descriptor: from now on only the loops' keep the socket listening.
  func release() {
    let own = descriptor.exchange(-1, ordering: .relaxed)
    if own >= 0 { close(own) }
  }

  private static func listen(on address: SocketAddress, _ text: String) throws(NetworkError) -> Int32 {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(address.family, type, 0)
    guard descriptor >= 0 else { throw .system("opening a socket for \(text)", errno) }
    var one: Int32 = 1
    // A restart need not wait for the old connections' TIME_WAIT. Not SO_REUSEPORT: a second daemon must be refused.
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    var code = address.withSocketAddress { bind(descriptor, $0, $1) }
    if code == 0 { code = CNet.listen(descriptor, SOMAXCONN) }
    guard code == 0 else {
      let number = errno
      close(descriptor)
      let hint = number == EADDRINUSE ? "another process listens there; choose another port, or 0 for a free one" : nil
      throw .system("listening on \(text)", number, hint: hint)
    }
    return descriptor
  }
}
