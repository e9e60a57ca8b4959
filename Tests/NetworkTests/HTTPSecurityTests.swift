import Bytes
import Foundation
import HTTP
import Network
import TestKit
import Testing

/// Needs the right to read at `/read...`, and to administer at `/admin`.
private final class GuardedHandler: HTTPHandler {
  func right(for request: borrowing HTTPRequest) -> Rights {
    if request.matches("/admin") { return .admin }
    return request.matches("/read") ? .read : []
  }

  func respond(to request: borrowing HTTPRequest, into response: inout HTTPResponse) {
    response.body.append(request.body)
    response.body.append("done")
  }
}

@Suite("HTTP: rights, compression, bounds")
struct HTTPSecurityTests {
  private let folder = TemporaryDirectory()
  private static let (reader, admin) = ("reader-0123456789", "admin-0123456789")

  private func driver(limits: HTTPLimits = HTTPLimits()) throws -> HTTPDriver {
    try Self.reader.write(toFile: folder.file("read"), atomically: true, encoding: .utf8)
    try Self.admin.write(toFile: folder.file("admin"), atomically: true, encoding: .utf8)
    var rules = Authorizer.Rules()
    (rules.readTokens, rules.adminTokens) = (folder.file("read"), folder.file("admin"))
    return HTTPDriver(handler: GuardedHandler(), limits: limits, authorizer: try Authorizer(rules))
  }

  private func get(_ path: String, _ fields: String = "") -> String {
    "GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"
  }

  private static func refusal(_ status: String, _ code: String, _ message: String, _ challenge: String) -> String {
    let body = "{\"error\":{\"code\":\"\(code)\",\"message\":\"\(message)\"}}\n"
    return "HTTP/1.1 \(status)\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
      + "WWW-Authenticate: Bearer realm=\"interestd\"\(challenge)\r\n\r\n" + body
  }

  private static let missing = refusal(
    "401 Unauthorized", "unauthenticated", "a token is needed: send Authorization: Bearer TOKEN", "")
  private static let unknown = refusal(
    "401 Unauthorized", "unauthenticated", "nobody has this token: it may have been replaced",
    ", error=\"invalid_token\"")
  private static let insufficient = refusal(
    "403 Forbidden", "forbidden", "this needs the right 'admin', which the caller does not have",
    ", error=\"insufficient_scope\", scope=\"admin\"")
  private static let done =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\ndone"

  @Test("each request needs a token with its path's right, and the connection goes on after a refusal")
  func rights() throws {
    var driver = try driver()
    for (path, fields, reply) in [
      ("/health", "", Self.done), ("/read", "", Self.missing),
      ("/read", "Authorization: Bearer \(Self.reader)\r\n", Self.done), ("/read", "", Self.missing),
      ("/read", "authorization: bearer   \(Self.admin)\r\n", Self.done),
      ("/read", "Authorization: Bearer wrong\r\n", Self.unknown),
      ("/read", "Authorization: Basic \(Self.reader)\r\n", Self.missing),
      ("/read", "Authorization: Bearer \(Self.reader)\r\nAuthorization: Bearer \(Self.reader)\r\n", Self.missing),
      ("/admin", "Authorization: Bearer \(Self.reader)\r\n", Self.insufficient),
      ("/admin", "Authorization: Bearer \(Self.admin)\r\n", Self.done),
    ] {
      let before = driver.replies.utf8.count
      driver.feed(get(path, fields).utf8)
      #expect(String(driver.replies.utf8.dropFirst(before)) == reply, "\(path) \(fields)")
    }
    let isClosed = driver.isClosed
    #expect(!isClosed)
  }

  @Test("byte by byte the same is refused")
  func torn() throws {
    var driver = try driver()
    for byte in (get("/read") + get("/read", "Authorization: Bearer \(Self.reader)\r\n")).utf8 { driver.feed([byte]) }
    #expect(driver.replies == Self.missing + Self.done)
  }

  @Test("who may not ask is refused before the body has come, and without a continuation")
  func body() throws {
    var driver = try driver()
    driver.feed("POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n".utf8)
    #expect(driver.replies == Self.missing.replacing("\r\n\r\n", with: "\r\nConnection: close\r\n\r\n"))
    let isClosed = driver.isClosed
    #expect(isClosed)
    var allowed = try self.driver()
    allowed.feed(
      "POST /read HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(Self.reader)\r\nContent-Length: 5\r\n\r\nhello".utf8)
    #expect(allowed.replies.hasSuffix("\r\n\r\nhellodone"))
  }

