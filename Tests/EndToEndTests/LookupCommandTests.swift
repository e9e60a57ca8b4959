import Foundation
import TestKit
import Testing

/// The command, of a state and of daemons that it reaches in every way there is.
@Suite("interestd lookup", .executable)
struct LookupCommandTests {
  private let folder = TemporaryDirectory()
  private let state: String

  init() throws {
    state = folder.file("state")
    try DataSet.sample.ingest(into: state)
  }

  private func heading(_ options: String...) throws -> String? {
    try Interestd.start(["lookup", "1062", "--state", state] + options).wait().lines.first
  }

  @Test("tells what is shown of what there is")
  func shares() throws {
    let all = "(generation 1, cluster map ee12c3c9)"
    #expect(try heading() == "user 1062: 77 groups, 296 behaviors \(all)")
    #expect(
      try heading("--order", "frequency", "--groups", "5") == "user 1062: 5 of 77 groups, 122 of 296 behaviors \(all)")
    #expect(try heading("--groups", "0") == "user 1062: 0 of 77 groups, 0 of 296 behaviors \(all)")
    #expect(try heading("--groups", "1", "--fields", "counts") == "user 1062: 1 of 77 groups \(all)")
    let nobody = try Interestd.run("lookup", "nobody", "--state", state, "--groups", "0")
    #expect(nobody.text == "user nobody: no behaviors\n")
  }

  @Test("has the columns that were asked for, and no more behaviors than there are")
  func columns() throws {
    let none = try Interestd.run("lookup", "1062", "--state", state, "--behaviors", "0", "--groups", "3")
    #expect(none.lines.dropFirst(2).allSatisfy { $0.hasSuffix("  -") }, "\(none)")
    let some = try Interestd.run(
      "lookup", "1062", "--state", state, "--groups", "2", "--fields", "events,windows,behavior_shop")
    let titles = try #require(some.lines.dropFirst().first).split(separator: " ").joined(separator: " ")
    #expect(titles == "group events 1d 7d 30d newest behaviors")
    #expect(some.lines.last?.contains("shop ") == true && !some.text.contains("order"), "\(some)")
  }

  @Test(
    "names the option whose value is wrong",
    arguments: [
      (["--groups", "-1"], "--groups needs a whole number from 0 to 100000, not '-1'", Int32(2)),
      (["--behaviors", "x"], "--behaviors needs a whole number from 0 to 255, not 'x'", 2),
      (["--order", "newest"], "--order needs one of recency, frequency, not 'newest'", 2),
      (["--fields", "counts,foo"], "--fields is refused: 'foo' is not one of events, counts,", 2),
      (["--as-of", "yesterday"], "--as-of is refused: 'yesterday' is no ", 2),
      (["--generation", "0"], "--generation needs a whole number from 1 to 4294967295, not '0'", 2),
      (["--generation", "2"], "--generation: there is generation 1 only", 1),
      (["--as-of", "1"], "--as-of: the user's newest event is of 2017-09-29", 1),
      (["--ca", "ca.crt"], "--ca goes with --endpoint URL", 1),
    ])
  func values(options: [String], message: String, code: Int32) throws {
    let outcome = try Interestd.start(["lookup", "1062", "--state", state] + options).wait()
    #expect(outcome.code == code)
    #expect(outcome.error.hasPrefix("interestd: \(message)"), "\(outcome)")
  }

  @Test("shows an endpoint a token from a file")
  func token() throws {
    let tokens = folder.file("tokens")
    try "the-token-of-a-test\n".write(toFile: tokens, atomically: true, encoding: .utf8)
    let daemon = try Daemon(["serve", "--state", state], environment: ["INTERESTD_AUTH__READ_TOKENS_FILE": tokens])
    try daemon.awaitReady()
    let refused = try Interestd.run("lookup", "1062", "--endpoint", daemon.url, "--json", expecting: 1)
    #expect(refused.error.contains("\(daemon.url) answers 401: a token is needed"))
    let cli = try Interestd.run("lookup", "1062", "--endpoint", daemon.url, "--token-file", tokens, "--json")
    #expect(cli.text.hasPrefix("{\"user_id\":\"1062\","))
    try daemon.stop()
  }

  @Test("trusts an authority of one's own, shows a certificate, and says which of the two is missing")
  func tls() throws {
    let certificates = try Certificates()
    let (server, own) = (try certificates.issue("server"), try certificates.issue("own", subject: "ranker"))
    let daemon = try Daemon(
      ["serve", "--state", state],
      environment: [
        "INTERESTD_TLS__CERTIFICATE": server.certificate, "INTERESTD_TLS__KEY": server.key,
        "INTERESTD_TLS__CLIENT_CA": certificates.authority, "INTERESTD_AUTH__READ_SUBJECTS": "[ranker]",
      ])
    let url = "https://localhost:\(daemon.address.split(separator: ":").last ?? "")"
    func ask(_ options: String...) throws -> Command.Outcome {
      try Interestd.start(["lookup", "1062", "--endpoint", url] + options).wait()
    }
    let (ca, shown) = (certificates.authority, ["--certificate", own.certificate, "--key", own.key])
    let answer = try ask("--ca", ca, shown[0], shown[1], shown[2], shown[3])
    #expect(answer.code == 0 && answer.text.hasPrefix("user 1062: 77 groups, 296 behaviors"), "\(answer)")
    let nameless = try ask("--ca", ca)
    #expect(nameless.code == 1)
    #expect(
      nameless.error.contains("\(url) does not answer: ") && nameless.error.contains("show it one with --certificate"))
    let distrusting = try ask()
    #expect(distrusting.code == 1 && distrusting.error.contains("name its authority with --ca FILE"), "\(distrusting)")
    let others = try Certificates(name: "others")
    #expect(try ask("--ca", others.authority).error.contains("tls: certificate verify failed"))
    let half = try ask("--certificate", own.certificate)
    #expect(half.error.contains("--certificate FILE and --key FILE are given together"))
    #expect(try ask("--ca", folder.file("none")).error.contains("reading the authorities"))
    let plain = try Interestd.run("lookup", "1062", "--endpoint", "http://\(daemon.address)", expecting: 1)
    #expect(plain.error.contains("\(daemon.address) answers 400: this port speaks TLS: use https"))
    try daemon.stop()
  }

  @Test("names the port that does not speak HTTP, and asks whether it is another protocol's")
  func otherPorts() throws {
    let daemon = try Daemon(["serve", "--state", state, "--resp", "127.0.0.1:0", "--grpc", "127.0.0.1:0"])
    for name in ["resp", "grpc"] {
      let url = "http://127.0.0.1:\(try daemon.port(of: name))"
      let outcome = try Interestd.run("lookup", "1062", "--endpoint", url, expecting: 1)
      let reason = "its first line is no known status of http 1.1"
      #expect(
        outcome.error == "interestd: \(url) does not answer in HTTP: \(reason); is that the RESP or gRPC port?\n")
    }
    let secure = try Interestd.run("lookup", "1062", "--endpoint", "https://\(daemon.address)", expecting: 1)
    #expect(
      secure.error.contains("https://\(daemon.address) does not answer: tls: ") && secure.error.contains("http://"))
    try daemon.stop()
    let gone = try Interestd.run("lookup", "1062", "--endpoint", daemon.url, expecting: 1)
    #expect(gone.error == "interestd: \(daemon.url) does not answer: connection refused\n")
  }

  @Test("goes where an endpoint sends it on to, behind the path of its own, and nowhere else")
  func redirects() throws {
    let daemon = try Daemon(["serve", "--state", state])
    try daemon.awaitReady()
    let script = """
      import http.server
      class Sender(http.server.BaseHTTPRequestHandler):
        def log_message(self, *a): pass
        def do_GET(self):
          self.send_response(307)
          path = self.path.removeprefix('/behind')
          self.send_header('Location', self.path if path == self.path else 'http://\(daemon.address)' + path)
          self.end_headers()
      s = http.server.HTTPServer(('127.0.0.1', 0), Sender)
      print(s.server_port, flush=True)
      s.serve_forever()
      """
    let sender = try Command("python3", ["-c", script])
    defer { sender.kill() }
    #expect(eventually { sender.output.last == UInt8(ascii: "\n") })
    let port = String(decoding: sender.output, as: UTF8.self).trimmingCharacters(in: .newlines)
    let url = "http://127.0.0.1:\(port)"
    let sent = try Interestd.run("lookup", "1062", "--endpoint", "\(url)/behind/", "--json", "--groups", "3")
    #expect(
      sent.text == (try Interestd.run("lookup", "1062", "--endpoint", daemon.url, "--json", "--groups", "3").text))
    let lost = try Interestd.run("lookup", "1062", "--endpoint", url, expecting: 1)
    #expect(lost.error.contains("\(url) sends on to '/v1/users/1062/sequence', which is no http URL"))
    try daemon.stop()
  }

  @Test("reads an answer in chunks, as of a proxy, that keeps its connection open")
  func chunks() throws {
    let script = """
      import socket, time
      s = socket.create_server(('127.0.0.1', 0))
      print(s.getsockname()[1], flush=True)
      c = s.accept()[0]
      c.recv(65536)
      c.sendall(b'HTTP/1.1 103\\r\\n\\r\\nHTTP/1.1 503 Busy\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n')
      for part in b'come ', b'again':
        c.sendall(b'%x\\r\\n%s\\r\\n' % (len(part), part))
      c.sendall(b'0\\r\\n\\r\\n')
      c.recv(1)  # the client closes
      print('closed', flush=True)
      """
    let proxy = try Command("python3", ["-c", script])
    defer { proxy.kill() }
    #expect(eventually { proxy.output.last == UInt8(ascii: "\n") })
    let port = String(decoding: proxy.output, as: UTF8.self).trimmingCharacters(in: .newlines)
    let url = "http://127.0.0.1:\(port)"
    let outcome = try Interestd.run("lookup", "1062", "--endpoint", url, expecting: 1)
    #expect(outcome.error == "interestd: \(url) answers 503: come again\n")
    #expect(eventually { String(decoding: proxy.output, as: UTF8.self).hasSuffix("closed\n") })
  }
}

