import Testing

@testable import HTTP

@Suite("Replies of other instances")
struct ReplyParserTests {
  /// The outcome of a text that comes in pieces of `size` bytes.
  private func outcome(_ text: String, pieces size: Int, limit_bytes: Int = 1000) -> ReplyParser.Outcome {
    var parser = ReplyParser()
    return feed(&parser, text, size, limit_bytes)
  }

  private func feed(
    _ parser: inout ReplyParser, _ text: String, _ size: Int, _ limit_bytes: Int = 1000
  ) -> ReplyParser.Outcome {
    let bytes = Array(text.utf8)
    var at = 0
    while at < bytes.count {
      let end = min(at + size, bytes.count)
      let outcome = bytes[at..<end].withUnsafeBytes { parser.take($0, limit_bytes: limit_bytes) }
      if outcome != .more { return outcome }
      at = end
    }
    return .more
  }

  @Test("are read however they are cut, one after the other")
  func whole() {
    let text =
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: Application/JSON\r\ncontent-length:  5 \r\n"
      + "Retry-After: 60\r\nX-Other: a:b\r\nConnection: close\r\n\r\nhello"
    for size in 1...text.utf8.count {
      var parser = ReplyParser()
      for _ in 0..<2 {
        parser.reset()
        #expect(feed(&parser, text, size) == .done)
        let (reply, keepsAlive) = (parser.reply, parser.keepsAlive)
        #expect(reply.status == .serviceUnavailable)
        #expect(reply.contentType.description == "application/json")
        #expect(reply.retryAfter_s == 60)
        #expect(!keepsAlive)
        #expect(reply.bodyBytes.elementsEqual("hello".utf8))
      }
    }
  }

  @Test("may be without a body, a reason or a type")
  func least() {
    var parser = ReplyParser()
    #expect(feed(&parser, "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 7) == .done)
    let (reply, keepsAlive) = (parser.reply, parser.keepsAlive)
    #expect(reply.status == .ok && keepsAlive && reply.retryAfter_s == nil)
  }

  @Test(
    "that interestd would not write are refused",
    arguments: [
      "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 2000\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length 0\r\n\r\n", "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1", "\r\n\r\n", "HTTP/1.1 200 OK\r\nX: \u{1}\r\n",
    ])
  func refused(text: String) {
    for size in [1, 5, 1000] {
      guard case .bad = outcome(text, pieces: size) else {
        // A byte that follows is another reply's where it comes later.
        #expect(outcome(text, pieces: size) == .done && text.hasSuffix("\r\n\r\nHTTP/1.1") && size < 1000)
        continue
      }
    }
  }

  @Test("with a header or a body beyond the limit are refused before it is there")
  func limits() {
    let long = "HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: ReplyParser.header_bytes)
    #expect(outcome(long, pieces: 100) == .bad("its header is longer than \(ReplyParser.header_bytes) bytes"))
    #expect(outcome("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", pieces: 9) == .tooLong(1001))
    #expect(outcome("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", pieces: 9) == .more)
  }
}
