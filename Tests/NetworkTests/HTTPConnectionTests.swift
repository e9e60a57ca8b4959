import HTTP
import TestKit
import Testing

@Suite("HTTP as a state machine")
struct HTTPConnectionTests {
  private static var limits: HTTPLimits {
    var limits = HTTPLimits()
    limits.header_bytes = HTTPCorpus.limits.header
    limits.body_bytes = HTTPCorpus.limits.body
    return limits
  }

  @Test("each request gets its reply", arguments: HTTPCorpus.cases)
  func whole(_ sample: HTTPCorpus.Case) {
    #expect(
      HTTPDriver.replies(to: sample.input, limits: Self.limits).debugDescription == sample.replies.debugDescription)
  }

  @Test("byte by byte the replies are the same", arguments: HTTPCorpus.cases)
  func bytewise(_ sample: HTTPCorpus.Case) {
    let cuts = Array(0..<sample.input.utf8.count)
    #expect(HTTPDriver.replies(to: sample.input, cutting: cuts, limits: Self.limits) == sample.replies)
  }

  @Test("cut anywhere the replies are the same", arguments: HTTPCorpus.cases)
  func torn(_ sample: HTTPCorpus.Case) {
    var random = SeededGenerator(seed: 11)
    let size = sample.input.utf8.count
    for _ in 0..<200 where size > 0 {
      let cuts = (0..<Int.random(in: 1...6, using: &random)).map { _ in Int.random(in: 0..<size, using: &random) }
        .sorted()
      #expect(
        HTTPDriver.replies(to: sample.input, cutting: cuts, limits: Self.limits) == sample.replies, "cut at \(cuts)")
    }
  }

  @Test("changed bytes give the same replies however they are cut")
  func mutated() {
    var random = SeededGenerator(seed: 12)
    let alphabet = Array("\r\n :,;\"\\0123456789abcdefGETPOST/%?&=\0\u{7f}\t".utf8)
    for round in 0..<3_000 {
      var bytes = Array(HTTPCorpus.cases[round % HTTPCorpus.cases.count].input.utf8)
      for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = alphabet.randomElement(using: &random) ?? 0
      }
      let text = String(decoding: bytes, as: UTF8.self)
      let whole = HTTPDriver.replies(to: text, limits: Self.limits)
      let bytewise = HTTPDriver.replies(to: text, cutting: Array(0..<text.utf8.count), limits: Self.limits)
      #expect(whole == bytewise, "\(text.debugDescription)")
    }
  }

  @Test(
    "a target that cannot be decoded is refused, and the connection goes on",
    arguments: [
      ("/a%2", "the path has a malformed escape: % must be followed by two hexadecimal digits"),
      ("/a?b=%zz", "the query has a malformed escape: % must be followed by two hexadecimal digits"),
      ("/%ff", "the path is not utf-8 when unescaped"),
      ("/a#b", "the path has a fragment, which belongs to the client alone"),
      ("*", "the request target is not a path"), ("a:80", "the request target is not a path"),
      (String(repeating: "/a", count: 33), "the path has more than 32 segments"),
      ("/?" + String(repeating: "a&", count: 33), "the query has more than 32 parameters"),
    ])
  func badTarget(target: String, message: String) {
    let body = failure("400 Bad Request", message)
    let replies = HTTPDriver.replies(
      to: "GET \(target) HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(
      replies
        == "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
        + body + ok("get /next []"))
  }

  @Test("errors have their headers and a code")
  func errors() {
    let message = "this path only has GET, HEAD"
    let body = failure("405 Method Not Allowed", message)
    #expect(
      HTTPDriver.replies(to: "POST /only-get HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        == "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
        + "Allow: GET, HEAD\r\n\r\n" + body)
    #expect(HTTPDriver.replies(to: "GET /missing HTTP/1.1\r\nHost: a\r\n\r\n").hasPrefix("HTTP/1.1 404 Not Found\r\n"))
  }

  @Test("a request that takes too long is answered with 408")
  func expired() {
    var driver = HTTPDriver()
    driver.feed("GET / HT".utf8)
    driver.expire()
    #expect(driver.replies + "<end>" == refusal("408 Request Timeout", "the request was not complete in time"))
  }

  @Test("the continuation is sent before the body has come")
  func continuation() {
    var driver = HTTPDriver()
    driver.feed("POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n".utf8)
    #expect(driver.replies == "HTTP/1.1 100 Continue\r\n\r\n")
    driver.feed("hi".utf8)
    #expect(driver.replies == "HTTP/1.1 100 Continue\r\n\r\n" + ok("post /b [hi]"))
  }
}
