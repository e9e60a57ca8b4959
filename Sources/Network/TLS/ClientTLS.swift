import Threads

/// TLS of connections to other servers: whom they trust, and what they show. The files can be read again; connections keep what they
/// began with.
public final class ClientTLS: Reloadable, @unchecked Sendable {  // `context` is guarded by `mutex`
  public let files: [String]
  private let ca: String?
  private let certificate: String?
  private let key: String?
  private let mutex = Mutex()
  private var context: TLSContext

  /// - Parameters:
  ///   - ca: A PEM file of the authorities whose certificates servers may have; nil: the system's.
  ///   - certificate: What is shown to servers that ask for it, with its key; nil: nothing.
  public init(ca: String? = nil, certificate: String? = nil, key: String? = nil) throws(NetworkError) {
    self.ca = ca
    self.certificate = certificate
    self.key = key
    files = [ca, certificate, key].compactMap { $0 }
    context = try Self.read(ca, certificate, key)
  }

  public func reload() throws(NetworkError) {
    let next = try Self.read(ca, certificate, key)
    mutex.withLock { context = next }
  }

  private static func read(_ ca: String?, _ certificate: String?, _ key: String?) throws(NetworkError) -> TLSContext {
    var identity: (certificate: String, key: String)?
    if let certificate, let key { identity = (certificate, key) }
    return try TLSContext.client(ca: ca, identity: identity)
  }

  public var expiry_s: Int64? { current.expiry_s }

  var current: TLSContext { mutex.withLock { context } }
}

/// A server to connect to by TLS.
public struct TLSPeer {
  let tls: ClientTLS
  /// A name, or an address without brackets.
  let host: String

  /// - Parameter address: `host:port`, an IPv6 host in brackets: the host is what the server's certificate must be for.
  public init(_ tls: ClientTLS, address: String) {
    self.tls = tls
    var host = address.lastIndex(of: ":").map { address[..<$0] } ?? address[...]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    self.host = String(host)
  }
}
