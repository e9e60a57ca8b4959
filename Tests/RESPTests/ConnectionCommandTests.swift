import RESP
import Testing

@Suite("the commands of a RESP connection")
struct ConnectionCommandTests {
  private func reply(_ words: String..., password: String? = nil, first: String = "") -> String {
    let handler = KeyHandler()
    handler.password = password.map { Array($0.utf8) }
    return RESPDriver.replies(
      to: first + "*\(words.count)\r\n" + words.map(bulk).joined(), handler: handler)
  }

  @Test("names are in any case")
  func cases() {
    #expect(reply("gEt", "a") == bulk("a"))
    #expect(reply("PiNg", "a") == bulk("a"))
  }

  @Test("HELLO greets by the version asked for, and refuses others")
  func hello() {
    let greeting = bulk("server") + bulk("test") + bulk("version") + bulk("1.2.3") + bulk("proto")
    #expect(reply("HELLO").hasPrefix("*14\r\n" + greeting + ":2\r\n"))
    #expect(reply("HELLO", "2").hasPrefix("*14\r\n" + greeting + ":2\r\n"))
    #expect(reply("HELLO", "3").hasPrefix("%7\r\n" + greeting + ":3\r\n"))
    #expect(reply("HELLO", "4") == "-NOPROTO unsupported protocol version\r\n")
    #expect(reply("HELLO", "x") == "-ERR Protocol version is not an integer or out of range\r\n")
    #expect(reply("HELLO", "3", "AUTH", "default") == "-ERR Syntax error in HELLO option 'AUTH'\r\n")
    #expect(reply("HELLO", "3", "SETNAME", "a b").hasPrefix("-ERR Client names"))
    #expect(reply("CLIENT", "GETNAME", first: "HELLO 2 SETNAME ranker\n").hasSuffix(bulk("ranker")))
  }

