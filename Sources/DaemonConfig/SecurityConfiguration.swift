/// What protects the ports, of all protocols alike: certificates, and who may do what. Files are named here, never their contents.
extension DaemonConfiguration {
  public struct TLS: Equatable, Sendable {
    /// PEM files; empty: not set.
    public var certificate = ""
    public var key = ""
    public var clientCA = ""
    public init() {}
  }

  public struct Auth: Equatable, Sendable {
    /// Files of tokens; empty: not set.
    public var readTokensFile = ""
    public var adminTokensFile = ""
    /// Names in clients' certificates.
    public var readSubjects: [String] = []
    public var adminSubjects: [String] = []
    public var metrics = MetricsRight.admin
    public init() {}

    /// Whether anybody is asked who they are.
    public var isOn: Bool {
      !readTokensFile.isEmpty || !adminTokensFile.isEmpty || !readSubjects.isEmpty || !adminSubjects.isEmpty
    }
  }

  /// How other instances are asked for their users.
  public struct Forward: Equatable, Sendable {
    public var tls = ForwardTLS.auto
    /// PEM files; empty: not set.
    public var ca = ""
    public var certificate = ""
    public var key = ""
    public var tokenFile = ""
    public init() {}
  }

  /// What a listener speaks.
  public enum ListenerTLS: String, CaseIterable, Sendable {
    /// TLS where `tls.certificate` is set, with clients' certificates where `tls.client_ca` is.
    case auto
    /// TLS, and clients need no certificate.
    case server
    /// Clear text.
    case none
  }

  public enum ForwardTLS: String, CaseIterable, Sendable {
    /// As this instance's own HTTP listener.
    case auto
    case required, none
  }

  /// What `/metrics` needs.
  public enum MetricsRight: String, CaseIterable, Sendable {
    case admin, read, none
  }

  /// A port, whatever it speaks.
  public struct Port: Equatable, Sendable {
    /// `grpc.listen` and the like; the value empty: not spoken.
    public let name: String
    public let listen: String
    public let allowRemote: Bool
    public let tls: ListenerTLS
  }

  public var ports: [Port] {
    [
      Port(name: "http", listen: http.listen, allowRemote: http.allowRemote, tls: http.tls),
      Port(name: "grpc", listen: grpc.listen, allowRemote: grpc.allowRemote, tls: grpc.tls),
      Port(name: "resp", listen: resp.listen, allowRemote: resp.allowRemote, tls: resp.tls),
    ].filter { !$0.listen.isEmpty }
  }

  public func hasTLS(_ port: Port) -> Bool { !tls.certificate.isEmpty && port.tls != .none }

  /// Whether clients must have a certificate.
  public func asksCertificates(_ port: Port) -> Bool { hasTLS(port) && port.tls == .auto && !tls.clientCA.isEmpty }

  /// What a port lacks that other machines may only reach by leave; nil: nothing.
  public func weakness(of port: Port) -> String? {
    let isAnonymous = !auth.isOn && !asksCertificates(port)
    switch (hasTLS(port), isAnonymous) {
    case (true, false): return nil
    case (false, true): return "has neither TLS nor authentication"
    case (false, false): return "has no TLS"
    case (true, true): return "has no authentication"
    }
  }

  /// Whether other instances are reached by TLS.
  public var forwardsByTLS: Bool {
    switch forward.tls {
    case .required: true
    case .none: false
    case .auto: ports.first { $0.name == "http" }.map { hasTLS($0) } ?? false
    }
  }

  /// What is wrong with all of this together.
  var securityContradictions: [(path: String, message: String)] {
    var found: [(path: String, message: String)] = []
    if tls.certificate.isEmpty != tls.key.isEmpty {
      found.append(
        tls.key.isEmpty
          ? ("tls.certificate", "is of no use without tls.key, its private key")
          : ("tls.key", "is of no use without tls.certificate"))
    }
    if !tls.clientCA.isEmpty && tls.certificate.isEmpty {
      found.append(("tls.client_ca", "has no effect while tls.certificate is not set: there is no TLS"))
    }
    if forward.certificate.isEmpty != forward.key.isEmpty {
      found.append(("forward.certificate", "forward.certificate and forward.key are set together or not at all"))
    }
    for (path, names) in [("auth.read_subjects", auth.readSubjects), ("auth.admin_subjects", auth.adminSubjects)]
    where !names.isEmpty && tls.clientCA.isEmpty {
      found.append((path, "has no effect while tls.client_ca is not set: clients show no certificates"))
    }
    for port in ports {
      if port.tls == .server && tls.certificate.isEmpty {
        found.append(("\(port.name).tls", "needs tls.certificate and tls.key"))
      }
      if ListenAddress(port.listen)?.isLoopback == false, !port.allowRemote, let weakness = weakness(of: port) {
        found.append(
          (
            "\(port.name).listen",
            "\(quoted(port.listen)) can be reached by other machines, and \(weakness): \(remedy(of: port)); or listen on "
              + "127.0.0.1; or set \(port.name).allow_remote to true"
          ))
      }
    }
    return found + sharedPorts
  }

  /// What to do about a port's weakness.
  private func remedy(of port: Port) -> String {
    var steps: [String] = []
    if !hasTLS(port) {
      steps.append(tls.certificate.isEmpty ? "tls.certificate and tls.key" : "\(port.name).tls to auto")
    }
    if !auth.isOn && !asksCertificates(port) { steps.append("auth.read_tokens_file or tls.client_ca") }
    return "set " + steps.joined(separator: ", and ")
  }

  /// Ports that cannot both be had; those whose numbers the system chooses never clash.
  private var sharedPorts: [(path: String, message: String)] {
    func clash(_ one: ListenAddress, _ other: ListenAddress) -> Bool {
      one.port == other.port && one.port != 0
        && (one.host == other.host || one.isWildcard || other.isWildcard)
    }
    return ports.indices.compactMap { index in
      guard let address = ListenAddress(ports[index].listen),
        let other = ports[..<index].first(where: { ListenAddress($0.listen).map { clash($0, address) } == true })
      else { return nil }
      return ("\(ports[index].name).listen", "port \(address.port) is \(other.name).listen's already: take another")
    }
  }
}
