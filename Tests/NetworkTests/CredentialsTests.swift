import Foundation
import Network
import TestKit
import Testing
import Threads

@Suite("Who may do what")
struct CredentialsTests {
  private let folder = TemporaryDirectory()
  private static let (reader, admin, other) = ("reader-0123456789", "admin-0123456789", "other-0123456789")

  private func write(_ text: String, to name: String) throws {
    try text.write(toFile: folder.file(name), atomically: true, encoding: .utf8)
  }

  private func authorizer() throws -> Authorizer {
    try write("# of the rankers\n\n  \(Self.reader)\t\r\nreader-second-token\n", to: "read")
    try write(Self.admin, to: "admin")
    var rules = Authorizer.Rules()
    rules.readTokens = folder.file("read")
    rules.adminTokens = folder.file("admin")
    rules.readSubjects = ["ranker.example"]
    rules.adminSubjects = ["ops"]
    return try Authorizer(rules)
  }

  private func access(
    _ credentials: inout Credentials, _ right: Rights, _ token: String?
  ) -> Access {
    guard let token else { return credentials.access(right, token: nil) }
    return Array(token.utf8).withUnsafeBytes { credentials.access(right, token: $0) }
  }

  @Test("each token gives its rights, and nothing else does")
  func tokens() throws {
    let authorizer = try authorizer()
    var credentials = Credentials(authorizer, identity: nil)
    #expect(access(&credentials, .read, Self.reader) == .allowed)
    #expect(access(&credentials, .read, "reader-second-token") == .allowed)
    #expect(access(&credentials, .admin, Self.reader) == .insufficient)
    #expect(access(&credentials, .read, Self.admin) == .allowed)
    #expect(access(&credentials, .admin, Self.admin) == .allowed)
    for wrong in [
      "", Self.other, Self.reader + "x", String(Self.reader.dropLast()), "# of the rankers", "  " + Self.reader,
    ] {
      #expect(access(&credentials, .read, wrong) == .unknown)
    }
    // The token of the request before counts no more.
    #expect(access(&credentials, .read, nil) == .missing)
    #expect(access(&credentials, [], nil) == .allowed)
    #expect(authorizer.refusals.map(\.count) == [1, 6, 1])
  }

  @Test("names in certificates give rights, together with tokens")
  func subjects() throws {
    let authorizer = try authorizer()
    var ranker = Credentials(authorizer, identity: PeerIdentity(names: ["r1", "ranker.example"]))
    #expect(access(&ranker, .read, nil) == .allowed)
    #expect(access(&ranker, .admin, nil) == .insufficient)
    #expect(access(&ranker, .admin, Self.admin) == .allowed)
    var ops = Credentials(authorizer, identity: PeerIdentity(names: ["ops"]))
    #expect(access(&ops, .admin, nil) == .allowed)
    var stranger = Credentials(authorizer, identity: PeerIdentity(names: ["OPS", "x.ranker.example"]))
    #expect(access(&stranger, .read, nil) == .unadmitted(["OPS", "x.ranker.example"]))
    #expect(access(&stranger, .read, Self.other) == .unknown)
    #expect(access(&stranger, .read, Self.reader) == .allowed)
  }

  @Test("where nothing is configured everybody may do everything")
  func open() {
    var credentials = Credentials(.open, identity: nil)
    #expect(access(&credentials, .admin, nil) == .allowed)
    #expect(access(&credentials, .admin, "whatever") == .allowed)
    #expect(credentials.rights() == [.read, .admin])
  }

  @Test("a token shown once counts until it is replaced in the file, and a wrong one changes nothing")
  func rotation() throws {
    let authorizer = try authorizer()
    var credentials = Credentials(authorizer, identity: nil)
    func present(_ token: String) -> Bool { Array(token.utf8).withUnsafeBytes { credentials.present($0) } }
    #expect(!present(Self.other))
    #expect(credentials.rights() == [])
    #expect(present(Self.reader))
    #expect(!present(Self.other))
    #expect(credentials.access(.read) == .allowed)
    try write("\(Self.other)\n\(Self.reader)\n", to: "read")
    try authorizer.reload()
    #expect(credentials.access(.read) == .allowed)
    try write("\(Self.other)\n", to: "read")
    try authorizer.reload()
    #expect(credentials.access(.read) == .unknown)
    #expect(present(Self.other))
    #expect(credentials.rights() == .read)
    credentials.forget()
    #expect(credentials.access(.read) == .missing)
  }

  @Test("a token in both files may do both")
  func both() throws {
    try write(Self.reader, to: "one")
    var rules = Authorizer.Rules()
    (rules.readTokens, rules.adminTokens) = (folder.file("one"), folder.file("one"))
    var credentials = Credentials(try Authorizer(rules), identity: nil)
    #expect(access(&credentials, .admin, Self.reader) == .allowed)
  }

