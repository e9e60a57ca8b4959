import Bytes
import RESP
import TestKit
import Testing

@Suite("RESP replies")
struct ReplyTests {
  @Test("what RESP2 has no type for is told by those that it has")
  func versions() {
    let two = RESPDriver.replies(
      to: command("get", "nobody") + command("config", "get", "save") + command("info", "stats"))
    #expect(two == "$-1\r\n*2\r\n" + bulk("save") + bulk("") + bulk("# Stats\r\ntotal:5\r\n"))
    var driver = RESPDriver()
    driver.feed(command("HELLO", "3").utf8)
    driver.clear()
    driver.feed((command("get", "nobody") + command("config", "get", "save") + command("info", "stats")).utf8)
    #expect(driver.replies == "_\r\n%1\r\n" + bulk("save") + bulk("") + "=22\r\ntxt:# Stats\r\ntotal:5\r\n\r\n")
  }

  @Test(
    "a bulk string whose length shows when it is written has the right head",
    arguments: [0, 1, 9, 10, 99, 100, 101, 999, 1000, 70_000])
  func lengths(count: Int) {
    let value = String(repeating: "x", count: count)
    #expect(RESPDriver.replies(to: "PING\nwritten \(count)\nPING\n") == "+PONG\r\n" + bulk(value) + "+PONG\r\n")
  }

  @Test("a bulk string that cannot be written leaves nothing behind but its error, on one line")
  func failedBulk() {
    #expect(RESPDriver.replies(to: "PING\nwritten -1\nPING\n") == "+PONG\r\n-ERR it  failed\r\n+PONG\r\n")
  }

  @Test("replies keep the order of commands: a deferred one holds those behind it back")
  func deferral() {
    var driver = RESPDriver()
    driver.feed((command("get", "a") + command("later") + command("get", "b")).utf8)
    #expect(driver.replies == bulk("a") + "<deferred>")
  }

  @Test("who waits for a deferred reply in vain is told to try again, and the work is canceled")
  func expired() {
    var driver = RESPDriver()
    driver.feed(command("later").utf8)
    driver.expire()
    #expect(driver.replies == "-TRYAGAIN there was no answer in time\r\n<deferred>")
    let canceled = driver.handler.canceled
    #expect(canceled == 1)
  }

  @Test("when a client goes, what it waits for is canceled")
  func gone() {
    var driver = RESPDriver()
    driver.feed(command("later").utf8)
    driver.end()
    let canceled = driver.handler.canceled
    #expect(canceled == 1)
  }

  @Test("a deep pipeline is answered in steps, so that the loop can look after its output")
  func steps() {
    let handler = KeyHandler()
    let connection = RESPServer(handler: handler).makeConnection()
    var output = ByteBuffer()
    let bytes = Array(String(repeating: "written 1000\n", count: 1000).utf8)
    let reception = bytes.withUnsafeBytes { connection.receive($0, &output) }
    #expect(reception.verdict == .complete)
    #expect(reception.consumed > 0 && reception.consumed < bytes.count)
    #expect(output.count < 70_000)
  }
}
