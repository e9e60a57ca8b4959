import Testing

/// Requests, and what is answered: the same however they are cut.
enum HTTPCorpus {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let input: String
    let replies: String
    var testDescription: String { name }
  }

  private static func accepted(_ name: String, _ input: String, _ replies: String) -> Case {
    Case(name: name, input: input, replies: replies)
  }

  private static func refused(_ name: String, _ input: String, _ status: String, _ message: String) -> Case {
    // What follows a refused request must not be answered.
    Case(name: name, input: input + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", replies: refusal(status, message))
  }

  /// A reply without its body.
  private static func headOnly(_ reply: String) -> String {
    reply.firstRange(of: "\r\n\r\n").map { reply[..<$0.upperBound] + "<end>" } ?? reply
  }

  private static let malformed = "the request is malformed: "

  static let cases: [Case] = plain + bodies + framing + headers + tooLong

  static let plain = [
    accepted(
      "a get", "GET /v1/users/u1/sequence?groups=3 HTTP/1.1\r\nHost: a\r\n\r\n",
      ok("get /v1 /users /u1 /sequence groups=3 []")),
    accepted(
      "pipelined", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
      ok("get /1 []") + ok("get /2 []")),
    accepted(
      "an empty line between requests", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
      ok("get /1 []") + ok("get /2 []")),
    accepted(
      "connection: close", "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
      ok("get /1 []", closing: true) + "<end>"),
    accepted("http 1.0", "GET / HTTP/1.0\r\n\r\n", ok("get / []", closing: true) + "<end>"),
    accepted(
      "http 1.0 with keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
      ok("get / []", closing: true) + "<end>"),
    accepted(
      "head", "HEAD /12 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 10\r\n\r\n" + ok("get /2 []")),
    accepted(
      "head without a host", "HEAD / HTTP/1.1\r\n\r\n",
      headOnly(refusal("400 Bad Request", "there must be one host field"))),
    accepted(
      "head that is malformed", "HEAD / HTTP/1.1\r\nHost: a\nb: c\r\n\r\n",
      headOnly(refusal("400 Bad Request", "the request has a line feed without a carriage return"))),
    accepted(
      "head with a long header", "HEAD / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "b", count: 300))\r\n\r\n",
      headOnly(
        refusal("431 Request Header Fields Too Large", "the header is longer than \(limits.header) bytes"))),
    accepted("absolute form", "GET http://a:80/x?y=1 HTTP/1.1\r\nHost: a\r\n\r\n", ok("get /x y=1 []")),
    accepted("escapes", "GET /a%2Fb%20c?q=%26+%3d&r HTTP/1.1\r\nHost: a\r\n\r\n", ok("get /a/b c q=&+= r= []")),
    accepted("an unknown method", "BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", ok("other /pot []")),
    accepted("half a header", "GET / HTTP/1.1\r\nHost: a\r\n", "<partial>"),
    accepted("nothing", "", ""),
  ]

  static let bodies = [
    accepted("a body", "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", ok("post /b [hello]")),
    accepted("a body of nothing", "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", ok("post /b []")),
    accepted(
      "two bodies",
      "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloPUT /c HTTP/1.1\r\nHost: a\r\ncontent-length: 3\r\n\r\nyou",
      ok("post /b [hello]") + ok("put /c [you]")),
    accepted(
      "chunks",
      "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n"
        + "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
      ok("post /b [hello world]") + ok("get /2 []")),
    accepted(
      "chunks with quoted extensions",
      "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b;\\\"c\"\r\nhello\r\n0;d=\"\"\r\n\r\n",
      ok("post /b [hello]")),
    accepted(
      "chunks with a trailer",
      "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\nx\r\n0\r\nHost: b\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
      ok("post /b [x]") + ok("get /2 []")),
    accepted("half a body", "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel", "<partial>"),
    accepted(
      "line feeds in a chunk",
      "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\n\n\n\r\n0\r\n\r\n",
      ok("post /b [\n\n\n]")),
    accepted("half a chunk", "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "<partial>"),
    accepted(
      "expect: 100-continue", "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi",
      "HTTP/1.1 100 Continue\r\n\r\n" + ok("post /b [hi]")),
    accepted(
      "expect without a body", "GET /b HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", ok("get /b []")),
    refused(
      "another expectation", "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: more\r\n\r\nhi",
      "417 Expectation Failed", "100-continue is the only expectation known here"),
  ]

  static let framing = [
    refused(
      "two lengths", "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
      "400 Bad Request",
      malformed + "bad Content-Length"),
    refused(
      "two equal lengths", "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
      "400 Bad Request", "the content length is not one decimal number"),
    refused(
      "a list of lengths", "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello",
      "400 Bad Request", "the content length is not one decimal number"),
    refused(
      "a signed length", "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", "400 Bad Request",
      malformed + "bad Content-Length"),
    refused(
      "a length and chunks",
      "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "400 Bad Request",
      malformed + "bad Transfer-Encoding"),
    refused(
      "chunks and a length",
      "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
      "400 Bad Request",
      malformed + "bad Content-Length"),
    refused(
      "an unknown coding", "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\nhello",
      "501 Not Implemented", "chunked is the only transfer coding known here"),
    refused(
      "a coding before chunks", "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "501 Not Implemented", "chunked is the only transfer coding known here"),
    refused(
      "chunks in http 1.0", "POST /b HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 Bad Request",
      "http 1.0 has no transfer codings"),
    refused(
      "line feeds alone between chunks",
      "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n",
      "400 Bad Request", malformed + "bad chunk"),
    refused(
      "a line feed alone behind the last chunk",
      "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\n",
      "400 Bad Request", malformed + "bad chunk"),
    refused(
      "a line feed alone in a trailer",
      "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: b\nY: c\r\n\r\n",
      "400 Bad Request", malformed + "bad chunk"),
    refused(
      "a line feed alone in a chunk's extension",
      "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"\n\"\r\nhello\r\n0\r\n\r\n",
      "400 Bad Request", malformed + "bad chunk"),
    refused(
      "a chunk size that is none", "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
      "400 Bad Request", malformed + "bad chunk"),
    refused(
      "a chunk longer than it says",
      "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n", "400 Bad Request",
      malformed + "bad chunk"),
    refused(
      "an open quote in a chunk's extension",
      "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"\r\nhello\r\n0\r\n\r\n",
      "400 Bad Request",
      malformed + "bad chunk"),
    refused(
      "a quote that is closed in a later line",
      "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n2;a=\"\r\n\"\r\n0\r\n\r\n",
      "400 Bad Request",
      malformed + "bad chunk"),
    refused(
      "an open quote in the last chunk's extension",
      "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n00;a=\"\r\nX: b\r\n\r\n",
      "400 Bad Request",
      malformed + "bad chunk"),
  ]

  static let headers = [
    refused(
      "a bare line feed", "GET / HTTP/1.1\nHost: a\n\n", "400 Bad Request",
      "the request has a line feed without a carriage return"),
    refused(
      "a bare carriage return", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", "400 Bad Request",
      "the request has a carriage return without a line feed"),
    refused(
      "a nul", "GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n", "400 Bad Request",
      "the request has a control byte in the header"),
    refused("tls", "\u{16}\u{3}\u{1}hello\r\n\r\n", "400 Bad Request", "the request has a control byte in the header"),
    refused(
      "a folded line", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", "400 Bad Request",
      "the request has a folded header line"),
    refused("no host", "GET / HTTP/1.1\r\n\r\n", "400 Bad Request", "there must be one host field"),
    refused(
      "two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400 Bad Request", "there must be one host field"),
    refused("space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400 Bad Request", malformed + "bad field"),
    refused("space in the target", "GET / a HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request", malformed + "bad version"),
    refused(
      "http 2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505 HTTP Version Not Supported",
      "only http 1.0 and 1.1 are spoken here"),
    refused("rubbish", "hello\r\n\r\n", "400 Bad Request", malformed + "bad method"),
  ]

  static let limits = (header: 256, body: 32)

  static let tooLong = [
    refused(
      "a long header", "GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "a", count: 300) + "\r\n\r\n",
      "431 Request Header Fields Too Large", "the header is longer than 256 bytes"),
    refused(
      "a long target", "GET /" + String(repeating: "a", count: 300) + " HTTP/1.1\r\nHost: a\r\n\r\n",
      "414 URI Too Long",
      "the header is longer than 256 bytes"),
    refused(
      "a long body", "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 33\r\nExpect: 100-continue\r\n\r\n",
      "413 Content Too Large",
      "the body is longer than 32 bytes"),
    refused(
      "an unthinkable length", "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
      "400 Bad Request",
      malformed + "bad Content-Length"),
    refused(
      "chunks of a long body",
      "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n0123456789abcdef\r\n11\r\n0123456789abcdef!\r\n0\r\n\r\n",
      "413 Content Too Large", "the body is longer than 32 bytes"),
    refused(
      "a long chunk extension",
      "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=" + String(repeating: "b", count: 300)
        + "\r\nx\r\n",
      "400 Bad Request", malformed + "chunk header or trailer too long"),
    refused(
      "a long trailer",
      "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + String(repeating: "b", count: 300)
        + "\r\n\r\n",
      "400 Bad Request", malformed + "chunk header or trailer too long"),
  ]
}
