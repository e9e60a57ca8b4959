extension Schema {
  static let tls = Section(
    "tls",
    "TLS of all ports. Files are PEM, and read again within seconds when they change, or at once on SIGHUP; a broken one leaves what was.",
    [
      Key(
        "tls.certificate", \.tls.certificate, .path,
        "The certificate of this instance, and behind it those that lead to its authority. Empty: ports speak clear text."
      ),
      Key(
        "tls.key", \.tls.key, .path,
        "Its private key, without a passphrase; nobody else should be able to read it."),
      Key(
        "tls.client_ca", \.tls.clientCA, .path,
        "The authorities of clients' certificates: clients must then have one (mutual TLS), except where a port's tls says server."
      ),
    ])

  static let auth = Section(
    "auth",
    """
    Who may do what, by bearer tokens (HTTP and gRPC: Authorization: Bearer TOKEN; RESP: AUTH TOKEN) or by the names in a client's \
    certificate. Nothing set: everybody who reaches a port may do everything. One set: what nobody was given is nobody's. Reading is \
    looking users up and being told what is served and by whom; administering is seeing how the instance fares and changing it. \
    /healthz, /readyz and gRPC's health need nothing.
    """,
    [
      Key(
        "auth.read_tokens_file", \.auth.readTokensFile, .path,
        "Tokens that may read, one a line, 16 to 512 visible characters each, as from openssl rand -hex 32. Several are for replacing them."
      ),
      Key("auth.admin_tokens_file", \.auth.adminTokensFile, .path, "Tokens that may administer, and read."),
      Key(
        "auth.read_subjects", \.auth.readSubjects, .names,
        "Common names, DNS names or URIs of certificates that may read. Exactly, without wildcards."),
      Key("auth.admin_subjects", \.auth.adminSubjects, .names, "Such names that may administer, and read."),
      Key(
        "auth.metrics", \.auth.metrics, .choice,
        "What /metrics needs, for scrapers that have no token: admin, read or none."),
    ])

  static let forward = Section(
    "forward",
    "How the group's other instances are asked for their users: at their http.advertise, whatever protocol a lookup came by.",
    [
      Key(
        "forward.tls", \.forward.tls, .choice,
        "auto: TLS where this instance's own HTTP has it. required, none: whatever that is."),
      Key(
        "forward.ca", \.forward.ca, .path,
        "The authorities whose certificates other instances have, for the host in their http.advertise. Empty: the system's."
      ),
      Key(
        "forward.certificate", \.forward.certificate, .path,
        "What is shown to instances that want a client's certificate. Empty: tls.certificate."),
      Key("forward.key", \.forward.key, .path, "The private key of forward.certificate."),
      Key(
        "forward.token_file", \.forward.tokenFile, .path,
        "The token that is shown to other instances: the first one in the file. They need to have it among those that may read."
      ),
    ])

  static let grpc = Section(
    "grpc", "The gRPC endpoint: lookups, health, reflection.",
    [
      Key(
        "grpc.listen", \.grpc.listen, .listenIfAny,
        "Address and port, like http.listen; empty: gRPC is not spoken. Flag: --grpc."),
      Key("grpc.allow_remote", \.grpc.allowRemote, .bool, "What http.allow_remote is for HTTP."),
      Key("grpc.tls", \.grpc.tls, .choice, "What http.tls is for HTTP."),
      Key("grpc.threads", \.grpc.threads, .integer(0...256), "What http.threads is for HTTP."),
      Key(
        "grpc.maximum_connections", \.grpc.maximumConnections, .integer(1...1_000_000),
        "What http.maximum_connections is for HTTP."),
      Key(
        "grpc.maximum_calls", \.grpc.maximumCalls, .integer(1...1_000_000),
        """
        Calls being answered at a time on each thread: their requests are complete, and their answers are not. Further ones end with \
        RESOURCE_EXHAUSTED, and so do those of more than 32768 that have begun.
        """),
    ])

  static let resp = Section(
    "resp", "The endpoint of RESP, Redis' protocol: lookups.",
    [
      Key(
        "resp.listen", \.resp.listen, .listenIfAny,
        "Address and port, like http.listen; empty: RESP is not spoken. Flag: --resp."),
      Key("resp.allow_remote", \.resp.allowRemote, .bool, "What http.allow_remote is for HTTP."),
      Key("resp.tls", \.resp.tls, .choice, "What http.tls is for HTTP."),
      Key("resp.threads", \.resp.threads, .integer(0...256), "What http.threads is for HTTP."),
      Key(
        "resp.maximum_connections", \.resp.maximumConnections, .integer(1...1_000_000),
        "What http.maximum_connections is for HTTP."),
      Key(
        "resp.idle_timeout_ms", \.resp.idleTimeout_ms, .integer(1...86_400_000, "of milliseconds"),
        "How long a connection may stay open without a command: clients keep theirs in pools."),
      Key(
        "resp.stranger_timeout_ms", \.resp.strangerTimeout_ms, .integer(1...86_400_000, "of milliseconds"),
        """
        The same for one that has had no command yet, or where auth is configured is not authenticated. Pools whose clients say \
        nothing when they connect may need more.
        """),
    ])
}

extension Kind where Value == String {
  static var listenIfAny: Kind {
    .text("host:port with a port up to 65535, as in 127.0.0.1:8080 or [::1]:8080; or nothing") {
      $0.isEmpty || ListenAddress($0) != nil
    }
  }
}

extension Kind where Value == [String] {
  /// A list of texts.
  static var names: Kind {
    let need = "a list of at most 100 names of 1 to 512 bytes"
    let element = Kind<String>.text("a name of 1 to 512 bytes") { (1...512).contains($0.utf8.count) }
    return Kind(
      need: need,
      read: { node, path, problems in
        guard case .list(let nodes) = node.content, nodes.count <= 100 else {
          if case .refused = node.content { return nil }
          problems.add(path, at: node.origin, "needs \(need), not \(node.found)")
          return nil
        }
        let values = nodes.enumerated().compactMap { element.read($1, "\(path)[\($0)]", &problems) }
        return values.count < nodes.count ? nil : values
      },
      refusals: { values in
        values.count > 100
          ? [("", "needs \(need)")]
          : values.enumerated().flatMap { index, value in
            element.refusals(value).map { ("[\(index)]\($0.suffix)", $0.message) }
          }
      },
      printed: { .list($0.map { .text($0) }) })
  }
}
