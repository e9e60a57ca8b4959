import TestKit
import Testing

@testable import HTTP

/// What became of bytes that a server sent before it ended the connection.
private struct Reading: Equatable {
  var outcome = ReplyParser.Outcome.more
  var status = 0
  var location: String?
  var body = ""
  var keepsAlive = false

  /// Comes cut before each of `cuts`, and ends the connection behind all.
  init(_ bytes: [UInt8], from sender: ReplyParser.Sender, cuts: [Int] = [], limit_bytes: Int = 1000) {
    var parser = ReplyParser(of: sender)
    read(bytes, cuts, limit_bytes, with: &parser)
  }

  init(_ text: String, from sender: ReplyParser.Sender, limit_bytes: Int = 1000) {
    self.init(Array(text.utf8), from: sender, limit_bytes: limit_bytes)
  }

  /// With a parser that has been used before.
  init(_ bytes: [UInt8], pieces: Int, with parser: inout ReplyParser) {
    parser.reset()
    read(bytes, Array(stride(from: pieces, to: bytes.count, by: pieces)), 1000, with: &parser)
  }

  private mutating func read(_ bytes: [UInt8], _ cuts: [Int], _ limit_bytes: Int, with parser: inout ReplyParser) {
    var start = 0
    for cut in cuts + [bytes.count] where cut > start && outcome == .more {
      outcome = bytes[start..<cut].withUnsafeBytes { parser.take($0, limit_bytes: limit_bytes) }
      start = cut
    }
    // Behind a reply of an instance its connection takes no byte that was not asked for.
    if outcome == .done, start < bytes.count, parser.sender == .instance {
      outcome = .bad("more follows than its length says")
    }
    if outcome == .more { outcome = parser.end() }
    guard outcome == .done else { return }
    (status, location, keepsAlive) = (parser.status, parser.field("location"), parser.keepsAlive)
    body = String(decoding: parser.reply.bodyBytes, as: UTF8.self)
  }
}

@Suite("Replies over HTTP")
struct ReplyParserTests {
  private static let json = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

  private static let ownReply =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: Application/JSON\r\ncontent-length:  5 \r\n"
    + "Retry-After: 60\r\nX-Other: a:b\r\nConnection: close\r\n\r\nhello"

  /// Of a proxy or an older server: 404, located at http://a/b, with the body abc.
  private static let foreignReplies = [
    "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nLocation:  http://a/b \r\n\r\nabc",
    "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nLocation: http://a/b\r\n\r\nabcHTTP/1.1 200 OK",
    "HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\nlocation: http://a/b\r\n\r\n1;x=y\r\na\r\n2 ; z=\"1\"\r\nbc\r\n"
      + "0\r\nLocation: http://c\r\n\r\n",
    "HTTP/1.0 404 Not Found\r\nLOCATION:http://a/b\r\n\r\nabc",
    "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100\r\n\r\nHTTP/1.1 404\r\nLocation: http://a/b\r\n\r\nabc",
  ]

  private static let refusedOfInstances = [
    "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 2000\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n",
    json + "Content-Type: application/json\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length 0\r\n\r\n", "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1", "\r\n\r\n", "HTTP/1.1 200 OK\r\nX: \u{1}\r\n",
    "SSH-2.0\r\n\r\n",
  ]

  private static let brokenOff = [
    "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
  ]

  private static let malformed = [
    "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nabc\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 2\r\n\r\nabc", "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
  ]

  private static let all = [ownReply] + foreignReplies + refusedOfInstances + brokenOff + malformed

  @Test("of an instance are read however they are cut, one after the other")
  func own() {
    let bytes = Array(Self.ownReply.utf8)
    var parser = ReplyParser(of: .instance)
    for size in 1...bytes.count {
      let reading = Reading(bytes, pieces: size, with: &parser)
      #expect(reading.outcome == .done && reading.body == "hello" && !reading.keepsAlive)
      let reply = parser.reply
      #expect(reply.status == .serviceUnavailable)
      #expect(reply.contentType.description == "application/json")
      #expect(reply.retryAfter_s == 60 && !reply.isUnknown)
    }
  }

  @Test("of an instance may be without a body, a reason or a type, and about somebody unknown")
  func least() {
    var parser = ReplyParser(of: .instance)
    let text = "HTTP/1.1 200\r\nContent-Length: 0\r\nx-interestd-unknown: 1\r\n\r\n"
    let reading = Reading(Array(text.utf8), pieces: 7, with: &parser)
    let reply = parser.reply
    #expect(reading.outcome == .done && reading.keepsAlive)
    #expect(reply.status == .ok && reply.retryAfter_s == nil && reply.isUnknown)
  }

