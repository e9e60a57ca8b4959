import Glibc
import Network
import TestKit
import Testing
import Threads

@Suite("TLS of a server")
struct TLSTests {
  private let certificates: Certificates
  private let pair: Certificates.Pair

  init() throws {
    certificates = try Certificates()
    pair = try certificates.issue("server")
  }

  private func server(
    clientCA: String? = nil, protocols: [String] = [], loops: Int = 1, refusals: Refusals = Refusals(),
    _ adjust: (inout NetworkLimits) -> Void = { _ in }
  ) throws -> NetworkServer {
    var limits = NetworkLimits()
    adjust(&limits)
    let tls = try ServerTLS(
      certificate: pair.certificate, key: pair.key, clientCA: clientCA, protocols: protocols,
      refused: { _, reason, _ in refusals.add(reason) })
    let listener = try Listener(
      address: "127.0.0.1:0", tls: tls, limits: limits, allowRemote: false, option: "http.allow_remote"
    ) { LineFactory() }
    return try NetworkServer(loops: loops, listeners: [listener])
  }

  private func run(_ server: NetworkServer, _ script: String) throws -> String {
    try TLSClient.run(server.addresses[0], ca: certificates.authority, script)
  }

  @Test("lines are answered, in pieces, pipelined and large, by TLS 1.2 and 1.3", arguments: ["TLSv1_2", "TLSv1_3"])
  func answers(version: String) throws {
    let server = try server()
    let output = try run(
      server,
      """
      v = ssl.TLSVersion.\(version)
      s = connect(context(minimum_version=v, maximum_version=v))
      for byte in b'hello\\n': s.sendall(bytes([byte]))
      print(exactly(s, 6), s.version())
      def echoed(lines):
        s.sendall(lines)
        return exactly(s, len(lines)) == lines
      print(all(echoed(b''.join(b'line %d\\n' % i for i in range(k, k + 2000))) for k in range(0, 20000, 2000)))
      s.sendall(b'big 3000000\\nquit\\n')
      print(exactly(s, 3000001) == b'x' * 3000000 + b'b', s.recv(100), s.recv(1))
      """)
    #expect(
      output == "b'hello\\n' \(version.replacing("_", with: "."))\nTrue\nTrue b'ye\\n' b''\n",
      "\(server.counters.values)")
    #expect(server.wait { $0.open == 0 })
    #expect(server.counters.values.handshakes == 1)
  }

  @Test("older versions of TLS are refused")
  func oldVersion() throws {
    let output = try run(
      try server(),
      """
      import warnings; warnings.simplefilter('ignore')
      c = context(); c.set_ciphers('ALL:@SECLEVEL=0')
      c.minimum_version = ssl.TLSVersion.TLSv1; c.maximum_version = ssl.TLSVersion.TLSv1_1
      print(attempt(lambda: connect(c)))
      """)
    #expect(output.contains("alert protocol version"), "\(output)")
  }

  @Test("a session is resumed")
  func resumption() throws {
    let output = try run(
      try server(),
      """
      c = context()
      s = connect(c); s.sendall(b'a\\n'); exactly(s, 2); session = s.session; s.close()
      s = connect(c, session=session); s.sendall(b'b\\n'); print(exactly(s, 2), s.session_reused)
      """)
    #expect(output == "b'b\\n' True\n")
  }

  @Test("the protocol is chosen among those that are spoken, and others are refused")
  func protocols() throws {
    let output = try run(
      try server(protocols: ["h2", "http/1.1"]),
      """
      def offer(*names):
        c = context(); c.set_alpn_protocols(list(names)); return connect(c).selected_alpn_protocol()
      print(offer('http/1.1', 'h2'), offer('spdy', 'http/1.1'), connect().selected_alpn_protocol())
      print(attempt(lambda: offer('spdy')))
      """)
    #expect(output.hasPrefix("h2 http/1.1 None\n") && output.contains("no application protocol"), "\(output)")
  }

  @Test("a client must have a certificate of the authority, where one is asked for")
  func mutual() throws {
    let others = try Certificates(name: "another authority")
    let client = try certificates.issue(
      "client", subject: "ranker", names: "DNS:ranker.example,URI:spiffe://a/ranker,email:boss,IP:10.0.0.9")
    let stranger = try others.issue("client", subject: "ranker")
    let expired = try certificates.issue("expired", subject: "ranker", days: -1)
    let refusals = Refusals()
    let server = try server(clientCA: certificates.authority, refusals: refusals)
    func path(_ pair: Certificates.Pair) -> String { String(pair.certificate.dropLast(4)) }
    let output = try run(
      server,
      """
      def talk(cert):
        def work():
          s = connect(context(cert)); s.sendall(b'who\\n'); return s.recv(100)
        return attempt(work)
      for cert in ['\(path(client))', None, '\(path(stranger))', '\(path(expired))']: print(talk(cert))
      """
    ).split(separator: "\n")
    #expect(output.count == 4)
    #expect(output[0] == "b'ranker,ranker.example,spiffe://a/ranker\\n'")
    #expect(output[1].contains("certificate required"))
    #expect(output[2].contains("unknown ca"))
    #expect(output[3].contains("certificate expired"))
    #expect(server.wait { $0.handshakesFailed == 3 })
    #expect(server.counters.values.handshakes == 1)
    // The first is told, the others come too soon after it.
    #expect(refusals.all == ["peer did not return a certificate"])
  }

  @Test("a client in clear is told that TLS is spoken here, and others are served on")
  func plaintext() throws {
    let server = try server()
    let client = try server.client()
    try client.send("hello\n")
    #expect(try client.readToEnd() == "tls only\n")
    #expect(server.counters.values.plaintextRefused == 1)
    #expect(try run(server, "s = connect(); s.sendall(b'a\\n'); print(s.recv(9))") == "b'a\\n'\n")
  }

  @Test("a handshake that does not come, or drips, meets its deadline")
  func slowHandshake() throws {
    let server = try server { $0.handshake_ms = 300 }
    let silent = try server.client()
    let half = try server.client()
    try half.send("\u{16}\u{3}\u{1}\u{1}")
    #expect(try silent.readToEnd() == "")
    #expect(try half.readToEnd() == "")
    #expect(server.wait { $0.handshakesFailed == 2 })
    silent.finish()
    half.finish()
    #expect(server.wait { $0.open == 0 })
  }

  @Test("what looks like a handshake and is none is refused, and a peer that leaves at once is no failure")
  func rubbish() throws {
    let server = try server()
    let client = try server.client()
    try client.send("\u{16}\u{3}\u{1}\u{0}\u{5}hello")
    _ = client.readToBreak()
    #expect(server.wait { $0.handshakesFailed == 1 })
    do { _ = try server.client() }
    #expect(server.wait { $0.accepted == 2 })
    client.finish()
    #expect(server.wait { $0.open == 0 })
    #expect(server.counters.values.handshakesFailed == 1)
  }

  @Test("a peer that does not read bounds what is made for it, and gets all of it when it does")
  func backpressure() throws {
    let server = try server { $0.outputHighWater_bytes = 65_536 }
    let output = try run(
      server,
      """
      s = connect()
      s.sendall(b'big 200000\\n' * 200)
      time.sleep(0.3)
      print(exactly(s, 200 * 200000) == b'x' * (200 * 200000))
      """)
    #expect(output == "True\n")
  }

  @Test("a peer that does not take its replies is cut off")
  func blocked() throws {
    let server = try server { $0.write_ms = 100 }
    let client = try TLSClient.start(
      server.addresses[0], ca: certificates.authority,
      "s = connect(); s.sendall(b'big 30000000\\n'); sys.stdin.read(); time.sleep(30)")
    #expect(server.wait { $0.writesExpired == 1 && $0.open == 0 })
    client.kill()
  }

  @Test("a drain answers what has arrived, and lets what is blocked be read")
  func drain() throws {
    let server = try server()
    let client = try TLSClient.start(
      server.addresses[0], ca: certificates.authority,
      """
      s = connect(); s.sendall(b'big 10000000\\nhello\\n'); time.sleep(0.5)
      print(exactly(s, 10000006)[-7:], s.recv(1)); s.close()
      """)
    #expect(server.wait { $0.received_bytes == 19 })
    server.drain(grace_ms: 20_000)
    #expect(try client.wait().text == "b'xhello\\n' b''\n")
    #expect(server.counters.values.open == 0)
  }

  /// What was told of failed handshakes.
  final class Refusals: @unchecked Sendable {  // only touched under `mutex`
    private let mutex = Mutex()
    private var reasons: [String] = []
    func add(_ reason: String) { mutex.withLock { reasons.append(reason) } }
    var all: [String] { mutex.withLock { reasons } }
  }
}
