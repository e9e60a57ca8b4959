import Foundation
import HTTP
import Network
import TestKit
import Testing

/// Answers with a body of so many bytes as its path says, to who has the token.
private final class OwnerHandler: HTTPHandler {
  func right(for request: borrowing HTTPRequest) -> Rights { .read }

  func respond(to request: borrowing HTTPRequest, into response: inout HTTPResponse) {
    let size = Int(String(decoding: request.segment(1), as: UTF8.self)) ?? 0
    for index in 0..<size { response.body.append(UInt8(ascii: "a") + UInt8(index % 26)) }
  }
}

@Suite("Forwarding by TLS")
struct SecureForwardingTests {
  private let certificates: Certificates
  private let folder = TemporaryDirectory()
  private let tokens: String

  init() throws {
    certificates = try Certificates()
    tokens = folder.file("tokens")
    try "the-token-of-instances\n".write(toFile: tokens, atomically: true, encoding: .utf8)
  }

  private func owner(clientCA: String? = nil) throws -> NetworkServer {
    let pair = try certificates.issue("owner", subject: "owner", names: "DNS:owner.example,IP:127.0.0.1")
    let tls = try ServerTLS(
      certificate: pair.certificate, key: pair.key, clientCA: clientCA, protocols: ["http/1.1"])
    var rules = Authorizer.Rules()
    rules.readTokens = tokens
    let authorizer = try Authorizer(rules)
    let listener = try Listener(address: "127.0.0.1:0", tls: tls, allowRemote: false, option: "x") {
      HTTPServer(handler: OwnerHandler(), authorizer: authorizer)
    }
    return try NetworkServer(listeners: [listener])
  }

  /// What a client gets from an instance that has to ask `owner`.
  private func ask(
    _ owner: NetworkServer, host: String, ca: String, pair: Certificates.Pair? = nil, token: Bool = true, _ path: String
  ) throws -> String {
    let security = HTTPClientSecurity(
      tls: try ClientTLS(ca: ca, certificate: pair?.certificate, key: pair?.key),
      token: token ? try OwnToken(file: tokens) : nil)
    let (address, name) = (owner.addresses[0], "\(host):\(owner.addresses[0].port)")
    let listener = try Listener(address: "127.0.0.1:0", allowRemote: false, option: "x") {
      HTTPServer(
        handler: PassingHandler(address, HTTPClientLimits(), answer_ms: 20_000, host: name, security: security))
    }
    let server = try NetworkServer(listeners: [listener])
    let client = try server.client()
    // Twice: the second goes over the kept connection.
    for _ in 0..<2 { try client.send("GET /there/\(path) HTTP/1.1\r\nHost: a\r\n\r\n") }
    try client.send("GET /here HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    return try client.readToEnd()
  }

  @Test("the owner is asked by TLS with this instance's token, by name or by address", arguments: [3, 1_000_000])
  func asked(size: Int) throws {
    let owner = try owner()
    let alphabet = (0..<26).map { String(UnicodeScalar(UInt8(97 + $0))) }.joined()
    let body = String(String(repeating: alphabet, count: size / 26 + 1).prefix(size))
    for host in ["owner.example", "127.0.0.1"] {
      let answer = try ask(owner, host: host, ca: certificates.authority, "\(size)")
      #expect(answer.split(separator: body, omittingEmptySubsequences: false).count == 3, "\(answer.prefix(300))")
    }
    #expect(owner.counters.values.accepted == 2)
    #expect(owner.counters.values.handshakes == 2)
  }

  @Test("an owner that is another, or whose authority is unknown, is not told the token")
  func distrusted() throws {
    let owner = try owner()
    let others = try Certificates(name: "others")
    for (host, ca, reason) in [
      ("another.example", certificates.authority, "hostname mismatch"),
      ("127.0.0.2", certificates.authority, "ip address mismatch"),
      ("owner.example", others.authority, "unable to get local issuer certificate"),
    ] {
      let answer = try ask(owner, host: host, ca: ca, "3")
      #expect(
        answer.contains("unreachable(") && answer.contains("tls: certificate verify failed: \(reason)"), "\(answer)")
    }
    #expect(owner.counters.values.received_bytes == 0)
  }

  @Test("an owner that wants a certificate is shown this instance's")
  func mutual() throws {
    let owner = try owner(clientCA: certificates.authority)
    let pair = try certificates.issue("instance", subject: "instance")
    #expect(try ask(owner, host: "owner.example", ca: certificates.authority, pair: pair, "3").contains("\r\n\r\nabc"))
    let refused = try ask(owner, host: "owner.example", ca: certificates.authority, "3")
    #expect(refused.contains("unreachable(") && refused.contains("certificate required"), "\(refused)")
  }

  @Test("an owner that does not know the token answers 401, and one that speaks no TLS is told")
  func refusals() throws {
    let refused = try ask(try owner(), host: "owner.example", ca: certificates.authority, token: false, "3")
    #expect(refused.hasPrefix("HTTP/1.1 401 Unauthorized\r\n"))
    let plain = try NetworkServer.lines { $0.request_ms = 50 }
    let told = try ask(plain, host: "owner.example", ca: certificates.authority, "3")
    #expect(told.contains("unreachable("), "\(told)")
  }
}
