import Foundation
import HTTP
import TestKit
import Testing

@testable import Network

@Suite("Deadlines and limits of connections")
struct DeadlineTests {
  @Test("a connection without requests is ended")
  func idle() throws {
    let server = try NetworkServer.lines { $0.idle_ms = 500 }
    let silent = try server.client()
    let answered = try server.client()
    try answered.send("hello\n")
    #expect(try silent.readToEnd() == "")
    #expect(try answered.readToEnd() == "hello\n")
    #expect(server.wait { $0.open == 0 || $0.idleExpired == 2 })
  }

  @Test("a connection that has not asked anything yet is ended sooner")
  func stranger() throws {
    let server = try NetworkServer.lines { ($0.stranger_ms, $0.idle_ms) = (200, 60_000) }
    let answered = try server.client()
    try answered.send("hello\n")
    #expect(try answered.read(asLongAs: "hello\n") == "hello\n")
    let silent = try server.client()
    #expect(try silent.readToEnd() == "")
    #expect(server.wait { $0.idleExpired == 1 })
    try answered.send("hello\n")
    #expect(try answered.read(asLongAs: "hello\n") == "hello\n")
  }

  @Test("where requests need rights, so is a connection none of whose requests was let in")
  func unauthorized() throws {
    let folder = TemporaryDirectory()
    try "reader-0123456789".write(toFile: folder.file("read"), atomically: true, encoding: .utf8)
    var rules = Authorizer.Rules()
    rules.readTokens = folder.file("read")
    let authorizer = try Authorizer(rules)
    let listener = try Listener(address: "127.0.0.1:0", allowRemote: false, option: "x") {
      HTTPServer(handler: ReadersHandler(), authorizer: authorizer)
    }
    var limits = NetworkLimits()
    (limits.stranger_ms, limits.idle_ms) = (200, 60_000)
    let server = try NetworkServer(limits: limits, listeners: [listener])
    let get = "GET / HTTP/1.1\r\nHost: a\r\n"
    let reader = try server.client()
    try reader.send(get + "Authorization: Bearer reader-0123456789\r\n\r\n")
    let reply = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\nread"
    #expect(try reader.read(asLongAs: reply) == reply)
    let stranger = try server.client()
    try stranger.send(get + "\r\n")
    #expect(try stranger.readToEnd().hasPrefix("HTTP/1.1 401 "))
    // It may still ask without a token.
    try reader.send(get + "\r\n")
    #expect(String(decoding: try reader.read(), as: UTF8.self).hasPrefix("HTTP/1.1 401 "))
  }

  @Test("a request that drips is ended, however steadily")
  func drip() throws {
    let server = try NetworkServer.lines { $0.request_ms = 100 }
    let client = try server.client()
    // A byte whenever the last one has surely been seen: no pause is long enough for an inactivity timeout.
    let clock = ContinuousClock()
    let start = clock.now
    var sent: UInt64 = 0
    while server.counters.values.requestsExpired == 0, clock.now < start + .seconds(20) {
      try client.send("a")
      sent += 1
      #expect(server.wait { $0.received_bytes >= sent || $0.requestsExpired == 1 })
    }
    #expect(sent > 1)
    #expect(clock.now - start >= .milliseconds(100))
    #expect(try client.readToEnd() == "late\n")
  }

  @Test("what is waited for keeps its deadline until it has come")
  func deadline() {
    let ms: UInt64 = 1_000_000
    var deadline = Deadline()
    deadline.begin(.idle, 60, now_ns: 0)
    deadline.begin(.request, 10, now_ns: 5 * ms)
    deadline.begin(.request, 10, now_ns: 14 * ms)
    #expect(deadline.fired(now_ns: 15 * ms - 1) == nil)
    #expect(deadline.fired(now_ns: 15 * ms) == .request)
    deadline.clear()
    deadline.begin(.request, 10, now_ns: 15 * ms)
    #expect(deadline.fired(now_ns: 15 * ms) == nil)
    #expect(deadline.fired(now_ns: 25 * ms) == .request)
    deadline.clear()
    deadline.begin(.idle, 60, now_ns: 20 * ms)
    #expect(deadline.fired(now_ns: 79 * ms) == nil)
    #expect(deadline.fired(now_ns: 80 * ms) == .idle)
  }

  @Test("each request of a connection has its own deadline")
  func ownDeadlines() throws {
    let server = try NetworkServer.lines { $0.request_ms = 1_000 }
    let client = try server.client()
    let clock = ContinuousClock()
    let end = clock.now + .milliseconds(1_200)
    var line = 0
    while clock.now < end {
      line += 1
      try client.send("li")
      try client.send("ne \(line)\nli")
      #expect(try client.read(asLongAs: "line \(line)\n") == "line \(line)\n")
      try client.send("ne\n")
      #expect(try client.read(asLongAs: "line\n") == "line\n")
    }
    #expect(line > 1)
    #expect(server.counters.values.requestsExpired == 0)
  }

  @Test("http answers a late request with 408")
  func http() throws {
    var limits = NetworkLimits()
    limits.request_ms = 50
    let listener = try Listener(address: "127.0.0.1:0", allowRemote: false, option: "http.allow_remote") {
      HTTPServer(handler: EchoHandler())
    }
    let server = try NetworkServer(limits: limits, listeners: [listener])
    let client = try server.client()
    try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
    #expect(try client.readToEnd() + "<end>" == refusal("408 Request Timeout", "the request was not complete in time"))
  }

  @Test("a peer that does not take its replies is cut off")
  func blocked() throws {
    let server = try NetworkServer.lines { $0.write_ms = 50 }
    let client = try server.client(receiveBuffer_bytes: 4096)
    try client.send("big 20000000\n")
    #expect(server.wait { $0.writesExpired == 1 && $0.open == 0 })
    #expect(client.readToBreak())
  }

  @Test("a peer that never ends its side after the server's end is forgotten")
  func lingering() throws {
    let server = try NetworkServer.lines { $0.linger_ms = 50 }
    let client = try server.client()
    try client.send("quit\n")
    #expect(server.wait { $0.accepted == 1 && $0.open == 0 })
    #expect(try client.readToEnd() == "bye\n")
  }

  @Test("over the limit of connections, clients wait for their turn")
  func connectionLimit() throws {
    let server = try NetworkServer.lines(loops: 2) { $0.connections = 2 }
    let first = try server.client()
    let second = try server.client()
    try first.send("a\n")
    try second.send("b\n")
    #expect(try first.read(asLongAs: "a\n") == "a\n")
    #expect(try second.read(asLongAs: "b\n") == "b\n")
    let third = try server.client()
    try third.send("c\n")
    #expect(server.wait { $0.acceptPauses > 0 })
    #expect(server.counters.values.accepted == 2)
    try first.send("quit\n")
    #expect(try first.readToEnd() == "bye\n")
    first.finish()
    #expect(try third.read(asLongAs: "c\n") == "c\n")
  }
}

/// Needs the right to read.
private final class ReadersHandler: HTTPHandler {
  func right(for request: borrowing HTTPRequest) -> Rights { .read }

  func respond(to request: borrowing HTTPRequest, into response: inout HTTPResponse) { response.body.append("read") }
}