  @Test("that no instance would write are refused", arguments: refusedOfInstances)
  func refused(text: String) {
    guard case .bad = Reading(text, from: .instance).outcome else {
      Issue.record("\(Reading(text, from: .instance))")
      return
    }
  }

  @Test("of any server end by their length, by their chunks, or with the connection", arguments: foreignReplies)
  func bodies(text: String) {
    let reading = Reading(text, from: .anyServer)
    #expect(reading.outcome == .done && reading.status == 404)
    #expect(reading.body == "abc" && reading.location == "http://a/b")
  }

  @Test("have no body where their status says so", arguments: ["204 No Content", "304 Not Modified"])
  func bodiless(status: String) {
    let reading = Reading("HTTP/1.1 \(status)\r\nContent-Length: 4\r\nTransfer: x\r\n\r\nabc", from: .anyServer)
    #expect(reading.outcome == .done && reading.body == "" && reading.keepsAlive)
  }

  @Test("that break off are told from what is malformed, and both from what is no HTTP")
  func failures() {
    for text in Self.brokenOff { #expect(Reading(text, from: .anyServer).outcome == .more, "\(text)") }
    let noStatus = ReplyParser.Outcome.bad("its first line is no known status of http 1.1")
    for text in ["", "-ERR unknown command\r\n", "\0\0\0\u{4}", "HTTQ", "\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"] {
      #expect(Reading(text, from: .anyServer).outcome == noStatus, "\(text)")
    }
    for text in Self.malformed {
      let outcome = Reading(text, from: .anyServer).outcome
      guard case .bad = outcome, outcome != noStatus else {
        Issue.record("\(text): \(outcome)")
        continue
      }
    }
  }

  @Test("with a header or a body beyond the limit are refused before it is there")
  func limits() {
    for sender in [ReplyParser.Sender.instance, .anyServer] {
      let limit = sender.header_bytes
      let long = "HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: limit)
      #expect(Reading(long, from: sender).outcome == .bad("its header is longer than \(limit) bytes"))
      let length = "HTTP/1.1 200 OK\r\nContent-Length: 100"
      #expect(Reading("\(length)1\r\n\r\n", from: sender).outcome == .tooLong(1001))
      #expect(Reading("\(length)0\r\n\r\n", from: sender).outcome == .more)
    }
    let interim = String(repeating: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", count: 2000)
    #expect(Reading(interim, from: .anyServer).outcome == .bad("its header is longer than 65536 bytes"))
    let chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    #expect(Reading(chunk + "3e6\r\n", from: .anyServer).outcome == .tooLong(.max))
    #expect(Reading(chunk + "3e5\r\n", from: .anyServer).outcome == .more)
    #expect(Reading(chunk + "ffffffffffffffff\r\n", from: .anyServer).outcome == .tooLong(.max))
    let endless = "HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "x", count: 1000)
    #expect(Reading(endless, from: .anyServer).outcome == .done)
    #expect(Reading(endless + "x", from: .anyServer).outcome == .tooLong(.max))
  }

  @Test("are the same byte by byte, and cut anywhere", arguments: [ReplyParser.Sender.instance, .anyServer])
  func torn(sender: ReplyParser.Sender) {
    for text in Self.all {
      let bytes = Array(text.utf8)
      let whole = Reading(bytes, from: sender)
      #expect(Reading(bytes, from: sender, cuts: Array(bytes.indices)) == whole, "\(text)")
      for cut in bytes.indices { #expect(Reading(bytes, from: sender, cuts: [cut]) == whole, "\(text) at \(cut)") }
    }
  }

  @Test("with changed bytes are the same however they are cut", arguments: [ReplyParser.Sender.instance, .anyServer])
  func mutated(sender: ReplyParser.Sender) {
    var random = SeededGenerator(seed: 13)
    let alphabet = Array("\r\n :,;\"\\0123456789abcdefHTP/.\0\u{7f}\t".utf8)
    for round in 0..<3_000 {
      var bytes = Array(Self.all[round % Self.all.count].utf8)
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = alphabet.randomElement(using: &random) ?? 0
      }
      let whole = Reading(bytes, from: sender, limit_bytes: 100)
      let cuts = (0..<3).map { _ in Int.random(in: 0..<bytes.count, using: &random) }.sorted()
      for cuts in [cuts, Array(bytes.indices)] {
        let torn = Reading(bytes, from: sender, cuts: cuts, limit_bytes: 100)
        #expect(torn == whole, "\(String(decoding: bytes, as: UTF8.self).debugDescription) at \(cuts)")
      }
    }
  }
}
