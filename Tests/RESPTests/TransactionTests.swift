import Network
import Testing

@testable import RESP

@Suite("RESP transactions")
struct TransactionTests {
  private func replies(_ lines: String..., limits: RESPLimits = RESPLimits()) -> String {
    RESPDriver.replies(to: lines.map { $0 + "\r\n" }.joined(), limits: limits)
  }

  @Test("commands are answered in one array, in their order, however they were cut")
  func executes() {
    let text = "MULTI\r\n" + command("get", "a b\r\n") + "get nobody\r\nlist 1 2\r\nping\r\nEXEC\r\nget x\r\n"
    let expected =
      "+OK\r\n" + String(repeating: "+QUEUED\r\n", count: 4) + "*4\r\n" + bulk("a b\r\n") + "$-1\r\n*2\r\n" + bulk("1")
      + bulk("2") + "+PONG\r\n" + bulk("x")
    #expect(RESPDriver.replies(to: text) == expected)
    #expect(RESPDriver.replies(to: text, cutting: Array(1..<text.utf8.count)) == expected)
    #expect(replies("MULTI", "EXEC", "MULTI", "EXEC") == "+OK\r\n*0\r\n+OK\r\n*0\r\n")
  }

  @Test("a refused command makes EXEC refuse all, and the next transaction is good again")
  func fails() {
    let abort = "-EXECABORT Transaction discarded because of previous errors.\r\n"
    for bad in ["nonsense", "get", "set a b", "hello 3", "select 0", "watch a"] {
      let text = replies("MULTI", "get a", bad, "get b", "EXEC", "MULTI", "get c", "EXEC")
      #expect(text.hasPrefix("+OK\r\n+QUEUED\r\n-"), "\(bad): \(text)")
      #expect(text.hasSuffix("+QUEUED\r\n\(abort)+OK\r\n+QUEUED\r\n*1\r\n" + bulk("c")), "\(bad): \(text)")
    }
  }

  @Test("MULTI within MULTI, and EXEC or DISCARD without, are errors that change nothing")
  func misplaced() {
    #expect(replies("EXEC") == "-ERR EXEC without MULTI\r\n")
    #expect(replies("DISCARD") == "-ERR DISCARD without MULTI\r\n")
    #expect(
      replies("MULTI", "MULTI", "get a", "EXEC")
        == "+OK\r\n-ERR MULTI calls can not be nested\r\n+QUEUED\r\n*1\r\n" + bulk("a"))
    #expect(replies("MULTI", "get a", "DISCARD", "get b") == "+OK\r\n+QUEUED\r\n+OK\r\n" + bulk("b"))
    #expect(replies("MULTI", "get a", "RESET", "get b") == "+OK\r\n+QUEUED\r\n+RESET\r\n" + bulk("b"))
    #expect(replies("MULTI", "get a", "QUIT") == "+OK\r\n+QUEUED\r\n+OK\r\n<end>")
  }

  @Test("what is kept has a bound")
  func bounded() {
    var limits = RESPLimits()
    limits.request_bytes = 90
    let key = String(repeating: "k", count: 30)
    let text = replies("MULTI", "get \(key)", "get \(key)", "EXEC", "get a", limits: limits)
    #expect(text.hasPrefix("+OK\r\n+QUEUED\r\n-ERR the commands since MULTI are longer than 90 bytes"))
    #expect(text.hasSuffix("because of previous errors.\r\n" + bulk("a")))
  }

  private func replies(_ connection: ConnectionHandler, _ lines: String...) -> String {
    var driver = RESPDriver(connection)
    driver.feed(lines.map { $0 + "\r\n" }.joined().utf8)
    return driver.replies
  }

  @Test("what the connections of a loop keep has a bound together: beyond it a transaction fails, and others go on")
  func boundedTogether() {
    var limits = RESPLimits()
    limits.queues_bytes = 1 << 20
    let server = RESPServer(handler: KeyHandler(), limits: limits)
    let connections = (0..<100).map { _ in server.makeConnection() }
    let long = "get \(String(repeating: "k", count: 60_000))"
    var queued = 0
    for connection in connections {
      let text = replies(connection, "MULTI", long)
      if text == "+OK\r\n+QUEUED\r\n" {
        queued += 1
        #expect(connection.keepsRequests)
        continue
      }
      #expect(text.hasPrefix("+OK\r\n-BUSY too many commands wait for their EXEC"))
      #expect(!connection.keepsRequests)
      #expect(replies(connection, long, "EXEC").hasPrefix("+QUEUED\r\n-EXECABORT "))
    }
    #expect((5..<20).contains(queued))
    #expect((1 << 19)...(1 << 20) ~= server.transactions.held_bytes)
    // Those that are as short as most find room always, and those that have room are answered.
    #expect(replies(connections[99], "MULTI", "get a", "EXEC") == "+OK\r\n+QUEUED\r\n*1\r\n" + bulk("a"))
    #expect(replies(connections[0], "EXEC").hasPrefix("*1\r\n$60000\r\n"))
    #expect(replies(connections[99], "MULTI", long, "EXEC").hasPrefix("+OK\r\n+QUEUED\r\n*1\r\n$60000\r\n"))
    for connection in connections { connection.ended() }
    #expect(server.transactions.held_bytes == 0)
  }

  @Test(
    "what a transaction keeps is given back however it ends",
    arguments: ["EXEC", "DISCARD", "RESET", "nonsense", "set a b", "hello 3", "get"])
  func givenBack(end: String) {
    let server = RESPServer(handler: KeyHandler())
    let connection = server.makeConnection()
    let long = "get \(String(repeating: "k", count: 60_000))"
    for _ in 0..<2 {
      _ = replies(connection, "MULTI", long)
      #expect(server.transactions.held_bytes > 0)
      _ = replies(connection, end)
      #expect(server.transactions.held_bytes == 0)
      _ = replies(connection, "DISCARD")
    }
    #expect(replies(connection, "MULTI", "get a").hasSuffix("+QUEUED\r\n"))
    #expect(!connection.keepsRequests && server.transactions.held_bytes == 0)
  }

  @Test("what a connection keeps that is gone without an end of its own is given back")
  func dropped() {
    let server = RESPServer(handler: KeyHandler())
    var connection: ConnectionHandler? = server.makeConnection()
    _ = connection.map { replies($0, "MULTI", "get \(String(repeating: "k", count: 60_000))") }
    #expect(server.transactions.held_bytes > 0)
    connection = nil
    #expect(server.transactions.held_bytes == 0)
  }

  @Test("a deferred reply within a transaction holds the others back, and they follow it")
  func deferred() throws {
    var driver = RESPDriver()
    driver.feed("MULTI\r\nget a\r\nlater\r\nget b\r\nEXEC\r\nget c\r\n".utf8)
    #expect(
      driver.replies == "+OK\r\n" + String(repeating: "+QUEUED\r\n", count: 3) + "*3\r\n" + bulk("a") + "<deferred>")
    // Without a socket the deferred reply itself is not written; the loop shows the rest again when it was.
    driver.feed([])
    #expect(driver.replies.hasSuffix("*3\r\n" + bulk("a") + bulk("b") + bulk("c")))
  }
}
