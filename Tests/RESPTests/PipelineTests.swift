import Bytes
import Glibc
import Network
import RESP
import TestKit
import Testing
import Threads

@Suite("RESP pipelines on a socket")
struct PipelineTests {
  private let server: NetworkServer

  init() throws {
    let listener = try Listener(address: "127.0.0.1:0", allowRemote: false, option: "") {
      RESPServer(handler: ValueHandler())
    }
    var limits = NetworkLimits()
    limits.input_bytes = 600 * 1024
    limits.pipelined_bytes = 8 << 20
    server = try NetworkServer(limits: limits, listeners: [listener])
  }

  @Test("100,000 commands that are sent before a reply is read are all answered, in order")
  func deep() throws {
    let socket = try RawSocket(port: server.addresses[0].port)
    let count = 100_000
    var bytes: [UInt8] = []
    for index in 0..<count { bytes += command("GET", "\(index)").utf8 }
    try socket.send(bytes)
    var expected = Expectation()
    while expected.next < count { try expected.take(socket.read()) }
    #expect(expected.next == count)
    server.stop()
  }

  @Test("a transaction's replies come as the client takes them, and the next command's behind them")
  func transaction() throws {
    let socket = try RawSocket(port: server.addresses[0].port)
    let count = 10_000
    var bytes = Array("MULTI\r\n".utf8)
    for index in 0..<count { bytes += command("GET", "\(index)").utf8 }
    try socket.send(bytes + "EXEC\r\nGET \(count)\r\n".utf8)
    let head = "+OK\r\n" + String(repeating: "+QUEUED\r\n", count: count) + "*\(count)\r\n"
    var received: [UInt8] = []
    while received.count < head.utf8.count { received += try socket.read() }
    #expect(received.prefix(head.utf8.count).elementsEqual(head.utf8))
    var expected = Expectation()
    try expected.take(Array(received.dropFirst(head.utf8.count)))
    while expected.next < count + 1 { try expected.take(socket.read()) }
    server.stop()
  }

  @Test("what was sent before the client ended its side is all answered")
  func halfClosed() throws {
    let socket = try RawSocket(port: server.addresses[0].port)
    let count = 20_000
    var bytes: [UInt8] = []
    for index in 0..<count { bytes += "GET \(index)\r\n".utf8 }
    try socket.send(bytes)
    socket.finish()
    var expected = Expectation()
    while true {
      let more = try socket.read()
      if more.isEmpty { break }
      try expected.take(more)
    }
    #expect(expected.next == count)
    server.stop()
  }

  @Test("a client that sends without end and reads nothing is not read without end")
  func endless() throws {
    let socket = try RawSocket(port: server.addresses[0].port)
    let piece = Array(String(repeating: "GET 1\r\n", count: 10_000).utf8)
    var sent = 0
    // What the system's two buffers and the server hold.
    while sent < 200 << 20 {
      let count = socket.sendWithin(piece, patience_ms: 300)
      if count == 0 { break }
      sent += count
    }
    #expect(sent > 1 << 20)
    #expect(sent < 64 << 20)
    #expect(server.counters.values.received_bytes < 9 << 20)
    server.stop()
  }

  @Test("a connection that is not authenticated is ended sooner than one that is")
  func stranger() throws {
    let listener = try Listener(address: "127.0.0.1:0", allowRemote: false, option: "") {
      let handler = KeyHandler()
      handler.password = Array("secret".utf8)
      return RESPServer(handler: handler)
    }
    var limits = NetworkLimits()
    (limits.stranger_ms, limits.idle_ms) = (200, 60_000)
    let server = try NetworkServer(limits: limits, listeners: [listener])
    let known = try RawSocket(port: server.addresses[0].port)
    try known.send(Array("AUTH secret\r\n".utf8))
    #expect(try known.read() == Array("+OK\r\n".utf8))
    let stranger = try RawSocket(port: server.addresses[0].port)
    try stranger.send(Array("GET a\r\n".utf8))
    #expect(try stranger.read() == Array("-NOAUTH Authentication required.\r\n".utf8))
    #expect(try stranger.read() == [])
    try known.send(Array("GET a\r\n".utf8))
    #expect(try known.read() == Array("$1\r\na\r\n".utf8))
    server.stop()
  }

