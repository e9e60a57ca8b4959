import RESP
import TestKit
import Testing

@Suite("RESP parsing")
struct ParsingTests {
  private static let conversation =
    command("GET", "alice") + "GET bob\r\n" + command("list", "a", "", "c d\r\n") + "*0\r\n\r\n*-1\r\n"
    + "  list \"x\\x41\\n\" 'it\\'s' plain  \n" + command("PING") + command("get", "nobody") + command("ECHO", "hi")

  private static let answers =
    bulk("alice") + bulk("bob") + "*3\r\n" + bulk("a") + bulk("") + bulk("c d\r\n")
    + "*3\r\n" + bulk("xA\n") + bulk("it's") + bulk("plain") + "+PONG\r\n$-1\r\n" + bulk("hi")

  @Test("arrays and lines are answered alike, empty ones not at all")
  func whole() { #expect(RESPDriver.replies(to: Self.conversation) == Self.answers) }

  @Test("single bytes are answered like the whole")
  func singleBytes() {
    let cuts = Array(1..<Self.conversation.utf8.count)
    #expect(RESPDriver.replies(to: Self.conversation, cutting: cuts) == Self.answers)
  }

  @Test("input torn at any two places is answered like the whole")
  func torn() {
    let count = Self.conversation.utf8.count
    for first in 1..<count {
      for second in stride(from: first + 1, to: count, by: 7) {
        let replies = RESPDriver.replies(to: Self.conversation, cutting: [first, second])
        #expect(replies == Self.answers, "cut at \(first) and \(second)")
      }
    }
  }

  @Test("a command that is not complete is waited for, whatever came before")
  func partial() {
    for whole in [command("GET", "alice"), "GET alice\r\n"] {
      for count in 1..<whole.utf8.count {
        let part = String(decoding: whole.utf8.prefix(count), as: UTF8.self)
        #expect(RESPDriver.replies(to: command("PING") + part) == "+PONG\r\n<partial>", "\(count)")
      }
    }
  }

  @Test(
    "what is not the protocol ends the connection, with Redis' words",
    arguments: [
      ("*x\r\n", "invalid multibulk length"), ("*01\r\n", "invalid multibulk length"),
      ("*\r\n", "invalid multibulk length"), ("*-\r\n", "invalid multibulk length"),
      ("*4097\r\n", "invalid multibulk length"), ("*1\rx", "invalid multibulk length"),
      ("*99999999999999999999\r\n", "too big mbulk count string"),
      ("*1\r\n$x\r\n", "invalid bulk length"), ("*1\r\n$-1\r\n", "invalid bulk length"),
      ("*1\r\n$65537\r\n", "invalid bulk length"), ("*1\r\n$00000\r\n", "invalid bulk length"),
      ("*1\r\n$99999999999999999999\r\n", "too big bulk count string"),
      ("*1\r\nGET\r\n", "expected '$', got 'G'"), ("*1\r\n\u{1}", "expected '$', got ' '"),
      ("*1\r\n$3\r\nGETxx", "expected a line's end behind an argument"),
      ("get \"a\r\n", "unbalanced quotes in request"), ("get 'a'b\r\n", "unbalanced quotes in request"),
      ("get \"a\"b\r\n", "unbalanced quotes in request"), ("get \"a\\", "<partial>"),
    ])
  func malformed(text: String, problem: String) {
    let expected =
      problem == "<partial>" ? "+PONG\r\n<partial>" : "+PONG\r\n-ERR Protocol error: \(problem)\r\n<end>"
    let whole = command("PING") + text
    #expect(RESPDriver.replies(to: whole) == expected)
    #expect(RESPDriver.replies(to: whole, cutting: Array(1..<whole.utf8.count)) == expected)
  }

  @Test("a line, an argument and a command have their longest")
  func bounds() {
    var limits = RESPLimits()
    (limits.inline_bytes, limits.argument_bytes, limits.request_bytes) = (100, 50, 80)
    func reply(_ text: String) -> String { RESPDriver.replies(to: text, limits: limits) }
    let word = String(repeating: "k", count: 50)
    #expect(reply(command("get", word)) == bulk(word))
    #expect(reply(command("get", word + "k")) == "-ERR Protocol error: invalid bulk length\r\n<end>")
    #expect(reply(command("list", word, word)) == "-ERR Protocol error: the request is longer than 80 bytes\r\n<end>")
    let line = String(repeating: "k", count: 96)
    #expect(reply("get \(line)\n") == bulk(line))
    #expect(reply("get \(line)k\n") == "-ERR Protocol error: too big inline request\r\n<end>")
    #expect(reply("get \(line)k") == "-ERR Protocol error: too big inline request\r\n<end>")
  }

  @Test("a command of 4,096 arguments is answered, cut into pieces of any size")
  func manyArguments() {
    let keys = (1..<4096).map { "key\($0)" }
    let text = "*4096\r\n" + bulk("list") + keys.map(bulk).joined()
    let expected = "*4095\r\n" + keys.map(bulk).joined()
    for size in [text.utf8.count, 1, 7, 1000] {
      #expect(
        RESPDriver.replies(to: text, cutting: Array(stride(from: size, to: text.utf8.count, by: size))) == expected)
    }
  }

  @Test("noise is never answered by a crash, and torn noise like whole noise")
  func noise() {
    var generator = SeededGenerator(seed: 11)
    let pieces = [
      "*1\r\n", "$4\r\n", "PING", "\r\n", "\"", "'", "*", "$", "-", "0", "12", " ", "\\", "\\x4", "a", "\n", "get",
    ]
    for _ in 0..<3000 {
      let text = (0..<Int.random(in: 1...12, using: &generator)).map { _ in
        pieces[Int.random(in: 0..<pieces.count, using: &generator)]
      }.joined()
      let whole = RESPDriver.replies(to: text)
      #expect(
        RESPDriver.replies(to: text, cutting: Array(1..<max(1, text.utf8.count))) == whole, "\(text.debugDescription)")
    }
  }
}
