import HTTP
import Testing

@Suite("Replies read to the end")
struct WholeReplyTests {
  private func reply(_ text: String) throws(WholeReply.Failure) -> WholeReply { try WholeReply(Array(text.utf8)) }

  @Test("a body ends by its length, by its chunks, or with the connection")
  func bodies() throws {
    for text in [
      "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nLocation:  http://a/b \r\n\r\nabc",
      "HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\nlocation: http://a/b\r\n\r\n1;x=y\r\na\r\n2 \r\nbc\r\n0\r\n\r\n",
      "HTTP/1.0 404 Not Found\nLOCATION:http://a/b\n\nabc",
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 404\r\nLocation: http://a/b\r\n\r\nabc",
    ] {
      let reply = try reply(text)
      #expect(reply.status == 404)
      #expect(String(decoding: reply.body, as: UTF8.self) == "abc", "\(text)")
      #expect(reply.field("location") == "http://a/b")
      #expect(reply.field("Link") == nil)
    }
  }

  @Test(
    "what breaks off is told from what is no HTTP",
    arguments: [
      ("", WholeReply.Failure.notHTTP), ("-ERR unknown command\r\n", .notHTTP), ("\0\0\0\u{4}", .notHTTP),
      ("HTTP/1.1 abc\r\n\r\n", .notHTTP), ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", .notHTTP),
      ("HTTP/1.1 200 OK\r\n", .incomplete), ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", .incomplete),
      ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc", .incomplete),
      ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", .incomplete),
      ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\nabc", .incomplete),
      ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", .incomplete),
      ("HTTP/1.1 100 Continue\r\n\r\n", .notHTTP),
    ])
  func failures(text: String, failure: WholeReply.Failure) {
    #expect(throws: failure) { try reply(text) }
  }
}
