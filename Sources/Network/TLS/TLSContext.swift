internal import CNet
import Glibc

/// OpenSSL's context: what connections with the same certificates share. Those that were begun with it hold it.
///
/// `@unchecked Sendable`: nothing changes it once it is made, and OpenSSL counts its users atomically (SSL_CTX_up_ref(3)).
final class TLSContext: @unchecked Sendable {
  let handle: OpaquePointer
  /// What `cnet_tls_set_protocols` lends to OpenSSL.
  private let protocols = UnsafeMutablePointer<cnet_protocols>.allocate(capacity: 1)
  private let protocolBytes: UnsafeMutableBufferPointer<UInt8>

  /// TLS 1.2 and later, of 1.2 only what has forward secrecy and is authenticated; no renegotiation, so that reading never has to write.
  private init(_ method: OpaquePointer?, protocols names: [String]) throws(NetworkError) {
    ERR_clear_error()
    guard let handle = SSL_CTX_new(method) else { throw .tls("starting TLS") }
    self.handle = handle
    protocolBytes = .allocate(capacity: names.reduce(0) { $0 + 1 + $1.utf8.count })
    _ = protocolBytes.initialize(from: names.flatMap { [UInt8(truncatingIfNeeded: $0.utf8.count)] + Array($0.utf8) })
    protocols.initialize(
      to: cnet_protocols(bytes: UnsafePointer(protocolBytes.baseAddress), count: UInt32(protocolBytes.count)))
    guard cnet_tls_set_minimum(handle) == 1, SSL_CTX_set_cipher_list(handle, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 else {
      throw .tls("choosing the ciphers of TLS")
    }
    SSL_CTX_set_options(handle, Self.options)
    cnet_tls_set_modes(handle)
    cnet_tls_disable_cache(handle)
    cnet_tls_refuse_passphrases(handle)
  }

  deinit {
    SSL_CTX_free(handle)
    protocols.deallocate()
    protocolBytes.deallocate()
  }

  /// SSL_OP_NO_COMPRESSION, SSL_OP_NO_RENEGOTIATION, SSL_OP_IGNORE_UNEXPECTED_EOF: macros that Swift does not import (ssl.h, SSL_OP_BIT 17,
  /// 30, 7). An end without close_notify is an end like another: every protocol here says itself how long its messages are.
  private static let options: UInt64 = 1 << 17 | 1 << 30 | 1 << 7

  // MARK: Roles

  /// - Parameters:
  ///   - clientCA: Clients must have a certificate that these authorities issued; nil: they are not asked for one.
  ///   - protocols: What ALPN may choose, the best first; empty: clients' offers are not looked at.
  static func server(
    certificate: String, key: String, clientCA: String?, protocols: [String]
  ) throws(NetworkError) -> TLSContext {
    let context = try TLSContext(TLS_server_method(), protocols: protocols)
    try context.use(certificate: certificate, key: key)
    if let clientCA {
      try context.trust(clientCA)
      guard let names = SSL_load_client_CA_file(clientCA) else { throw .tls("reading the authorities \(clientCA)") }
      SSL_CTX_set_client_CA_list(context.handle, names)
      SSL_CTX_set_verify(context.handle, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
    }
    // Without one, OpenSSL refuses to resume sessions that had a client's certificate (SSL_CTX_set_session_id_context(3)).
    var name = Array("interestd".utf8)
    SSL_CTX_set_session_id_context(context.handle, &name, UInt32(name.count))
    if !protocols.isEmpty { cnet_tls_set_protocols(context.handle, context.protocols) }
    return context
  }

  /// - Parameters:
  ///   - ca: The authorities whose certificates servers may have; nil: the system's.
  ///   - identity: What is shown to servers that ask for a certificate.
  static func client(
    ca: String?, identity: (certificate: String, key: String)?
  ) throws(NetworkError) -> TLSContext {
    let context = try TLSContext(TLS_client_method(), protocols: [])
    if let ca {
      try context.trust(ca)
    } else if SSL_CTX_set_default_verify_paths(context.handle) != 1 {
      throw .tls("reading the system's authorities")
    }
    if let identity { try context.use(certificate: identity.certificate, key: identity.key) }
    SSL_CTX_set_verify(context.handle, SSL_VERIFY_PEER, nil)
    return context
  }

  // MARK: Files

  private func use(certificate: String, key: String) throws(NetworkError) {
    try Self.checkReadable(certificate, "certificate")
    ERR_clear_error()
    guard SSL_CTX_use_certificate_chain_file(handle, certificate) == 1 else {
      throw .tls("reading the certificate \(certificate)", form: "it must be PEM, the server's certificate first")
    }
    try Self.checkReadable(key, "key")
    ERR_clear_error()
    guard SSL_CTX_use_PrivateKey_file(handle, key, SSL_FILETYPE_PEM) == 1 else {
      // OpenSSL compares it with the certificate at once.
      throw .tls("reading the key \(key)", form: "it must be the certificate's private key, PEM, without a passphrase")
    }
  }

  private func trust(_ ca: String) throws(NetworkError) {
    try Self.checkReadable(ca, "authorities")
    ERR_clear_error()
    guard SSL_CTX_load_verify_locations(handle, ca, nil) == 1 else {
      throw .tls("reading the authorities \(ca)", form: "it must be certificates in PEM form")
    }
  }

  /// The system tells why a file cannot be read better than OpenSSL does.
  private static func checkReadable(_ path: String, _ what: String) throws(NetworkError) {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw .system("reading the \(what) \(path)", errno) }
    close(file)
  }

  /// When its own certificate expires, in Unix seconds; nil where it has none.
  var expiry_s: Int64? {
    guard let certificate = SSL_CTX_get0_certificate(handle) else { return nil }
    let expiry_s = cnet_certificate_expiry(certificate)
    return expiry_s < 0 ? nil : expiry_s
  }
}

extension NetworkError {
  /// `action` failed, for the reason that OpenSSL gave first on this thread.
  ///
  /// - Parameter form: What the file must be, told unless it is that, and its key or signature too weak (SSL_CTX_set_security_level(3)).
  static func tls(_ action: String, form: String? = nil) -> NetworkError {
    let isWeak = TLSContext.isWeak
    let hint = isWeak ? "make one with a key of P-256 or 2048 bits of RSA, and SHA-256" : form
    return NetworkError(.credentials, "\(action): \(TLSContext.reason)" + (hint.map { "; \($0)" } ?? ""))
  }
}

extension TLSContext {
  static var reason: String {
    let code = cnet_tls_first_error()
    guard code != 0, let text = ERR_reason_error_string(code) else { return "openssl gives no reason" }
    return String(cString: text).lowercased()
  }

  fileprivate static var isWeak: Bool {
    [SSL_R_EE_KEY_TOO_SMALL, SSL_R_CA_KEY_TOO_SMALL, SSL_R_CA_MD_TOO_WEAK].contains(
      cnet_tls_reason_code(cnet_tls_first_error()))
  }
}
