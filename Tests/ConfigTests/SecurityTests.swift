import DaemonConfig
import Testing

private let catalog = "behaviors: [{ type: click, code: 1, category: weak }]\n"

private func parse(_ yaml: String) throws(ConfigurationError) -> DaemonConfiguration {
  try DaemonConfiguration.parse(yaml: catalog + yaml, file: "c.yaml")
}

private func refusal(_ yaml: String) -> String? {
  do throws(ConfigurationError) {
    _ = try parse(yaml)
    return nil
  } catch { return error.description }
}

@Suite("What protects the ports")
struct SecurityTests {
  private static let tls = "tls: { certificate: c, key: k }\n"
  private static let mutual = "tls: { certificate: c, key: k, client_ca: ca }\n"
  private static let tokens = "auth: { read_tokens_file: t }\n"

  @Test(
    "a port that other machines reach has TLS and asks who they are, or the leave to do without",
    arguments: [
      (
        "",
        "has neither TLS nor authentication: set tls.certificate and tls.key, and auth.read_tokens_file or tls.client_ca"
      ),
      (tls, "has no authentication: set auth.read_tokens_file or tls.client_ca"),
      (tokens, "has no TLS: set tls.certificate and tls.key"), (tls + tokens, nil), (mutual, nil),
    ])
  func remote(security: String, weakness: String?) {
    for port in ["http", "grpc", "resp"] {
      let message =
        "\(port).listen: '0.0.0.0:80' can be reached by other machines, and \(weakness ?? ""); or listen on 127.0.0.1; or "
        + "set \(port).allow_remote to true"
      let found = refusal("\(security)\(port): { listen: \"0.0.0.0:80\" }\n")
      #expect(found?.split(separator: ": ", maxSplits: 1).last.map(String.init) == (weakness == nil ? nil : message))
      #expect(refusal("\(security)\(port): { listen: \"0.0.0.0:80\", allow_remote: true }\n") == nil)
    }
  }

  @Test(
    "two ports of one number are refused where both cannot be had",
    arguments: [
      ("127.0.0.1:80", "127.0.0.1:80", true), ("127.0.0.1:80", "0.0.0.0:80", true), ("[::]:80", "127.0.0.1:80", true),
      ("127.0.0.1:80", "127.0.0.2:80", false), ("127.0.0.1:80", "127.0.0.1:81", false),
      ("127.0.0.1:0", "127.0.0.1:0", false),
    ])
  func shared(http: String, resp: String, isRefused: Bool) {
    let found = refusal(
      "http: { listen: \"\(http)\", allow_remote: true }\nresp: { listen: \"\(resp)\", allow_remote: true }")
    #expect(found == (isRefused ? "c.yaml:3: resp.listen: port 80 is http.listen's already: take another" : nil))
  }

  @Test("a port that is exempt from TLS, or from certificates, is judged by what is left")
  func exempt() throws {
    #expect(refusal(Self.mutual + "http: { listen: \"0.0.0.0:80\", tls: none }")?.contains("has neither") == true)
    #expect(
      refusal(Self.mutual + Self.tokens + "http: { listen: \"0.0.0.0:80\", tls: none }")?.contains(
        "has no TLS: set http.tls to auto; or") == true)
    #expect(
      refusal(Self.mutual + "http: { listen: \"0.0.0.0:80\", tls: server }")?.contains("no authentication") == true)
    #expect(refusal(Self.mutual + Self.tokens + "http: { listen: \"0.0.0.0:80\", tls: server }") == nil)
    let configuration = try parse(Self.mutual + "http: { tls: server }\nresp: { listen: \"127.0.0.1:0\", tls: none }\n")
    #expect(configuration.ports.map(\.name) == ["http", "resp"])
    #expect(configuration.ports.map { configuration.hasTLS($0) } == [true, false])
    #expect(configuration.ports.map { configuration.asksCertificates($0) } == [false, false])
    #expect(configuration.forwardsByTLS)
  }

  @Test(
    "what is of no use, or belongs together, is told",
    arguments: [
      ("tls: { certificate: c }", "tls.certificate: is of no use without tls.key, its private key"),
      ("tls: { key: k }", "tls.key: is of no use without tls.certificate"),
      ("tls: { client_ca: c }", "tls.client_ca: has no effect while tls.certificate is not set: there is no TLS"),
      ("http: { tls: server }", "http.tls: needs tls.certificate and tls.key"),
      (
        "auth: { read_subjects: [ranker] }",
        "auth.read_subjects: has no effect while tls.client_ca is not set: clients show no certificates"
      ),
      (
        "forward: { key: k }", "forward.certificate: forward.certificate and forward.key are set together or not at all"
      ),
      (
        "auth: { read_subjects: ranker }",
        "auth.read_subjects: needs a list of at most 100 names of 1 to 512 bytes, not 'ranker'"
      ),
      ("auth: { read_subjects: [\"\"] }", "auth.read_subjects[0]: needs a name of 1 to 512 bytes, not the text ''"),
    ])
  func useless(line: String, message: String) {
    // Where a key that is not in the file is meant, the place is the file itself.
    #expect(refusal(line)?.hasSuffix(message) == true, "\(refusal(line) ?? "")")
  }

  @Test("names in certificates are read, printed and read back")
  func names() throws {
    let configuration = try parse(
      Self.mutual + "auth: { read_subjects: [ranker, \"spiffe://a/b\"], admin_subjects: [ops] }")
    #expect(configuration.auth.readSubjects == ["ranker", "spiffe://a/b"])
    #expect(try DaemonConfiguration.parse(yaml: configuration.effectiveYAML, file: "c") == configuration)
  }
}