/// What `serve` needs, and when it says that it listens.
@Suite("Starting serve", .executable)
struct ServeStartTests {
  private let folder = TemporaryDirectory()
  private let state: String

  init() throws {
    state = folder.file("state")
    try DataSet.sample.ingest(into: state)
  }

  @Test("takes the state's directory from a configuration that has no behaviors")
  func configuration() throws {
    try "state: {directory: \(state)}\n".write(toFile: folder.file("c.yaml"), atomically: true, encoding: .utf8)
    let daemon = try Daemon(["serve", "--config", folder.file("c.yaml")])
    try daemon.awaitReady()
    #expect(try daemon.get("/v1/users/1062/sequence?groups=1").body.contains("\"type\":\"order\""))
    try daemon.stop()
  }

  @Test("says that it listens only once nothing is in the way")
  func failures() throws {
    let daemon = try Daemon(["serve", "--state", state])
    func fails(_ options: String..., of reason: String) throws {
      let outcome = try Interestd.start(["serve", "--state", state, "--http", "127.0.0.1:0"] + options).wait()
      #expect(outcome.code == 1 && outcome.error.contains(reason), "\(outcome)")
      #expect(!outcome.error.contains("message=listening"), "\(outcome)")
    }
    try fails("--resp", daemon.address, of: "address already in use")
    try fails(of: "is in use")
    try daemon.stop()
    try fails("--cluster-map", folder.file("none"), of: "cannot read the cluster map")
    let other = folder.file("other.csv")
    try "shop_id,group_id\n1,1\n".write(toFile: other, atomically: true, encoding: .utf8)
    try fails("--cluster-map", other, of: "is another than the state's")
  }
}