  @Test(
    "a file that is of no use is refused with its line, and without what stands there; what was before stays",
    arguments: [
      ("good-0123456789abc\nshort\n", ":2: a token has 16 to 512 characters"),
      ("two words in one line\n", ":1: a token has only visible ASCII characters"),
      ("0123456789abcdé\n", ":1: a token has only visible ASCII characters"),
      (String(repeating: "x", count: 513), ":1: a token has 16 to 512 characters"),
      ((0...256).map { "token-number-\($0 + 1000)\n" }.joined(), ": more than 256 tokens"),
      (String(repeating: "#\n", count: 40_000), ": longer than 65536 bytes"),
    ])
  func uselessFiles(text: String, message: String) throws {
    let authorizer = try authorizer()
    try write(text, to: "read")
    let error = #expect(throws: NetworkError.self) { try authorizer.reload() }
    #expect(error?.description.hasPrefix(folder.file("read") + message) == true, "\(error?.description ?? "")")
    #expect(error?.description.contains("short") == false && error?.description.contains("0123") == false)
    var credentials = Credentials(authorizer, identity: nil)
    #expect(access(&credentials, .read, Self.reader) == .allowed)
  }

  @Test("a file without a token is refused at the start", arguments: ["", "# x\n\n"])
  func emptyAtStart(text: String) throws {
    _ = try authorizer()
    try write(text, to: "read")
    var rules = Authorizer.Rules()
    rules.readTokens = folder.file("read")
    let error = #expect(throws: NetworkError.self) { try Authorizer(rules) }
    #expect(error?.description.hasPrefix(folder.file("read") + ": there is no token in it") == true)
  }

  @Test("a file that is emptied takes its tokens back, and the other's stay", arguments: ["", "# none any more\n"])
  func emptied(text: String) throws {
    let authorizer = try authorizer()
    var credentials = Credentials(authorizer, identity: nil)
    try write(text, to: "read")
    try authorizer.reload()
    #expect(access(&credentials, .read, Self.reader) == .unknown)
    #expect(access(&credentials, .read, "reader-second-token") == .unknown)
    #expect(access(&credentials, .admin, Self.admin) == .allowed)
    try write(text, to: "admin")
    try authorizer.reload()
    #expect(access(&credentials, .admin, Self.admin) == .unknown)
    // Nobody's tokens are not everybody's rights.
    #expect(access(&credentials, .read, nil) == .missing)
  }

  @Test("what is wrong in one file does not keep the other from being read again")
  func independent() throws {
    let authorizer = try authorizer()
    var credentials = Credentials(authorizer, identity: nil)
    try write("short\n", to: "read")
    try write(Self.other, to: "admin")
    let error = #expect(throws: NetworkError.self) { try authorizer.reload() }
    #expect(error?.description.hasPrefix(folder.file("read") + ":1: ") == true)
    #expect(access(&credentials, .admin, Self.admin) == .unknown)
    #expect(access(&credentials, .admin, Self.other) == .allowed)
    #expect(access(&credentials, .read, Self.reader) == .allowed)
    try write("short\n", to: "admin")
    let both = #expect(throws: NetworkError.self) { try authorizer.reload() }
    for name in ["read", "admin"] { #expect(both?.description.contains(folder.file(name) + ":1: ") == true) }
  }

  @Test("a file that is not there is named")
  func missingFile() {
    var rules = Authorizer.Rules()
    rules.readTokens = folder.file("nowhere")
    let error = #expect(throws: NetworkError.self) { try Authorizer(rules) }
    #expect(error?.description == "reading the tokens in \(folder.file("nowhere")): no such file or directory")
  }

  @Test("files are read again when they have changed, and what cannot be read is told once and leaves what was")
  func watching() throws {
    let authorizer = try authorizer()
    let told = Told()
    let watch = FileWatch([authorizer], interval_ms: 10) { told.add($0) }
    defer { watch.stop() }
    var credentials = Credentials(authorizer, identity: nil)
    try write(Self.other, to: "read")
    #expect(eventually { access(&credentials, .read, Self.other) == .allowed })
    #expect(access(&credentials, .read, Self.reader) == .unknown)
    try write("no", to: "read")
    #expect(eventually { told.failures == 1 })
    #expect(access(&credentials, .read, Self.other) == .allowed)
    try FileManager.default.removeItem(atPath: folder.file("read"))
    #expect(eventually { told.failures == 2 })
    try write(Self.reader, to: "read")
    #expect(eventually { access(&credentials, .read, Self.reader) == .allowed })
    #expect(watch.counters.failed == 2)
    // It is told after it has been taken up.
    #expect(eventually { told.reloads == 2 })
    watch.reload()
    #expect(eventually { told.reloads == 3 })
  }

  @Test("what several read from the same files is told and counted once")
  func sharedFiles() throws {
    let certificates = try Certificates()
    let pair = try certificates.issue("server")
    let ports = try (0..<3).map { _ in try ServerTLS(certificate: pair.certificate, key: pair.key) }
    let told = Told()
    let watch = FileWatch(ports, interval_ms: 10) { told.add($0) }
    watch.reload()
    #expect(eventually { told.reloads == 1 })
    try "rubbish\n".write(toFile: pair.certificate, atomically: true, encoding: .utf8)
    #expect(eventually { told.failures == 1 })
    watch.stop()
    #expect(watch.counters.reloaded == 1 && watch.counters.failed == 1 && told.failures == 1 && told.reloads == 1)
  }

  @Test("a certificate whose key is too weak is told so, and not what its form should be")
  func weak() throws {
    let (certificate, key) = (folder.file("weak.crt"), folder.file("weak.key"))
    let outcome = try Command(
      "openssl",
      ["req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=weak", "-keyout", key, "-out", certificate]
    ).wait()
    try #require(outcome.code == 0, "\(outcome)")
    let error = #expect(throws: NetworkError.self) { try ServerTLS(certificate: certificate, key: key) }
    #expect(
      error?.description
        == "reading the certificate \(certificate): ee key too small; make one with a key of P-256 or 2048 bits of RSA, "
        + "and SHA-256")
  }

