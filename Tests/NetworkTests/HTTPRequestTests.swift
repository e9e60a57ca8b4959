import HTTP
import Testing

@Suite("HTTP requests and responses")
struct HTTPRequestTests {
  private final class Handler: HTTPHandler {
    private let body: (borrowing HTTPRequest, inout HTTPResponse) -> Void
    private(set) var statuses: [HTTPStatus] = []

    init(_ body: @escaping (borrowing HTTPRequest, inout HTTPResponse) -> Void) { self.body = body }
    func respond(to request: borrowing HTTPRequest, into response: inout HTTPResponse) { body(request, &response) }
    func answered(_ status: HTTPStatus) { statuses.append(status) }
  }

  /// The body of the reply to a GET of `target`.
  private func get(_ target: String, _ body: @escaping (borrowing HTTPRequest, inout HTTPResponse) -> Void) -> String {
    var driver = HTTPDriver(handler: Handler(body))
    driver.feed("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
    let replies = driver.replies
    guard let end = replies.firstRange(of: "\r\n\r\n") else { return replies }
    return String(replies[end.upperBound...])
  }

  @Test(
    "a path matches a pattern of the same segments",
    arguments: [
      ("/v1/users/u1/sequence", true), ("/v1/users/a%2Fb/sequence?x", true), ("/v1/users//sequence", true),
      ("/v1/users/u1", false), ("/v1/users/u1/sequence/", false), ("/v1/users/u1/sequences", false), ("/", false),
      ("/v1/users/u1/sequence/more", false),
    ])
  func matching(target: String, expected: Bool) {
    let found = get(target) { request, response in
      response.body.append(request.matches("/v1/users/*/sequence") ? "true" : "false")
    }
    #expect(found == "\(expected)")
  }

  @Test(
    "a media type is wanted as much as Accept says",
    arguments: [
      ("application/x-protobuf", 1000), ("text/html, Application/X-Protobuf;q=0.5", 500),
      ("application/x-protobuf;q=0", 0), ("application/x-protobuf ; v=1 ; Q=0.000", 0),
      ("application/x-protobuf;v=2", 1000), ("application/x-protobuf;q=much", 0), ("application/x-protobufs", 0),
      ("*/*", 0), ("", 0),
    ])
  func preferences(accept: String, thousandths: Int) {
    var driver = HTTPDriver(
      handler: Handler { request, response in
        response.body.append("\(request.preference(for: "application/x-protobuf"))")
      })
    driver.feed("GET / HTTP/1.1\r\nHost: a\r\nAccept: \(accept)\r\n\r\n".utf8)
    #expect(driver.replies.hasSuffix("\r\n\r\n\(thousandths)"))
  }

  @Test("the root matches itself")
  func root() {
    #expect(get("/") { request, response in response.body.append(request.matches("/") ? "yes" : "no") } == "yes")
  }

  @Test(
    "integers are read exactly, and what is none is refused by name",
    arguments: [
      ("/?n=100", "100"), ("/?n=0", "0"), ("/?n=-5", "-5"), ("/", "none"), ("/?n=", "refused"), ("/?n=1001", "refused"),
      ("/?n=-6", "refused"), ("/?n=1e2", "refused"), ("/?n=%2B1", "refused"), ("/?n=-", "refused"),
      ("/?n=18446744073709551617", "refused"),
    ])
  func integers(target: String, expected: String) {
    let body = get(target) { request, response in
      do throws(ParameterError) {
        let value = try request.integer("n", in: -5...1000)
        response.body.append(value.map(String.init) ?? "none")
      } catch {
        response.fail(error)
      }
    }
    let refusal =
      "{\"error\":{\"code\":\"bad_request\",\"parameter\":\"n\",\"message\":\"must be an integer in -5...1000\"}}\n"
    #expect(body == (expected == "refused" ? refusal : expected))
  }

  @Test(
    "unknown and repeated parameters are refused",
    arguments: [
      ("/?a=1&b=2", nil), ("/", nil), ("/?a=1&c=2", "c: unknown; known are a, b"), ("/?a=1&b=2&a=1", "a: given twice"),
    ])
  func unknown(target: String, expected: String?) {
    let body = get(target) { request, response in
      do throws(ParameterError) {
        try request.checkParameters(["a", "b"])
      } catch {
        response.body.append("\(error.parameter): \(error.message)")
      }
    }
    #expect(body == expected ?? "")
  }

  @Test("an error replaces what was written, and keeps its header fields")
  func failing() {
    var driver = HTTPDriver(
      handler: Handler { _, response in
        response.body.append("half a rep")
        response.contentType = HTTPResponse.text
        response.failUnavailable(retryAfter_s: 3, "say \"later\"\r\nX: y")
        response.setHeader("Location", "/a\r\nSet-Cookie: b")
      })
    driver.feed("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
    let body = #"{"error":{"code":"unavailable","message":"say \"later\"\r\nX: y"}}"# + "\n"
    #expect(
      driver.replies == "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: "
        + "\(body.utf8.count)\r\nRetry-After: 3\r\nLocation: /a  Set-Cookie: b\r\n\r\n\(body)")
  }

  @Test("one reply leaves nothing in the next")
  func reuse() {
    var count = 0
    var driver = HTTPDriver(
      handler: Handler { _, response in
        count += 1
        if count == 1 { return response.failMethodNotAllowed(allow: "PUT") }
      })
    driver.feed("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
    #expect(driver.replies.hasSuffix("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n"))
  }

  @Test("every reply's status is told, refusals too")
  func statuses() {
    let handler = Handler { request, response in if request.matches("/a") { response.failNotFound() } }
    var driver = HTTPDriver(handler: handler)
    driver.feed(
      "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /%a HTTP/1.1\r\nHost: a\r\n\r\n\n".utf8)
    #expect(handler.statuses == [.ok, .notFound, .badRequest, .badRequest])
  }

  @Test("the content type of a body is told")
  func contentType() {
    var driver = HTTPDriver(
      handler: Handler { request, response in
        response.body.append(request.contentType)
        response.body.append(" ")
        response.body.append(request.body)
      })
    driver.feed("POST / HTTP/1.1\r\nHost: a\r\ncontent-type: application/json\r\nContent-Length: 2\r\n\r\n{}".utf8)
    #expect(driver.replies.hasSuffix("\r\n\r\napplication/json {}"))
  }
}
