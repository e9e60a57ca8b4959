import Glibc
import HTTP
import Network
import TestKit
import Testing
import Threads

@Suite("Network server")
struct NetworkServerTests {
  @Test("lines are answered, also when they come in pieces and pipelined", arguments: [1, 2])
  func answers(loops: Int) throws {
    let server = try NetworkServer.lines(loops: loops)
    let clients = try (0..<8).map { _ in try server.client() }
    var random = SeededGenerator(seed: 31)
    for (index, client) in clients.enumerated() {
      let text = (0..<200).map { "client \(index) line \($0)\n" }.joined()
      var rest = text[...]
      while !rest.isEmpty {
        let piece = rest.prefix(Int.random(in: 1...700, using: &random))
        try client.send(String(piece))
        rest = rest.dropFirst(piece.count)
      }
      #expect(try client.read(asLongAs: text) == text)
    }
    #expect(server.counters.values.open == 8)
    #expect(server.counters.values.accepted == 8)
  }

  @Test("many clients at once, on two loops, each get their own replies")
  func concurrent() throws {
    let server = try NetworkServer.lines(loops: 2)
    let failures = Failures()
    var threads: [Joined] = []
    for worker in 0..<4 {
      threads.append(
        Joined {
          for round in 0..<20 {
            let text = "worker \(worker) round \(round)\n"
            guard let client = try? server.client(), (try? client.send(text + "quit\n")) != nil,
              (try? client.readToEnd()) == text + "bye\n"
            else { return failures.add() }
          }
        })
    }
    for thread in threads { thread.join() }
    #expect(failures.count == 0)
    #expect(server.wait { $0.open == 0 })
    #expect(server.counters.values.accepted == 80)
  }

  @Test("http is answered over a socket, pipelined and in order")
  func http() throws {
    let listener = try Listener(address: "127.0.0.1:0", allowRemote: false, option: "http.allow_remote") {
      HTTPServer(handler: EchoHandler())
    }
    let server = try NetworkServer(listeners: [listener])
    let client = try server.client()
    let requests = (0..<500).map { "GET /v1/users/u\($0)/sequence HTTP/1.1\r\nHost: a\r\n\r\n" }.joined()
    let replies = (0..<500).map { ok("get /v1 /users /u\($0) /sequence []") }.joined()
    try client.send(requests)
    #expect(try client.read(asLongAs: replies) == replies)
    try client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    #expect(try client.readToEnd() == ok("get / []", closing: true))
  }

  @Test("a client that ends its side still gets its replies")
  func halfClosed() throws {
    let server = try NetworkServer.lines()
    let client = try server.client()
    try client.send("big 3000000\nhello\n")
    client.finish()
    let text = try client.readToEnd()
    #expect(text.utf8.count == 3_000_006)
    #expect(text.hasSuffix("xhello\n"))
  }

  @Test("a client that does not read holds a bounded amount of memory, and others are answered")
  func backpressure() throws {
    let server = try NetworkServer.lines()
    let deaf = try server.client(receiveBuffer_bytes: 4096)
    let requests = Array(String(repeating: "big 100000\n", count: 1_000).utf8)
    // The server stops reading long before it has made the replies to all of these: 600 MB.
    var pushed = 0
    for _ in 0..<6 { pushed += deaf.sendWhatFits(requests) }
    #expect(pushed > 10_000)
    let other = try server.client()
    for round in 0..<50 {
      let text = "round \(round)\n"
      try other.send(text)
      #expect(try other.read(asLongAs: text) == text)
    }
    let made = server.counters.values.sent_bytes
    // One limit of output, one reply, and what two sockets' buffers hold (tcp_wmem's and tcp_rmem's most is 4 + 6 MB).
    #expect(made < 12_000_000)
    // When it reads again, it goes on where it was.
    var got = 0
    while got < 20_000_000 { got += try deaf.read().count }
    #expect(server.counters.values.sent_bytes > made)
  }

  @Test("many clients that do not read hold a bounded amount of memory together: those for whom most waits are ended")
  func outputBudget() throws {
    let server = try NetworkServer.lines {
      $0.waiting_bytes = 32_000_000
      // The last client reads once all others have: no other limit than that of bytes ends it meanwhile.
      $0.write_ms = 600_000
      $0.stall_ms = 600_000
    }
    let deaf = try (0..<6).map { _ in try server.client(receiveBuffer_bytes: 4096) }
    // Sockets' buffers hold 4 MB of each (tcp_wmem's most), so that two fit into what may wait, and three do not.
    for client in deaf { try client.send("big 20000000\n") }
    #expect(server.wait { $0.shed > 0 })
    let other = try server.client()
    try other.send("hello\n")
    #expect(try other.read(asLongAs: "hello\n") == "hello\n")
    // Those that are left get all that is theirs; the others were reset.
    var left = 0
    for client in deaf {
      var got = 0
      while got < 20_000_000, let bytes = try? client.read(1 << 20), !bytes.isEmpty { got += bytes.count }
      if got == 20_000_000 { left += 1 }
    }
    #expect(left > 0)
    #expect(server.counters.values.shed == 6 - left)
  }