  @Test(
    "a transaction that keeps much and goes on with nothing is ended as a request is, one that keeps little has its time"
  )
  func silentTransaction() throws {
    let listener = try Listener(address: "127.0.0.1:0", allowRemote: false, option: "") {
      RESPServer(handler: KeyHandler())
    }
    var limits = NetworkLimits()
    (limits.input_bytes, limits.request_ms, limits.stranger_ms) = (600 * 1024, 200, 60_000)
    let server = try NetworkServer(limits: limits, listeners: [listener])
    let short = try RawSocket(port: server.addresses[0].port)
    try short.send(Array("MULTI\r\n".utf8))
    #expect(try short.read() == Array("+OK\r\n".utf8))
    let long = try RawSocket(port: server.addresses[0].port)
    try long.send(Array("MULTI\r\nGET \(String(repeating: "k", count: 60_000))\r\n".utf8))
    var received: [UInt8] = []
    while true {
      let more = try long.read()
      if more.isEmpty { break }
      received += more
    }
    let error = "-ERR Protocol error: the transaction was not complete in time\r\n"
    #expect(String(decoding: received, as: UTF8.self) == "+OK\r\n+QUEUED\r\n\(error)")
    #expect(server.counters.values.requestsExpired == 1)
    try short.send(Array("EXEC\r\n".utf8))
    #expect(try short.read() == Array("*0\r\n".utf8))
    server.stop()
  }

  @Test("a drain answers all that had arrived, behind a reply that waits for its reader too")
  func drain() throws {
    let socket = try RawSocket(port: server.addresses[0].port)
    let count = 5000
    var bytes: [UInt8] = []
    for index in 0..<count { bytes += "GET \(index)\r\n".utf8 }
    try socket.send(bytes)
    var expected = Expectation()
    try expected.take(socket.read())  // the server is at it
    let stopping = Threads.Thread(name: "stop") { [server] in server.drain(grace_ms: 10_000) }
    while true {
      let more = try socket.read()
      if more.isEmpty { break }
      try expected.take(more)
    }
    #expect(expected.next == count)
    socket.finish()
    stopping.join()
  }
}

/// Answers with the key and 4,000 bytes.
private final class ValueHandler: RESPHandler {
  override var commands: [RESPCommandSpec] {
    [RESPCommandSpec("get", arity: 2, keys: (1, 1, 1), verb: 0, group: "string", "A value.")]
  }

  override func respond(
    to verb: Int, _ command: borrowing RESPCommand, _ session: RESPSession, into reply: inout RESPReply
  ) {
    reply.bulk { output in
      output.append(command[1])
      for _ in 0..<500 { output.append("........") }
    }
  }
}

/// Checks replies of `ValueHandler` as they come, in pieces of any size.
private struct Expectation {
  struct Wrong: Error { let next: Int }

  private(set) var next = 0
  private var rest: [UInt8] = []

  mutating func take(_ bytes: [UInt8]) throws {
    rest += bytes
    var at = 0
    while true {
      let key = Array("\(next)".utf8)
      let head = Array("$\(key.count + 4000)\r\n".utf8) + key
      guard rest.count - at >= head.count + 4002 else { break }
      guard rest[at..<(at + head.count)].elementsEqual(head) else { throw Wrong(next: next) }
      at += head.count + 4002
      next += 1
    }
    rest.removeFirst(at)
  }
}

/// A blocking TCP client on loopback; a read that takes 20 seconds fails.
private final class RawSocket {
  private let descriptor: Int32

  init(port: Int) throws {
    descriptor = try connectToLoopback(port: port)
  }

  deinit { close(descriptor) }

  func send(_ bytes: [UInt8]) throws {
    var at = 0
    while at < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + at, bytes.count - at, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw SystemFailure(number: errno) }
      at += count
    }
  }

  /// Sends what goes out; 0 where nothing has for so long.
  func sendWithin(_ bytes: [UInt8], patience_ms: Int32) -> Int {
    var event = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    guard poll(&event, 1, patience_ms) == 1 else { return 0 }
    return max(0, Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT)))
  }

  func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

  func read() throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1 << 18)
    let count = recv(descriptor, &bytes, bytes.count, 0)
    guard count >= 0 else { throw SystemFailure(number: errno) }
    return Array(bytes[..<count])
  }
}