  @Test("bodies that are not complete are bounded over all connections of a loop")
  func bodies() throws {
    var limits = HTTPLimits()
    limits.bodies_bytes = 100
    let server = HTTPServer(handler: EchoHandler(), limits: limits)
    func half(_ server: ConnectionFactory, _ size: Int) -> (ConnectionHandler, String) {
      let connection = server.makeConnection()
      var output = ByteBuffer()
      let text = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + String(repeating: "x", count: size)
      _ = Array(text.utf8).withUnsafeBytes { connection.receive($0, &output) }
      return (connection, String(decoding: output.bytes, as: UTF8.self))
    }
    let first = half(server, 60)
    let second = half(server, 41)
    #expect(first.1 == "")
    #expect(second.1.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n") && second.1.contains("\r\nRetry-After: 1\r\n"))
    second.0.ended()
    #expect(half(server, 40).1 == "")
    first.0.ended()
    #expect(half(server, 60).1 == "")
  }

  @Test(
    "large replies are compressed where the client would rather have that",
    arguments: [
      ("gzip", true), ("GZIP", true), ("deflate, gzip;q=0.5", true), ("*", true), ("gzip;q=1.0, identity; q=0.5", true),
      ("x-gzip", true), ("br , gzip ; q=0.001", true), ("", false), ("identity", false), ("gzip;q=0", false),
      ("gzip;q=0.0, *", false), ("*;q=0", false), ("gzip;q=0.5, identity;q=0.6", false), ("deflate", false),
      ("gzip;q=2", false), ("gzip;q=x", false), ("gzip;level=9", false), ("gzipped", false), ("gzip;q=1.001", false),
    ])
  func compression(accepted: String, isCompressed: Bool) throws {
    var driver = HTTPDriver()
    driver.feed(get("/big/5000", "Accept-Encoding: \(accepted)\r\n").utf8)
    let bytes = driver.output.bytes
    let head = String(decoding: bytes.prefix(250), as: UTF8.self)
    #expect(head.contains("\r\nVary: Accept-Encoding\r\n"))
    #expect(head.contains("\r\nContent-Encoding: gzip\r\n") == isCompressed)
    let body = Data(bytes[(bytes.count - (isCompressed ? try length(head) : 5000))...])
    #expect((isCompressed ? try gunzip(body) : body) == Data(repeating: UInt8(ascii: "x"), count: 5000))
  }

  @Test("small replies are not compressed, and a HEAD has the header of its GET")
  func notCompressed() throws {
    var driver = HTTPDriver()
    driver.feed(get("/big/1023", "Accept-Encoding: gzip\r\n").utf8)
    #expect(!driver.replies.contains("Content-Encoding"))
    var get = HTTPDriver()
    get.feed(self.get("/big/9000", "Accept-Encoding: gzip\r\n").utf8)
    var head = HTTPDriver()
    head.feed(self.get("/big/9000", "Accept-Encoding: gzip\r\n").replacing("GET", with: "HEAD").utf8)
    let end = try #require(get.replies.firstRange(of: "\r\n\r\n"))
    #expect(head.replies == get.replies[..<end.upperBound])
  }

  @Test("one compressed reply leaves nothing in the next")
  func reuse() throws {
    var driver = HTTPDriver()
    var expected: [Int] = []
    for size in [200_000, 3000, 1_000_000, 1024] {
      let before = driver.output.count
      driver.feed(get("/big/\(size)", "Accept-Encoding: gzip\r\n").utf8)
      let reply = UnsafeRawBufferPointer(rebasing: driver.output.bytes[before...])
      let length = try length(String(decoding: reply.prefix(250), as: UTF8.self))
      expected.append(try gunzip(Data(reply.suffix(length))).count)
    }
    #expect(expected == [200_000, 3000, 1_000_000, 1024])
  }

  private func length(_ head: String) throws -> Int {
    let start = try #require(head.firstRange(of: "Content-Length: ")).upperBound
    return try #require(Int(head[start...].prefix { $0.isNumber }))
  }

  private func gunzip(_ data: Data) throws -> Data {
    let file = folder.file("\(UUID()).gz")
    try data.write(to: URL(fileURLWithPath: file))
    let outcome = try Command("gzip", ["-dc", file]).wait()
    try #require(outcome.code == 0, "\(outcome)")
    return outcome.output
  }
}