  private var longRequest: String { "GET /big/15000000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" }

  /// For one such reply, and no second one.
  private func longReplyServer(stall_ms: Int) throws -> NetworkServer {
    let listener = try Listener(address: "127.0.0.1:0", allowRemote: false, option: "x") {
      HTTPServer(handler: EchoHandler())
    }
    var limits = NetworkLimits()
    limits.waiting_bytes = 20_000_000
    limits.write_ms = 600_000
    limits.stall_ms = stall_ms
    return try NetworkServer(limits: limits, listeners: [listener])
  }

  @Test("a long reply for which there is no room is refused, and none is cut short")
  func longReplies() throws {
    let server = try longReplyServer(stall_ms: 600_000)
    let clients = try (0..<6).map { _ in try server.client(receiveBuffer_bytes: 4096) }
    for client in clients { try client.send(longRequest) }
    var (whole, refused) = (0, 0)
    for client in clients {
      let text = try client.readToEnd()
      if text.hasPrefix("HTTP/1.1 200 ") && text.utf8.count > 15_000_000 { whole += 1 }
      if text.hasPrefix("HTTP/1.1 503 ") && text.contains("Retry-After: 1\r\n") { refused += 1 }
    }
    #expect(whole > 0 && refused > 0 && whole + refused == 6, "\(whole) \(refused)")
    #expect(server.counters.values.shed == 0)
    let last = try server.client()
    try last.send(longRequest)
    #expect(try last.readToEnd().utf8.count > 15_000_000)
  }

  @Test("where a long reply finds no room, those who have stopped reading give theirs up")
  func stalled() throws {
    let server = try longReplyServer(stall_ms: 0)
    let deaf = try (0..<2).map { _ in try server.client(receiveBuffer_bytes: 4096) }
    try deaf[0].send(longRequest)
    #expect(try deaf[0].read(1) == Array("H".utf8))
    try deaf[1].send(longRequest)
    #expect(try deaf[1].readToEnd().hasPrefix("HTTP/1.1 503 "))
    #expect(server.wait { $0.shed == 1 })
    let last = try server.client()
    try last.send(longRequest)
    #expect(try last.readToEnd().utf8.count > 15_000_000)
  }

  @Test("a reply that comes late goes behind what waits for room")
  func lateReply() throws {
    let listener = try Listener(address: "127.0.0.1:0", allowRemote: false, option: "x") { LateFactory() }
    var limits = NetworkLimits()
    limits.outputHighWater_bytes = 64 << 20
    let server = try NetworkServer(limits: limits, listeners: [listener])
    let client = try server.client(receiveBuffer_bytes: 4096)
    let other = try server.client()
    // 20 MB are more than two sockets hold, so the reply that is owed finds the others waiting.
    try client.send(String(repeating: "big\n", count: 100) + "late\n")
    #expect(server.wait { $0.received_bytes == 405 })
    try other.send("now\n")
    #expect(try other.read(asLongAs: "ok\n") == "ok\n")
    let expected = 100 * 200_000
    var bytes: [UInt8] = []
    while bytes.count < expected + 5 {
      let more = try client.read()
      if more.isEmpty { break }
      bytes += more
    }
    #expect(bytes.count == expected + 5)
    #expect(bytes.prefix(expected).allSatisfy { $0 == UInt8(ascii: "x") })
    #expect(String(decoding: bytes.suffix(5), as: UTF8.self) == "late\n")
  }

  @Test("a request that does not fit the input buffer ends the connection")
  func inputLimit() throws {
    let server = try NetworkServer.lines { $0.input_bytes = 4096 }
    let client = try server.client()
    try client.send(String(repeating: "a", count: 4096))
    #expect(try client.readToEnd() == "")
  }

  @Test("a peer that resets is forgotten")
  func reset() throws {
    let server = try NetworkServer.lines()
    do {
      let client = try server.client()
      try client.send("big 5000000\n")
      #expect(try client.read(1).count == 1)
      // Closed with bytes unread: the system answers what comes by a reset.
    }
    #expect(server.wait { $0.open == 0 })
  }
}

/// A thread of a test, joined by it.
final class Joined {
  private var thread: Threads.Thread?
  init(_ body: @escaping @Sendable () -> Void) { thread = Threads.Thread(name: "test-client", body) }
  func join() { thread.take()?.join() }
}

final class Failures: @unchecked Sendable {  // only touched under `mutex`
  private let mutex = Mutex()
  private var value = 0
  func add() { mutex.withLock { value += 1 } }
  var count: Int { mutex.withLock { value } }
}
