import Foundation
import TestKit
import Testing

/// The daemon with certificates and tokens, asked by curl, OpenSSL and Python: none of it is ours.
@Suite("Security of the ports", .executable)
struct SecurityTests {
  private let folder = TemporaryDirectory()
  private let certificates: Certificates
  private let state: String
  private static let (reader, admin, next) = ("reader-token-0001", "admin-token-00001", "reader-token-0002")

  init() throws {
    certificates = try Certificates()
    try certificates.issue("server")
    state = folder.file("state")
    try DataSet.sample.ingest(into: state)
    try write(Self.reader + "\n", to: "read-tokens")
    try write(Self.admin + "\n", to: "admin-tokens")
  }

  private func write(_ text: String, to name: String) throws {
    try text.write(toFile: folder.file(name), atomically: true, encoding: .utf8)
    chmod(folder.file(name), 0o600)
  }

  /// `serve` with TLS on all ports, and tokens where wanted.
  ///
  /// - Parameter client: What is shown to find out whether it is ready.
  private func serve(
    _ environment: [String: String] = [:], tokens: Bool = true, client: Certificates.Pair? = nil
  ) throws -> Daemon {
    var all = [
      "INTERESTD_TLS__CERTIFICATE": certificates.folder.file("server.crt"),
      "INTERESTD_TLS__KEY": certificates.folder.file("server.key"),
    ]
    if tokens {
      all["INTERESTD_AUTH__READ_TOKENS_FILE"] = folder.file("read-tokens")
      all["INTERESTD_AUTH__ADMIN_TOKENS_FILE"] = folder.file("admin-tokens")
    }
    let daemon = try Daemon(
      ["serve", "--state", state, "--resp", "127.0.0.1:0", "--grpc", "127.0.0.1:0"],
      environment: all.merging(environment) { $1 })
    try daemon.reach("ready") { try curl(daemon, "/readyz", Self.shown(client)).status == 200 }
    return daemon
  }

  /// curl's flags for a client's certificate.
  private static func shown(_ pair: Certificates.Pair?) -> [String] {
    pair.map { ["--cert", $0.certificate, "--key", $0.key] } ?? []
  }

  private struct Answer {
    var code: Int32
    var status: Int
    var body: String
    var error: String
  }

  private func curl(
    _ daemon: Daemon, _ path: String, token: String? = nil, scheme: String = "https", _ more: [String] = []
  ) throws -> Answer {
    let port = daemon.address.split(separator: ":").last ?? ""
    var arguments = ["-sS", "-m", "20", "--cacert", certificates.authority, "-w", "\n%{http_code}"]
    if let token { arguments += ["-H", "Authorization: Bearer \(token)"] }
    let outcome = try Command("curl", arguments + more + ["\(scheme)://localhost:\(port)\(path)"]).wait()
    let end = outcome.text.lastIndex(of: "\n") ?? outcome.text.startIndex
    return Answer(
      code: outcome.code, status: Int(outcome.text[end...].dropFirst()) ?? 0, body: String(outcome.text[..<end]),
      error: outcome.error)
  }

  private func port(_ daemon: Daemon, of protocolName: String) throws -> String {
    let line = try #require(daemon.command.error.split(separator: "\n").first { $0.contains("message=listening") })
    let field = try #require(line.split(separator: " ").first { $0.hasPrefix("\(protocolName)=127.0.0.1:") })
    return String(field.split(separator: ":").last ?? "")
  }

  private func python(_ script: String) throws -> Command {
    let prelude = """
      import http.client, json, os, socket, ssl, sys, threading, time
      ca = '\(certificates.authority)'
      def context(cert=None):
        c = ssl.create_default_context(cafile=ca)
        if cert: c.load_cert_chain(cert + '.crt', cert + '.key')
        return c
      def tls(port, c=None): return (c or context()).wrap_socket(socket.create_connection(('127.0.0.1', port), 20), server_hostname='localhost')

      """
    return try Command("python3", ["-c", prelude + script])
  }

  private static let path = "/v1/users/1062/sequence"

