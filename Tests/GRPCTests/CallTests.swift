import Foundation
import GRPC
import Network
import TestKit
import Testing
import Threads

@Suite("gRPC calls as a state machine")
struct CallTests {
  @Test("a unary call is answered with a message and OK", arguments: [[], [1], [3, 7, 2]])
  func unary(pieces: [Int]) {
    let driver = GRPCDriver()
    driver.pieces = pieces
    for text in ["", "hello", String(repeating: "long", count: 20_000)] {
      let answer = driver.call("Say", text)
      #expect(answer.fields[":status"] == "200")
      #expect(answer.fields["content-type"] == "application/grpc")
      #expect(answer.text == text)
      #expect(answer.trailers["grpc-status"] == "0")
      #expect(answer.closed == 0)
    }
    #expect(!driver.brokeProtocol && !driver.isClosed)
    #expect(driver.counters.callsUnderWay == 0)
    #expect(driver.counters.methods[0].calls.map(\.count) == [3])
  }

  @Test("calls of one connection are answered side by side")
  func multiplexed() {
    let driver = GRPCDriver()
    let streams = (0..<100).map { driver.client.call("/test.Echo/Say", "call \($0)") }
    driver.exchange()
    for (index, stream) in streams.enumerated() { #expect(driver.answer(stream).text == "call \(index)") }
  }

  @Test("a failure is one header with a percent-encoded message and a time to try again")
  func failure() throws {
    let answer = GRPCDriver().call("Fail")
    #expect(answer.data.isEmpty && answer.trailers.isEmpty)
    #expect(answer.fields["grpc-status"] == "15")
    #expect(answer.fields["grpc-message"] == "100%25 h%C3%A4%C3%9Flich%0A")
    #expect(answer.fields["grpc-retry-pushback-ms"] == "1500")
    let details = try #require(answer.fields["grpc-status-details-bin"])
    let padded = details + String(repeating: "=", count: (4 - details.count % 4) % 4)
    let bytes = try #require(Data(base64Encoded: padded))
    #expect(bytes.starts(with: [8, 15, 18]))
    // Behind the type's name RetryInfo, field 2: a Duration of 1 s and 500,000,000 ns.
    let end: [UInt8] = [18, 10, 10, 8, 8, 1, 16, 0x80, 0xca, 0xb5, 0xee, 1]
    #expect(bytes.suffix(end.count) == Data(end))
  }

  @Test(
    "what is no good call is told why",
    arguments: [
      ("Nowhere", [], "12", "there is no method /test.Echo/Nowhere"),
      ("Say", [("grpc-encoding", "snappy")], "12", "requests are compressed by gzip or not at all"),
      ("Say", [("grpc-timeout", "soon")], "3", "the grpc-timeout is no number of up to 8 digits and a unit"),
      ("Say", [("grpc-timeout", "0m")], "4", "the deadline has passed"),
      ("Say", [("x-long", String(repeating: "a", count: 20_000))], "8", "the metadata have more than 16384 bytes"),
    ])
  func refused(method: String, fields: [(String, String)], status: String, message: String) {
    let driver = GRPCDriver()
    let answer = driver.call(method, "x", fields)
    #expect(answer.status == status)
    #expect(answer.message == message)
    #expect(driver.call("Say", "next").text == "next")
  }

  @Test("what is no gRPC is refused by HTTP")
  func http() {
    let driver = GRPCDriver()
    let get = driver.call("Say", "", [(":method", "GET")])
    #expect(get.fields == [":status": "405", "allow": "POST"])
    for type in ["application/json", "application/grpc-web", "application/grpc+json"] {
      #expect(driver.call("Say", "", [("content-type", type)]).fields == [":status": "415"])
    }
    for type in ["application/grpc+proto", "application/grpc;charset=x"] {
      #expect(driver.call("Say", "x", [("content-type", type)]).text == "x")
    }
  }

  @Test("a request without a message, with two, or with half of one fails")
  func framing() {
    let driver = GRPCDriver()
    let framed = HTTP2Client.framed(Array("hello".utf8))
    for (body, message) in [
      ([], "the request has no message"), (framed + framed, "the request has more than one message"),
      (framed.dropLast(), "the request ends within its message"), ([0, 0], "the request ends within its message"),
      ([7] + framed, "the request's first byte is neither 0 nor 1"),
      ([1] + framed.dropFirst(), "the request is marked as compressed, and names no grpc-encoding"),
    ] {
      let stream = driver.client.begin("/test.Echo/Say", body: Array(body))
      driver.exchange()
      #expect(driver.answer(stream).status == "13")
      #expect(driver.answer(stream).message == message)
    }
    #expect(driver.call("Say", "next").text == "next")
    #expect(driver.counters.callsUnderWay == 0)
  }

  @Test("a message above the limit is refused when its length is read, and the stream is reset")
  func tooLong() {
    var limits = GRPCLimits()
    limits.message_bytes = 1000
    let driver = GRPCDriver(limits: limits)
    #expect(driver.call("Say", String(repeating: "a", count: 1000)).status == "0")
    let stream = driver.client.begin("/test.Echo/Say", body: [0, 0, 0, 3, 233], ends: false)
    driver.exchange()
    #expect(driver.answer(stream).status == "8")
    #expect(driver.answer(stream).message == "the request has 1001 bytes, and 1000 are allowed")
    #expect(driver.answer(stream).closed == 0)
    #expect(driver.counters.callsUnderWay == 0)
  }

  @Test("a gzip request is inflated; a bomb, a torn one and rubbish are refused")
  func gzip() {
    var limits = GRPCLimits()
    limits.message_bytes = 100_000
    let driver = GRPCDriver(limits: limits)
    func call(_ compressed: [UInt8]) -> HTTP2Client.Answer {
      let stream = driver.client.begin(
        "/test.Echo/Say", [("grpc-encoding", "gzip")], body: HTTP2Client.framed(compressed, isCompressed: true))
      driver.exchange()
      return driver.answer(stream)
    }
    let text = String(repeating: "a long text ", count: 500)
    #expect(call(gzipped(Array(text.utf8))).text == text)
    #expect(call(gzipped([])).text == "")
    let bomb = call(gzipped([UInt8](repeating: 0, count: 10_000_000)))
    #expect(bomb.status == "8")
    #expect(bomb.message == "the request inflates to more than 100000 bytes")
    for bad in [Array(gzipped(Array(text.utf8)).dropLast(3)), [1, 2, 3], [], gzipped([1]) + [0]] {
      #expect(call(bad).message == "the request is marked as compressed and is no gzip")
    }
    // A message may be sent as it is although others are compressed.
    #expect(driver.call("Say", "plain", [("grpc-encoding", "gzip")]).text == "plain")
  }

  @Test("a deferred answer comes when it is there")
  func deferred() {
    let driver = GRPCDriver()
    let stream = driver.client.call("/test.Echo/Later")
    driver.exchange()
    #expect(driver.answer(stream).fields.isEmpty)
    #expect(driver.call("Say", "meanwhile").text == "meanwhile")
    driver.service.deferrals[0].answer { call in call.write { $0.append("late") } }
    driver.exchange()
    #expect(driver.answer(stream).text == "late")
    #expect(driver.service.canceled == 0)
    driver.service.deferrals[0].answer { _ in Issue.record("answered twice") }
  }

  @Test("a reset cancels the work for the call, and only that")
  func canceled() {
    let driver = GRPCDriver()
    let first = driver.client.call("/test.Echo/Later")
    let second = driver.client.call("/test.Echo/Later")
    driver.exchange()
    driver.client.reset(first)
    driver.exchange()
    #expect(driver.service.canceled == 1)
    driver.service.deferrals[0].answer { _ in Issue.record("answered a canceled call") }
    driver.service.deferrals[1].answer { call in call.write { $0.append("second") } }
    driver.exchange()
    #expect(driver.answer(second).text == "second")
    #expect(driver.counters.methods[2].calls.map { "\($0.status) \($0.count)" } == ["ok 1", "cancelled 1"])
    #expect(driver.counters.callsUnderWay == 0)
  }

  @Test("the end of the connection cancels what is under way")
  func ended() {
    let driver = GRPCDriver()
    _ = driver.client.call("/test.Echo/Later")
    _ = driver.client.begin("/test.Echo/Say", body: [0, 0], ends: false)
    driver.exchange()
    #expect(driver.counters.callsUnderWay == 2)
    driver.connection.ended()
    #expect(driver.service.canceled == 1)
    #expect(driver.counters.callsUnderWay == 0)
  }

  @Test("an open call is told of changes, and of its end")
  func watched() {
    let driver = GRPCDriver()
    let stream = driver.client.call("/test.Echo/Watch")
    driver.exchange()
    #expect(driver.answer(stream).text == "first")
    driver.connection.woken()
    driver.exchange()
    #expect(driver.answer(stream).text == "first")
    driver.service.news = "second"
    driver.connection.woken()
    driver.exchange()
    #expect(driver.answer(stream).messages?.map { String(decoding: $0, as: UTF8.self) } == ["first", "second"])
    driver.service.news = "bad"
    driver.connection.woken()
    driver.exchange()
    #expect(driver.answer(stream).status == "10")
    #expect(driver.answer(stream).closed == 0)
    #expect(driver.counters.callsUnderWay == 0)
  }

  @Test("messages of a conversation are answered one by one", arguments: [[], [1], [5]])
  func conversation(pieces: [Int]) {
    let driver = GRPCDriver()
    driver.pieces = pieces
    let body = ["a", "", "ccc"].flatMap { HTTP2Client.framed(Array($0.utf8)) }
    let stream = driver.client.begin("/test.Echo/Chat", body: body)
    driver.exchange()
    #expect(driver.answer(stream).messages?.map { String(decoding: $0, as: UTF8.self) } == ["a", "", "ccc"])
    #expect(driver.answer(stream).status == "0")
    #expect(driver.counters.callsUnderWay == 0)
  }

  @Test("without credentials only open methods are answered")
  func credentials() throws {
    let folder = TemporaryDirectory()
    try "0123456789abcdef\n".write(toFile: folder.file("tokens"), atomically: true, encoding: .utf8)
    var rules = Authorizer.Rules()
    rules.readTokens = folder.file("tokens")
    let driver = GRPCDriver(authorizer: try Authorizer(rules))
    #expect(driver.call("Say", "x").status == "16")
    #expect(driver.call("Say", "x", [("authorization", "Bearer wrong")]).status == "16")
    #expect(driver.call("Say", "x", [("authorization", "bearer 0123456789abcdef")]).text == "x")
    #expect(driver.call("Open", "x").text == "x")
  }
}