  @Test("without the password nothing is answered but who asks to come in")
  func authentication() {
    let refusal = "-NOAUTH Authentication required.\r\n"
    for words in ["GET a", "PING", "INFO", "COMMAND", "NONSENSE", "SET a b", "CLIENT LIST"] {
      let handler = KeyHandler()
      handler.password = Array("secret".utf8)
      #expect(RESPDriver.replies(to: words + "\n", handler: handler) == refusal, "\(words)")
    }
    #expect(reply("AUTH", "wrong", password: "secret").hasPrefix("-WRONGPASS "))
    #expect(reply("AUTH", "root", "secret", password: "secret").hasPrefix("-WRONGPASS "))
    #expect(reply("AUTH", "default", "secret", password: "secret") == "+OK\r\n")
    #expect(reply("GET", "a", password: "secret", first: "AUTH secret\n") == "+OK\r\n" + bulk("a"))
    #expect(reply("HELLO", "3", password: "secret").hasPrefix("-NOAUTH HELLO must"))
    #expect(reply("HELLO", "3", "AUTH", "default", "wrong", password: "secret").hasPrefix("-WRONGPASS "))
    #expect(reply("HELLO", "3", "AUTH", "default", "secret", password: "secret").hasPrefix("%7\r\n"))
    #expect(reply("GET", "a", password: "secret", first: "AUTH secret\nRESET\n") == "+OK\r\n+RESET\r\n" + refusal)
    #expect(reply("QUIT", password: "secret") == "+OK\r\n<end>")
    for words in [["AUTH", "x"], ["AUTH", "default", "x"]] {
      #expect(
        RESPDriver.replies(to: "*\(words.count)\r\n" + words.map(bulk).joined()) == "+OK\r\n",
        "no password is asked for")
    }
    #expect(reply("HELLO", "3", "AUTH", "default", "x").hasPrefix("%7\r\n"))
    #expect(reply("CLIENT", "LIST", password: "secret", first: "AUTH secret\n").contains("-NOPERM "))
  }

  @Test("who has not authenticated cannot send much")
  func strangers() {
    let key = String(repeating: "k", count: 16 * 1024 + 1)
    #expect(
      reply("AUTH", key, password: "secret") == "-ERR Protocol error: unauthenticated bulk length\r\n<end>")
    #expect(reply("AUTH", key) == "+OK\r\n")
    let many = (0..<11).map { "\($0)" }
    let handler = KeyHandler()
    handler.password = []
    #expect(
      RESPDriver.replies(to: "*11\r\n" + many.map(bulk).joined(), handler: handler)
        == "-ERR Protocol error: unauthenticated multibulk length\r\n<end>")
  }

  @Test("CLIENT keeps what clients tell of themselves, and shows it")
  func client() {
    #expect(reply("CLIENT", "ID") == ":1\r\n")
    #expect(reply("CLIENT", "GETNAME") == "$-1\r\n")
    #expect(reply("CLIENT", "SETINFO", "LIB-NAME", "x y").hasPrefix("-ERR LIB-NAME cannot contain"))
    #expect(reply("CLIENT", "SETINFO", "other", "x") == "-ERR Unrecognized option 'other'\r\n")
    let info = reply("CLIENT", "INFO", first: "CLIENT SETNAME a\nCLIENT SETINFO lib-name redis-py\nGET x\n")
    #expect(info.contains("id=1 name=a "))
    #expect(info.contains(" cmd=client "))
    #expect(info.contains(" lib-name=redis-py "))
    #expect(reply("CLIENT", "LIST").contains("id=1 "))
    #expect(reply("CLIENT", "NO-EVICT", "ON") == "+OK\r\n")
    #expect(reply("CLIENT", "TRACKING", "OFF") == "+OK\r\n")
    #expect(reply("CLIENT", "TRACKING", "ON").hasPrefix("-ERR tracking"))
    #expect(reply("CLIENT", "KILL", "x").hasPrefix("-ERR unknown subcommand"))
  }

  @Test("COMMAND tells all commands that are answered, in each form")
  func commands() throws {
    let count = 4 + 18
    #expect(reply("COMMAND", "COUNT") == ":\(count)\r\n")
    #expect(
      reply("COMMAND").hasPrefix(
        "*\(count)\r\n*10\r\n" + bulk("get") + ":2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"))
    #expect(reply("COMMAND", "INFO", "nonsense", "list").hasPrefix("*2\r\n$-1\r\n*10\r\n" + bulk("list") + ":-2\r\n"))
    #expect(
      reply("COMMAND", "DOCS", "get", "nonsense") == "*2\r\n" + bulk("get") + "*6\r\n" + bulk("summary")
        + bulk("The key.") + bulk("since") + bulk("1.0.0") + bulk("group") + bulk("string"))
    #expect(reply("COMMAND", "GETKEYS", "list", "a", "b") == "*2\r\n" + bulk("a") + bulk("b"))
    #expect(reply("COMMAND", "GETKEYS", "ping", "a").hasPrefix("-ERR Invalid command"))
    #expect(reply("COMMAND", "NONSENSE").hasPrefix("-ERR unknown subcommand"))
  }

  @Test("writes are refused as by a replica, and what is unknown by name")
  func refusals() {
    #expect(reply("SET", "a", "b") == "-READONLY nothing is written here\r\n")
    #expect(reply("del", "a") == "-READONLY nothing is removed here\r\n")
    #expect(reply("ROLE") == "*3\r\n" + bulk("master") + ":0\r\n*0\r\n")
    #expect(reply("ACL", "WHOAMI").hasPrefix("-ERR 'ACL' is not answered here: the password of AUTH is a token"))
    #expect(reply("GETRANGE", "a", "0", "1").hasPrefix("-ERR 'GETRANGE' is not answered here: a value is read whole"))
    #expect(reply("hset", "a", "b", "c").hasPrefix("-READONLY "))
    #expect(reply("CLUSTER", "SLOTS").contains("cluster support disabled"))
    #expect(reply("EVAL", "x", "0").hasPrefix("-ERR 'EVAL' is not answered here: "))
    #expect(reply("FOO\r\n+OK", "a") == "-ERR unknown command 'FOO??+OK', with args beginning with: 'a' \r\n")
    #expect(reply("GET") == "-ERR wrong number of arguments for 'get' command\r\n")
    #expect(reply("GET", "a", "b") == "-ERR wrong number of arguments for 'get' command\r\n")
    #expect(reply("SELECT", "0") == "+OK\r\n")
    #expect(reply("SELECT", "1").hasPrefix("-ERR DB index is out of range"))
    #expect(reply("SELECT", "x").hasPrefix("-ERR value is not an integer"))
    #expect(reply("CONFIG", "SET", "save", "x").contains("'interestd config check' prints"))
  }

  @Test("CONFIG GET takes names and patterns")
  func configuration() {
    #expect(reply("CONFIG", "GET", "appendonly") == "*2\r\n" + bulk("appendonly") + bulk("no"))
    #expect(reply("CONFIG", "GET", "maxmemory*").hasPrefix("*4\r\n"))
    #expect(reply("CONFIG", "GET", "*").hasPrefix("*10\r\n"))
    #expect(reply("CONFIG", "GET", "SAVE", "sav?") == "*2\r\n" + bulk("save") + bulk(""))
    #expect(reply("CONFIG", "GET", "nothing") == "*0\r\n")
  }

  @Test("a browser that is made to send a form ends the connection without a word")
  func browsers() {
    #expect(RESPDriver.replies(to: "POST / HTTP/1.1\r\nHost: x\r\n\r\nGET a\r\n") == "<end>")
    #expect(RESPDriver.replies(to: "Host: x\r\nGET a\r\n") == "<end>")
  }

  @Test("commands and errors are counted")
  func counters() {
    let counters = RESPCounters()
    var driver = RESPDriver(counters: counters)
    driver.feed("PING\nGET a\nNONSENSE\n*x\r\n".utf8)
    #expect(driver.replies.hasSuffix("<end>"))
    #expect(counters.commands == 3)
    #expect(counters.errors == 2)
    #expect(counters.protocolErrors == 1)
    #expect(counters.connections == 1)
  }
}
