import Threads

/// TLS of a listener: its certificate and key, and whose certificates clients must have. The files can be read again while it serves;
/// connections keep what they began with.
public final class ServerTLS: Reloadable, @unchecked Sendable {  // `context` and `silence` are guarded by `mutex`
  public let files: [String]
  private let certificate: String
  private let key: String
  private let clientCA: String?
  private let protocols: [String]
  private let refused: @Sendable (_ peer: String, _ reason: String, _ omitted: Int) -> Void
  private let mutex = Mutex()
  private var context: TLSContext
  private var silentUntil_ns: UInt64 = 0
  private var omitted = 0

  /// A failed handshake is told of at most this often.
  private static let silence_ns: UInt64 = 10_000_000_000

  /// - Parameters:
  ///   - certificate: A PEM file, the server's certificate first and then those that lead to its authority.
  ///   - key: A PEM file with its private key.
  ///   - clientCA: A PEM file of authorities: clients must then have a certificate of theirs.
  ///   - protocols: ALPN's names, the best first, as in `["h2"]`: clients that offer others are refused. Empty: any.
  ///   - refused: Told, from a loop's thread, why a handshake failed, and how many others failed since it was told last.
  public init(
    certificate: String, key: String, clientCA: String? = nil, protocols: [String] = [],
    refused: @escaping @Sendable (_ peer: String, _ reason: String, _ omitted: Int) -> Void = { _, _, _ in }
  ) throws(NetworkError) {
    self.certificate = certificate
    self.key = key
    self.clientCA = clientCA
    self.protocols = protocols
    self.refused = refused
    files = [certificate, key] + (clientCA.map { [$0] } ?? [])
    context = try TLSContext.server(certificate: certificate, key: key, clientCA: clientCA, protocols: protocols)
  }

  /// Reads the files again, for connections from now on. Where they are of no use, it stays as it was.
  public func reload() throws(NetworkError) {
    let next = try TLSContext.server(certificate: certificate, key: key, clientCA: clientCA, protocols: protocols)
    mutex.withLock { context = next }
  }

  /// Whether clients must have a certificate.
  public var asksClients: Bool { clientCA != nil }

  /// When the certificate in use expires, in Unix seconds.
  public var expiry_s: Int64? { current.expiry_s }

  var current: TLSContext { mutex.withLock { context } }

  func note(refusal reason: String, of peer: String, now_ns: UInt64) {
    let told: Int? = mutex.withLock {
      guard now_ns >= silentUntil_ns else {
        omitted += 1
        return nil
      }
      silentUntil_ns = now_ns + Self.silence_ns
      defer { omitted = 0 }
      return omitted
    }
    if let told { refused(peer, reason, told) }
  }
}
