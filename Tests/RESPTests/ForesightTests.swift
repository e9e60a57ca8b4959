import RESP
import Testing

@Suite("Keys that are foreseen")
struct ForesightTests {
  @Test("are those of a pipeline of one command, as many as there is room for, and then the next")
  func pipeline() {
    var driver = RESPDriver()
    let keys = (0..<40).map { "key-\($0)" }
    driver.feed(keys.map { command("GET", $0) }.joined().utf8)
    var expected = Array(keys[..<16])
    expected += ["."]
    expected += keys[16..<32]
    expected += ["."]
    expected += keys[32...]
    expected += ["."]
    #expect(driver.handler.foreseenKeys == expected)
    #expect(driver.replies == keys.map(bulk).joined())
  }

  @Test("are looked for again behind another command")
  func mixed() {
    var driver = RESPDriver()
    driver.feed((command("gEt", "a") + command("PING") + command("get", "b") + command("LIST", "c", "d")).utf8)
    #expect(driver.handler.foreseenKeys == ["a", ".", "b", "."])
    #expect(driver.replies == "$1\r\na\r\n+PONG\r\n$1\r\nb\r\n*2\r\n$1\r\nc\r\n$1\r\nd\r\n")
  }

  @Test(
    "are not what is cut, empty, long or something else",
    arguments: [
      command("GET", ""), command("GET", String(repeating: "x", count: 1000)), command("LIST", "a"),
      command("GET", "a", "b"), "GET a\r\n", "*2\r\n$3\r\nGET\r\n$-1\r\n", "*2\r\n$3\r\nGET\r\n$1",
      "*2\r\n$3\r\nGET\r\n$1\r\na",
      "*2\r\n$3\r\nGET\r\n$99\r\na\r\n", "*2\r\n$3\r\nGET\r\n:1\r\na\r\n", "*2", "*2\r\n", "*2\r\n$", "*2\r\n$\r\n",
    ])
  func others(text: String) {
    var driver = RESPDriver()
    driver.feed(text.utf8)
    #expect(driver.handler.foreseenKeys.isEmpty)
  }

  @Test("are not those of somebody who has not said who it is")
  func strangers() {
    let handler = KeyHandler()
    handler.password = Array("secret".utf8)
    var driver = RESPDriver(handler: handler)
    driver.feed((command("GET", "a") + command("GET", "b")).utf8)
    #expect(handler.foreseenKeys.isEmpty)
    driver.feed((command("AUTH", "secret") + command("GET", "a") + command("GET", "b")).utf8)
    #expect(handler.foreseenKeys == ["a", "b", "."])
  }
}

@Suite("RESP counters")
struct CounterTests {
  @Test("commands count by their names, and each has a time")
  func byName() {
    let handler = KeyHandler()
    let counters = RESPCounters(commands: handler.commands)
    var driver = RESPDriver(handler: handler, counters: counters)
    driver.feed((command("GET", "a") + command("get", "b") + command("LIST", "c") + command("GET", "d")).utf8)
    driver.feed((command("PING") + command("SET", "a", "b") + command("GET")).utf8)
    let counted = counters.byCommand.filter { $0.count > 0 }
    #expect(counted.map(\.name) == ["get", "list", "ping", "unknown"])
    #expect(counted.map(\.count) == [4, 1, 1, 1])
    #expect(counters.commands == 7)
    #expect(counters.errors == 2)
    #expect(counters.durations.snapshot.count == 7)
  }

  @Test("a reply that comes late has its time then, and those before it at once")
  func late() {
    let handler = KeyHandler()
    let counters = RESPCounters(commands: handler.commands)
    var driver = RESPDriver(handler: handler, counters: counters)
    driver.feed((command("GET", "a") + command("LATER")).utf8)
    #expect(counters.commands == 2)
    #expect(counters.durations.snapshot.count == 1)
    driver.end()
    #expect(handler.canceled == 1)
    #expect(counters.durations.snapshot.count == 1)
  }

  @Test("a handler whose commands the counters do not know has them counted together")
  func others() {
    let counters = RESPCounters()
    var driver = RESPDriver(counters: counters)
    driver.feed((command("GET", "a") + command("PING")).utf8)
    let counted = counters.byCommand.filter { $0.count > 0 }
    #expect(counted.map(\.name) == ["ping", "unknown"])
  }
}