  @Test("each path needs its right, by tokens that show nowhere")
  func tokens() throws {
    let daemon = try serve()
    for path in ["/healthz", "/readyz"] { #expect(try curl(daemon, path).status == 200) }
    for (path, token, status) in [
      (Self.path, nil, 401), (Self.path, "wrong-token-00000", 401), (Self.path, Self.reader, 200),
      (Self.path, Self.admin, 200), ("/v1/describe", nil, 401), ("/v1/describe", Self.reader, 200),
      ("/metrics", Self.reader, 403), ("/metrics", nil, 401), ("/metrics", Self.admin, 200), ("/nowhere", nil, 404),
    ] {
      #expect(try curl(daemon, path, token: token).status == status, "\(path) \(token ?? "-")")
    }
    #expect(try curl(daemon, Self.path).body.contains("a token is needed: send Authorization: Bearer TOKEN"))
    let metrics = try curl(daemon, "/metrics", token: Self.admin).body
    #expect(metrics.contains("interestd_unauthorized_requests_total{reason=\"insufficient\"} 1\n"))
    #expect(metrics.contains("interestd_tls_certificate_expiry_timestamp_seconds"))
    let outcome = try daemon.stop()
    for secret in [Self.reader, Self.admin] { #expect(!outcome.error.contains(secret)) }
  }

  @Test("certificates are checked from both sides, and clear text is told what is spoken")
  func certificateChecks() throws {
    let daemon = try serve(tokens: false)
    #expect(try curl(daemon, Self.path).status == 200)
    let plain = try curl(daemon, Self.path, scheme: "http")
    #expect(plain.status == 400 && plain.body.contains("this port speaks TLS: use https"))
    let others = try Certificates(name: "others")
    let distrusted = try curl(daemon, Self.path, ["--cacert", others.authority])
    #expect(distrusted.code == 60, "\(distrusted)")  // curl: the peer's certificate cannot be authenticated
    let resp = try port(daemon, of: "resp")
    let told = try python(
      "s = socket.create_connection(('127.0.0.1', \(resp))); s.sendall(b'PING\\r\\n'); print(s.recv(99))"
    ).wait()
    #expect(told.text == "b'-ERR this port speaks TLS\\r\\n'\n")
    let grpc = try Command(
      "openssl",
      [
        "s_client", "-connect", "127.0.0.1:\(try port(daemon, of: "grpc"))", "-alpn", "h2", "-CAfile",
        certificates.authority,
        "-verify_return_error",
      ]
    ).wait()
    #expect(grpc.text.contains("ALPN protocol: h2") && grpc.text.contains("Verify return code: 0 (ok)"), "\(grpc)")
    try daemon.stop()
  }

  @Test("clients' certificates are asked for, and their names give rights on every port")
  func mutual() throws {
    let ranker = try certificates.issue("ranker", subject: "r1", names: "DNS:ranker.example")
    let stranger = try certificates.issue("stranger", subject: "s1", names: "DNS:stranger.example")
    let daemon = try serve(
      [
        "INTERESTD_TLS__CLIENT_CA": certificates.authority, "INTERESTD_AUTH__READ_SUBJECTS": "[ranker.example]",
      ], tokens: false, client: ranker)
    #expect(try curl(daemon, Self.path, Self.shown(ranker)).status == 200)
    #expect(try curl(daemon, "/metrics", Self.shown(ranker)).status == 403)
    let unadmitted = try curl(daemon, Self.path, Self.shown(stranger))
    #expect(unadmitted.status == 401)
    #expect(
      unadmitted.body.contains("the certificate's name 's1', 'stranger.example' is not among auth.read_subjects"),
      "\(unadmitted)")
    let without = try curl(daemon, Self.path)
    #expect(without.code != 0 && without.error.contains("certificate required"), "\(without)")
    let script = """
      for name in ['ranker', 'stranger']:
        s = tls(\(try port(daemon, of: "resp")), context('\(certificates.folder.path)/' + name))
        s.sendall(b'EXISTS 1062\\r\\n'); print(s.recv(100))
      """
    #expect(
      try python(script).wait().text == "b':1\\r\\n'\nb'-NOAUTH Authentication required.\\r\\n'\n")
    #expect(daemon.command.error.contains("peer did not return a certificate"))
    try daemon.stop()
  }

  @Test("RESP takes a token as a password, by AUTH and HELLO, until it is gone from its file")
  func resp() throws {
    let daemon = try serve()
    let script = """
      s = tls(\(try port(daemon, of: "resp")))
      def ask(line): s.sendall(line.encode() + b'\\r\\n'); return s.recv(4000).decode()[:12]
      print([ask('EXISTS 1062'), ask('AUTH wrong-token-00000'), ask('AUTH \(Self.reader)'), ask('EXISTS 1062')])
      print(ask('HELLO 3 AUTH default \(Self.admin)')[:3], ask('EXISTS 1062'))
      sys.stdout.flush()
      t = tls(\(try port(daemon, of: "resp"))); t.sendall(b'AUTH \(Self.reader)\\r\\n'); t.recv(99)
      print('ready'); sys.stdout.flush()
      while True:
        t.sendall(b'EXISTS 1062\\r\\n'); r = t.recv(99)
        if r != b':1\\r\\n': print(r.decode()); break
        time.sleep(0.05)
      """
    let client = try python(script)
    #expect(eventually { client.output.suffix(6) == Data("ready\n".utf8) })
    try write(Self.next + "\n", to: "read-tokens")
    let lines = try client.wait().lines
    #expect(lines.count >= 4)
    #expect(lines.first == #"['-NOAUTH Auth', '-WRONGPASS i', '+OK\r\n', ':1\r\n']"#)
    #expect(lines.contains { $0.hasPrefix("-NOAUTH") })
    try daemon.stop()
  }

