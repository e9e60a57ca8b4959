internal import CNet
import Glibc

/// One connection's TLS, over its non-blocking socket. On its loop's thread only.
final class TLSSession {
  enum Progress {
    case done
    /// Of the handshake, or room for them.
    case wantsBytes, wantsRoom
    /// Why there will be no connection.
    case failed(String)
  }

  /// What a client of TLS sends first: the type of a handshake's record (RFC 8446 section 5.1).
  static let firstByte: UInt8 = 22

  /// The plaintext of a record, at most (RFC 8446 section 5.1).
  private static let record_bytes = 16 * 1024

  private let handle: OpaquePointer
  private let socket: Socket
  private let context: TLSContext
  /// Bytes of the peer may have been received that no event will announce.
  private(set) var hasBuffered = false
  /// Why reading or writing failed.
  private(set) var failure = ""

  /// As a server.
  init(accepting socket: Socket, _ context: TLSContext) {
    self.socket = socket
    self.context = context
    handle = Self.make(context, socket.descriptor)
    SSL_set_accept_state(handle)
  }

  /// As a client of `host`, a name or an address, which the server's certificate must be for.
  init(connecting socket: Socket, to host: String, _ context: TLSContext) {
    self.socket = socket
    self.context = context
    handle = Self.make(context, socket.descriptor)
    SSL_set_connect_state(handle)
    // An address is compared with addresses in the certificate, a name with names; only names are sent (RFC 6066 section 3).
    if X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(handle), host) != 1 {
      SSL_set1_host(handle, host)
      _ = cnet_tls_set_name(handle, host)
    }
  }

  private static func make(_ context: TLSContext, _ descriptor: Int32) -> OpaquePointer {
    guard let handle = SSL_new(context.handle), SSL_set_fd(handle, descriptor) == 1 else {
      preconditionFailure("out of memory for a TLS session")
    }
    return handle
  }

  deinit { SSL_free(handle) }

  func handshake() -> Progress {
    ERR_clear_error()
    let code = SSL_do_handshake(handle)
    if code == 1 {
      hasBuffered = SSL_has_pending(handle) == 1
      return .done
    }
    switch SSL_get_error(handle, code) {
    case SSL_ERROR_WANT_READ: return .wantsBytes
    case SSL_ERROR_WANT_WRITE: return .wantsRoom
    case SSL_ERROR_SYSCALL: return .failed(Self.systemReason)
    case SSL_ERROR_ZERO_RETURN: return .failed("it ended the connection")
    default: return .failed(refusal)
    }
  }

  /// `SSL_ERROR_WANT_WRITE` comes only while own bytes wait for room, since nothing is renegotiated: then their event goes on.
  func receive(_ memory: UnsafeMutableRawPointer, _ size: Int) -> Socket.Outcome {
    ERR_clear_error()
    var count = 0
    if SSL_read_ex(handle, memory, size, &count) == 1 {
      // After a read, because an incomplete record counts as pending too: it is looked at once more, and then waited for.
      hasBuffered = SSL_has_pending(handle) == 1
      return .bytes(count)
    }
    hasBuffered = false
    switch SSL_get_error(handle, 0) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .wouldBlock
    case SSL_ERROR_ZERO_RETURN: return .end
    case SSL_ERROR_SYSCALL: return fail(Self.systemReason)
    default: return fail(TLSContext.reason)
    }
  }

  /// After `wouldBlock` the same bytes must come again, and others only behind them (SSL_write(3)).
  func send(_ bytes: UnsafeRawBufferPointer) -> Socket.Outcome {
    // Records that come together leave together: the peer is woken by all of them, and not by the first.
    if bytes.count > Self.record_bytes {
      socket.cork(true)
      defer { socket.cork(false) }
      return sendRecords(bytes)
    }
    return sendRecords(bytes)
  }

  private func sendRecords(_ bytes: UnsafeRawBufferPointer) -> Socket.Outcome {
    var sent = 0
    while sent < bytes.count {
      ERR_clear_error()
      var count = 0
      if SSL_write_ex(handle, bytes.baseAddress.unsafelyUnwrapped + sent, bytes.count - sent, &count) == 1 {
        sent += count
        continue
      }
      // What is behind the last whole record comes again, and meets the same.
      if sent > 0 { break }
      switch SSL_get_error(handle, 0) {
      case SSL_ERROR_WANT_WRITE: return .wouldBlock
      case SSL_ERROR_SYSCALL: return fail(Self.systemReason)
      default: return fail(TLSContext.reason)
      }
    }
    return .bytes(sent)
  }

  /// Tells the peer that nothing more comes. False: there is no room for that yet.
  func finish() -> Bool {
    ERR_clear_error()
    let code = SSL_shutdown(handle)
    return code >= 0 || SSL_get_error(handle, code) != SSL_ERROR_WANT_WRITE
  }

  /// Whom the peer's certificate names; nil where it has shown none. OpenSSL has verified it.
  var identity: PeerIdentity? {
    SSL_get0_peer_certificate(handle).map { PeerIdentity(certificate: $0) }
  }

  private func fail(_ reason: String) -> Socket.Outcome {
    failure = reason
    return .failed
  }

  private var refusal: String {
    let reason = TLSContext.reason
    let result = SSL_get_verify_result(handle)
    guard result != Int(X509_V_OK), let text = X509_verify_cert_error_string(result) else { return reason }
    return "\(reason): \(String(cString: text).lowercased())"
  }

  private static var systemReason: String {
    errno == 0 ? "it ended the connection" : String(cString: strerror(errno)).lowercased()
  }
}
