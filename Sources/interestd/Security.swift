import DaemonConfig
import Foundation
import HTTP
import Network
import Telemetry
import Threads

/// What protects the ports of this process: certificates and tokens, read again when their files change.
struct Security: Sendable {
  let authorizer: Authorizer
  /// How other instances are asked.
  let peers: HTTPClientSecurity
  private let configuration: DaemonConfiguration
  private let ports: [String: ServerTLS]
  private let watch: FileWatch

  /// A certificate that expires within this is warned of.
  private static var soon_s: Int64 { 14 * 86_400 }

  /// - Parameter asksOthers: Whether lookups may be other instances'.
  init(_ configuration: DaemonConfiguration, _ log: Log, asksOthers: Bool) throws {
    self.configuration = configuration
    (authorizer, peers, ports) = try Self.read(configuration, log)
    let clients = [peers.tls].compactMap { $0 }
    let tokens = [peers.token].compactMap { $0 }
    let all: [any Reloadable] = [authorizer] + Array(ports.values) + clients + tokens
    watch = FileWatch(all) { outcome in
      switch outcome {
      case .reloaded(let files): log.info("read again", ["files": files.joined(separator: ",")])
      case .failed(let error): log.error("not read again, what was stays in use", ["error": error])
      }
    }
    warn(log, asksOthers)
  }

  /// Refuses what `init` would.
  static func check(_ configuration: DaemonConfiguration) throws {
    _ = try read(configuration, configuration.makeLog())
  }

  private static func read(
    _ configuration: DaemonConfiguration, _ log: Log
  ) throws -> (Authorizer, HTTPClientSecurity, [String: ServerTLS]) {
    try configuration.requireReadableCredentials()
    var ports: [String: ServerTLS] = [:]
    for port in configuration.ports where configuration.hasTLS(port) {
      ports[port.name] = try configuration.makeTLS(port, log)
    }
    return (try configuration.makeAuthorizer(), try configuration.makePeers(), ports)
  }

  /// Nil: it speaks clear text.
  func tls(of port: String) -> ServerTLS? { ports[port] }

  /// Whether other machines may reach a port: because it is protected, or by leave.
  func mayBeRemote(_ port: String) -> Bool {
    configuration.ports.contains { $0.name == port && ($0.allowRemote || configuration.weakness(of: $0) == nil) }
  }

  /// Reads every file again, at once.
  func reload() { watch.reload() }

  /// Nothing is read again. To be called before the process ends: OpenSSL cleans up at its exit, and must not be in use then
  /// (OPENSSL_cleanup(3)).
  func stop() { watch.stop() }

  private func warn(_ log: Log, _ asksOthers: Bool) {
    for port in configuration.ports where port.allowRemote {
      guard let weakness = configuration.weakness(of: port) else { continue }
      log.warn(
        "\(port.name).allow_remote is on, and the port \(weakness): whoever reaches it may read every user, or what is read",
        ["address": port.listen])
    }
    let secrets =
      authorizer.files + (peers.token?.files ?? [])
      + [configuration.tls.key, configuration.forward.key].filter { !$0.isEmpty }
    for file in FileWatch.readableByAll(secrets) {
      log.warn("every user of this machine can read a secret: chmod o-r", ["file": file])
    }
    if asksOthers, configuration.auth.isOn, peers.token == nil, configuration.auth.readSubjects.isEmpty,
      configuration.auth.adminSubjects.isEmpty
    {
      log.warn("other instances will not let this one read, where they ask for tokens: forward.token_file is not set")
    }
    if let expiry_s {
      let left_s = expiry_s - WallClock.now_ms / 1000
      let fields: Log.Fields = [
        "file": configuration.tls.certificate,
        "expires": Date(timeIntervalSince1970: Double(expiry_s)).formatted(.iso8601),
      ]
      if left_s <= 0 {
        log.warn("tls.certificate has expired: clients will refuse it", fields)
      } else if left_s < Self.soon_s {
        log.warn("tls.certificate expires within \((left_s + 86_399) / 86_400) days", fields)
      }
    }
  }

  /// Of the certificate in use, in Unix seconds; nil without TLS.
  private var expiry_s: Int64? { ports.values.compactMap(\.expiry_s).min() }

  func write(to writer: inout MetricsWriter) {
    if let expiry_s {
      writer.gauge(
        "interestd_tls_certificate_expiry_timestamp_seconds", "When the certificate in use expires.", Double(expiry_s))
    }
    let (reloaded, failed) = watch.counters
    writer.counter("interestd_credentials_reloads_total", "Files of credentials read again.", reloaded)
    writer.counter("interestd_credentials_reload_failures_total", "Those that could not be.", failed)
    for (reason, count) in authorizer.refusals {
      writer.counter(
        "interestd_unauthorized_requests_total", "Requests refused for who made them.", count, ["reason": reason])
    }
  }
}

extension DaemonConfiguration {
  /// Refuses files of credentials that cannot be read, each with its key.
  fileprivate func requireReadableCredentials() throws {
    let files = [
      ("tls.certificate", tls.certificate), ("tls.key", tls.key), ("tls.client_ca", tls.clientCA),
      ("auth.read_tokens_file", auth.readTokensFile), ("auth.admin_tokens_file", auth.adminTokensFile),
      ("forward.ca", forward.ca), ("forward.certificate", forward.certificate), ("forward.key", forward.key),
      ("forward.token_file", forward.tokenFile),
    ]
    let problems = files.compactMap { key, path in
      path.isEmpty || access(path, R_OK) == 0
        ? nil : "\(key): cannot read \(path): \(String(cString: strerror(errno)).lowercased())"
    }
    if !problems.isEmpty { throw SetupError(problems.joined(separator: "\n")) }
  }

  fileprivate func makeTLS(_ port: Port, _ log: Telemetry.Log) throws -> ServerTLS {
    // gRPC clients insist on h2; Redis' clients offer nothing.
    let protocols = ["http": ["http/1.1"], "grpc": ["h2"]][port.name] ?? []
    return try ServerTLS(
      certificate: tls.certificate, key: tls.key, clientCA: asksCertificates(port) ? tls.clientCA : nil,
      protocols: protocols
    ) { peer, reason, omitted in
      log.warn(
        "a TLS handshake failed", ["port": port.name, "peer": peer, "reason": reason, "others_since": omitted])
    }
  }

  fileprivate func makeAuthorizer() throws -> Authorizer {
    guard auth.isOn else { return .open }
    var rules = Authorizer.Rules()
    rules.readTokens = auth.readTokensFile.isEmpty ? nil : auth.readTokensFile
    rules.adminTokens = auth.adminTokensFile.isEmpty ? nil : auth.adminTokensFile
    (rules.readSubjects, rules.adminSubjects) = (auth.readSubjects, auth.adminSubjects)
    return try Authorizer(rules)
  }

  fileprivate func makePeers() throws -> HTTPClientSecurity {
    var peers = HTTPClientSecurity()
    if !forward.tokenFile.isEmpty { peers.token = try OwnToken(file: forward.tokenFile) }
    guard forwardsByTLS else { return peers }
    let own = forward.certificate.isEmpty ? (tls.certificate, tls.key) : (forward.certificate, forward.key)
    peers.tls = try ClientTLS(
      ca: forward.ca.isEmpty ? nil : forward.ca, certificate: own.0.isEmpty ? nil : own.0,
      key: own.1.isEmpty ? nil : own.1)
    return peers
  }
}

extension DaemonConfiguration.Auth {
  /// What `/metrics` needs.
  var metricsRight: Rights {
    switch metrics {
    case .admin: .admin
    case .read: .read
    case .none: []
    }
  }
}