  @Test("a certificate and tokens are replaced under load, and no request fails; what is broken is not taken")
  func rotation() throws {
    let daemon = try serve()
    // Four clients, each on a kept connection for a while and then on a new one, with the token that is in a file at that time.
    try write(Self.reader, to: "client-token")
    let script = """
      stop = threading.Event(); failures = []; counts = [0] * 4; serials = set()
      def work(i):
        c = context()
        while not stop.is_set():
          h = http.client.HTTPSConnection('localhost', \(try port(daemon, of: "http")), context=c, timeout=20)
          try:
            for _ in range(20):
              token = open('\(folder.file("client-token"))').read().strip()
              h.request('GET', '\(Self.path)', headers={'Authorization': 'Bearer ' + token})
              serials.add(h.sock.getpeercert()['serialNumber'])
              r = h.getresponse(); body = r.read()
              if r.status != 200: failures.append((r.status, body[:100]))
              counts[i] += 1
          except Exception as e: failures.append(repr(e))
          h.close()
      threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
      for t in threads: t.start()
      print('ready'); sys.stdout.flush()
      while not os.path.exists('\(folder.file("stop"))'): time.sleep(0.02)
      stop.set()
      for t in threads: t.join()
      print(min(counts) > 0, len(serials), failures[:3])
      """
    let clients = try python(script)
    #expect(eventually { clients.output == Data("ready\n".utf8) })
    func reloads(_ count: Int, _ file: String) {
      #expect(
        eventually {
          daemon.command.error.split(separator: "\n").count { $0.contains("read again") && $0.contains(file) } >= count
        }, "\(daemon.command.error)")
    }
    try write("\(Self.reader)\n\(Self.next)\n", to: "read-tokens")
    reloads(1, "read-tokens")
    try write(Self.next, to: "client-token")
    try certificates.issue("server", subject: "renewed")
    reloads(1, "server.crt")
    #expect(try curl(daemon, Self.path, token: Self.reader).status == 200)
    // Requests with the old token are over by now: each reads the file.
    try write("\(Self.next)\n", to: "read-tokens")
    reloads(2, "read-tokens")
    #expect(try curl(daemon, Self.path, token: Self.reader).status == 401)
    try "rubbish".write(toFile: certificates.folder.file("server.key"), atomically: true, encoding: .utf8)
    try write("short\n", to: "read-tokens")
    #expect(
      eventually {
        daemon.command.error.contains("server.key: ") && daemon.command.error.contains("read-tokens:1: a token has 16")
      }, "\(daemon.command.error)")
    #expect(try curl(daemon, Self.path, token: Self.next).status == 200)
    try write("", to: "stop")
    #expect(try clients.wait().lines.last == "True 2 []")
    let metrics = try curl(daemon, "/metrics", token: Self.admin).body
    #expect(metrics.contains("interestd_credentials_reload_failures_total"))
    try daemon.stop()
  }

  @Test("SIGHUP has all files read again, and does not end the daemon")
  func hangup() throws {
    let daemon = try serve()
    daemon.command.send(SIGHUP)
    #expect(eventually { daemon.command.error.contains("files=\(folder.file("read-tokens"))") })
    #expect(try curl(daemon, "/healthz").status == 200)
    try daemon.stop()
  }

  @Test("what cannot protect a port keeps the daemon from starting, and says why")
  func refusals() throws {
    func refusal(_ environment: [String: String], _ listen: String = "127.0.0.1:0") throws -> String {
      try Interestd.run("serve", "--state", state, "--http", listen, environment: environment, expecting: 1).error
    }
    let tls = [
      "INTERESTD_TLS__CERTIFICATE": certificates.folder.file("server.crt"),
      "INTERESTD_TLS__KEY": certificates.folder.file("server.key"),
    ]
    #expect(
      try refusal(tls.merging(["INTERESTD_TLS__KEY": certificates.folder.file("ca.key")]) { $1 }).contains(
        "key values mismatch"))
    #expect(
      try refusal(["INTERESTD_AUTH__READ_TOKENS_FILE": "/none"]).contains(
        "auth.read_tokens_file: cannot read /none: no such file"))
    #expect(try refusal(tls, "0.0.0.0:0").contains("has no authentication"))
    #expect(try refusal([:], "0.0.0.0:0").contains("has neither TLS nor authentication"))
  }

  @Test("a secret that everybody can read is warned of")
  func permissions() throws {
    chmod(folder.file("read-tokens"), 0o644)
    let daemon = try serve()
    let error = try daemon.stop().error
    #expect(!error.contains("other instances"), "serve asks none")
    #expect(error.contains("\"tls.certificate expires within 2 days\" file=\(certificates.folder.file("server.crt"))"))
    #expect(
      error.contains("every user of this machine can read a secret") && error.contains(folder.file("read-tokens")))
    #expect(!error.contains("file=\(folder.file("admin-tokens"))"))
  }
}