  @Test("a server's certificate is replaced while it serves, and a broken one is not taken")
  func certificates() throws {
    let certificates = try Certificates()
    let pair = try certificates.issue("server", subject: "first")
    let tls = try ServerTLS(certificate: pair.certificate, key: pair.key)
    let first_s = try #require(tls.expiry_s)
    #expect(abs(first_s - WallClock.now_ms / 1000 - 2 * 86_400) < 3600)
    let listener = try Listener(address: "127.0.0.1:0", tls: tls, allowRemote: false, option: "x") { LineFactory() }
    let server = try NetworkServer(listeners: [listener])
    let script = "print(dict(x[0] for x in connect().getpeercert()['subject'])['commonName'])"
    func subject() throws -> String {
      try TLSClient.run(server.addresses[0], ca: certificates.authority, script)
    }
    #expect(try subject() == "first\n")
    try certificates.issue("server", subject: "second", days: 30)
    try tls.reload()
    #expect(try subject() == "second\n")
    #expect(tls.expiry_s.map { $0 - first_s > 27 * 86_400 } == true)
    // A key of another certificate, as when only one of the files has been replaced.
    let other = try certificates.issue("other")
    try FileManager.default.removeItem(atPath: pair.key)
    try FileManager.default.copyItem(atPath: other.key, toPath: pair.key)
    let error = #expect(throws: NetworkError.self) { try tls.reload() }
    #expect(
      error?.description
        == "reading the key \(pair.key): key values mismatch; it must be the certificate's private key, PEM, without a passphrase"
    )
    #expect(try subject() == "second\n")
  }

  @Test("certificates, keys and authorities that are of no use are told with their files")
  func uselessCertificates() throws {
    let certificates = try Certificates()
    let pair = try certificates.issue("server")
    let rubbish = folder.file("rubbish")
    try write("rubbish\n", to: "rubbish")
    func refusal(_ certificate: String, _ key: String, _ ca: String? = nil) -> String? {
      do throws(NetworkError) {
        _ = try ServerTLS(certificate: certificate, key: key, clientCA: ca)
        return nil
      } catch { return error.description }
    }
    #expect(refusal(pair.certificate, pair.key, certificates.authority) == nil)
    #expect(refusal("/none", pair.key) == "reading the certificate /none: no such file or directory")
    #expect(refusal(rubbish, pair.key)?.hasPrefix("reading the certificate \(rubbish): no start line; ") == true)
    #expect(refusal(pair.certificate, "/none") == "reading the key /none: no such file or directory")
    #expect(refusal(pair.certificate, rubbish)?.hasPrefix("reading the key \(rubbish): ") == true)
    #expect(refusal(pair.certificate, pair.key, rubbish)?.hasPrefix("reading the authorities \(rubbish): ") == true)
    let secret = folder.file("secret.key")
    let outcome = try Command("openssl", ["ec", "-aes128", "-passout", "pass:x", "-in", pair.key, "-out", secret])
      .wait()
    #expect(outcome.code == 0)
    #expect(refusal(pair.certificate, secret)?.hasPrefix("reading the key \(secret): ") == true)
  }

  private final class Told: @unchecked Sendable {  // only touched under `mutex`
    private let mutex = Mutex()
    private var outcomes: [FileWatch.Outcome] = []
    func add(_ outcome: FileWatch.Outcome) { mutex.withLock { outcomes.append(outcome) } }
    var failures: Int { mutex.withLock { outcomes.count { if case .failed = $0 { true } else { false } } } }
    var reloads: Int { mutex.withLock { outcomes.count { if case .reloaded = $0 { true } else { false } } } }
  }
}
