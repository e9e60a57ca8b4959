import GRPC
import Testing

@Suite("gRPC under abuse")
struct AbuseTests {
  private static let enhanceYourCalm: UInt32 = 11

  /// A connection whose client sends what it likes.
  private func raw(limits: GRPCLimits = GRPCLimits()) -> GRPCDriver {
    let driver = GRPCDriver(limits: limits, client: HTTP2Client(sendsNothing: true))
    driver.feed(Frames.preface)
    _ = driver.takeOutput()
    return driver
  }

  @Test("what is no HTTP/2 ends the connection")
  func preface() {
    for text in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r?", "\u{16}\u{3}\u{1}"] {
      let driver = GRPCDriver(client: HTTP2Client(sendsNothing: true))
      driver.feed(Array(text.utf8))
      #expect(driver.isClosed)
    }
  }

  @Test("calls that are reset at once are cut off after a while, and leave nothing")
  func resets() {
    let driver = raw()
    var count: UInt32 = 0
    while !driver.isClosed && count < 10_000 {
      let stream = 2 * count + 1
      driver.feed(
        Frames.headers(stream, Frames.fields("Later"))
          + Frames.data(stream, HTTP2Client.framed([1]), ends: true) + Frames.reset(stream))
      count += 1
    }
    #expect((1000..<3000).contains(count))
    #expect(driver.counters.callsUnderWay == 0)
    #expect(driver.service.canceled == driver.service.calls)
  }

  @Test("a header that never ends is cut off", arguments: [0, 1000])
  func continuations(size: Int) {
    let driver = raw()
    driver.feed(Frames.headers(1, flags: 0))
    var count = 0
    while !driver.isClosed && count < 1000 {
      driver.feed(Frames.continuation(1, Frames.block("a", String(repeating: "b", count: size))))
      count += 1
    }
    #expect(count < 20)
  }

  @Test("fields that unfold to more than is allowed cut the client off")
  func bomb() {
    let driver = raw()
    let long = String(repeating: "v", count: 3000)
    // The first puts the field into the table (RFC 7541 section 6.2.1), and each of the others is a byte that stands for it.
    var first = Frames.block("x", long)
    first[0] = 0x40
    let block =
      Frames.fields("Say").flatMap { Frames.block($0.0, $0.1) } + first + [UInt8](repeating: 0xbe, count: 10_000)
    driver.feed(Frames.frame(1, 4, stream: 1, block))
    #expect(driver.isClosed)
    #expect(Frames.goAway(driver.takeOutput()) == Self.enhanceYourCalm)
    #expect(driver.counters.misbehaved == 1)
  }

  @Test(
    "floods of frames that ask for nothing are cut off",
    arguments: [("ping", 4), ("settings", 20), ("empty data", 200)])
  func floods(kind: String, allowed: Int) {
    let driver = raw()
    if kind == "empty data" { driver.feed(Frames.headers(1)) }
    let frame = kind == "ping" ? Frames.ping() : kind == "settings" ? Frames.settings : Frames.data(1, [])
    var count = 0
    while !driver.isClosed && count < 10_000 {
      driver.feed(frame)
      count += 1
    }
    #expect(count >= allowed && count < 5 * allowed)
    #expect(Frames.goAway(driver.takeOutput()) == Self.enhanceYourCalm)
  }

  @Test("pings are answered as long as there are calls")
  func pings() {
    let driver = GRPCDriver()
    for _ in 0..<20 {
      driver.client.ping()
      #expect(driver.call("Say", "x").text == "x")
    }
    #expect(driver.client.pingAnswers == 20)
  }

  @Test("halves of requests are bounded, for a connection and for the loop")
  func halves() {
    var limits = GRPCLimits()
    limits.message_bytes = 10_000
    limits.connectionRequests_bytes = 50_000
    let driver = GRPCDriver(limits: limits)
    let half = [UInt8]([0, 0, 0, 39, 16]) + [UInt8](repeating: 1, count: 9_000)
    let streams = (0..<20).map { _ in driver.client.begin("/test.Echo/Say", body: half, ends: false) }
    driver.exchange()
    let refused = streams.filter { driver.answer($0).message == "too many requests are half received" }
    #expect(refused.count == 15)
    #expect(driver.counters.callsUnderWay == 5)
    #expect(driver.call("Say", "small").text == "small")
  }

  @Test("a client with closed windows has few answers made for it, and gets them when it opens them")
  func windows() {
    var limits = GRPCLimits()
    limits.connectionReplies_bytes = 100_000
    let driver = GRPCDriver(limits: limits, client: HTTP2Client(window: 0))
    let streams = (0..<50).map { _ in driver.client.call("/test.Echo/Big", "20000") }
    driver.exchange()
    #expect(driver.service.calls == 5)
    #expect(driver.counters.callsUnderWay == 50)
    driver.client.setWindow(1 << 20)
    driver.exchange()
    for stream in streams { #expect(driver.answer(stream).messages?.first?.count == 20_000) }
    #expect(driver.service.calls == 50)
    #expect(driver.counters.callsUnderWay == 0)
  }

  @Test("beyond the bound of calls, and of replies that nobody takes, calls are refused at once")
  func overload() {
    var limits = GRPCLimits()
    limits.calls = 10
    let driver = GRPCDriver(limits: limits)
    let held = (0..<10).map { _ in driver.client.call("/test.Echo/Later") }
    driver.exchange()
    let answer = driver.call("Say", "x")
    #expect(answer.status == "8")
    #expect(answer.message == "too many calls are under way")
    #expect(answer.fields["grpc-retry-pushback-ms"] == "100")
    driver.service.deferrals[0].answer { call in call.write { $0.append("done") } }
    driver.exchange()
    #expect(driver.answer(held[0]).text == "done")
    #expect(driver.call("Say", "x").text == "x")

    limits = GRPCLimits()
    limits.loopReplies_bytes = 1000
    let deaf = GRPCDriver(limits: limits, client: HTTP2Client(window: 0))
    _ = deaf.client.call("/test.Echo/Big", "5000")
    deaf.exchange()
    #expect(deaf.call("Say", "x").message == "too many replies wait for slow clients")
  }

  @Test("calls whose requests are not complete take no place from those that are")
  func unfinished() {
    var limits = GRPCLimits()
    limits.calls = 10
    limits.begunCalls = 60
    let flood = GRPCDriver(limits: limits)
    for _ in 0..<50 { _ = flood.client.begin("/test.Echo/Open", body: [], ends: false) }
    flood.exchange()
    let other = GRPCDriver(beside: flood)
    #expect(other.call("Say", "x").text == "x")
    // These have a bound as well.
    for _ in 0..<10 { _ = flood.client.begin("/test.Echo/Open", body: [], ends: false) }
    flood.exchange()
    #expect(flood.counters.callsUnderWay == 60)
    #expect(other.call("Say", "x").message == "too many calls are under way")
  }

  @Test("late answers that nobody takes are refused before they take the room of others")
  func lateAnswers() {
    var limits = GRPCLimits()
    limits.loopReplies_bytes = 40_000
    let deaf = GRPCDriver(limits: limits, client: HTTP2Client(window: 0))
    for _ in 0..<8 { _ = deaf.client.call("/test.Echo/Later") }
    deaf.exchange()
    for deferral in deaf.service.deferrals {
      deferral.answer { call in call.write { $0.append(String(repeating: "x", count: 9_000)) } }
    }
    #expect(GRPCDriver(beside: deaf).call("Say", "x").text == "x")
    deaf.exchange()
    let answers = deaf.client.answers.values
    #expect(answers.filter { $0.message == "too many replies wait for slow clients" }.count == 5)
  }

  @Test("where replies have no room, a client that takes none of its own gives way")
  func stalled() {
    var limits = GRPCLimits()
    limits.loopReplies_bytes = 1000
    let deaf = GRPCDriver(limits: limits, client: HTTP2Client(window: 0))
    _ = deaf.client.call("/test.Echo/Big", "5000")
    deaf.exchange()
    let other = GRPCDriver(beside: deaf)
    #expect(other.call("Say", "x").message == "too many replies wait for slow clients")
    #expect(deaf.counters.misbehaved == 0)

    limits.stall_ms = 0
    let stalled = GRPCDriver(limits: limits, client: HTTP2Client(window: 0))
    _ = stalled.client.call("/test.Echo/Big", "5000")
    stalled.exchange()
    #expect(GRPCDriver(beside: stalled).call("Say", "x").text == "x")
    #expect(stalled.counters.misbehaved == 1 && stalled.counters.callsUnderWay == 0)
  }

  @Test("a conversation that takes no answers is ended")
  func conversation() {
    var limits = GRPCLimits()
    limits.connectionReplies_bytes = 10_000
    let driver = GRPCDriver(limits: limits, client: HTTP2Client(window: 0))
    let message = HTTP2Client.framed([UInt8](repeating: 1, count: 1000))
    let stream = driver.client.begin(
      "/test.Echo/Chat", body: Array(repeatElement(message, count: 50).joined()), ends: false)
    driver.exchange()
    #expect(driver.service.calls == 10)
    driver.client.setWindow(1 << 20)
    driver.exchange()
    #expect(driver.answer(stream).status == "8")
  }

  @Test("streams beyond those allowed are refused, and end the connection of a client that knows the bound")
  func streams() {
    var limits = GRPCLimits()
    limits.streams = 3
    for knows in [false, true] {
      let driver = raw(limits: limits)
      if knows { driver.feed(Frames.frame(4, 1, stream: 0)) }  // an acknowledgement
      for stream in stride(from: UInt32(1), through: 9, by: 2) { driver.feed(Frames.headers(stream)) }
      let output = driver.takeOutput()
      #expect(Frames.parse(output).filter { $0.type == 3 }.map(\.stream) == (knows ? [] : [7, 9]))
      #expect(Frames.goAway(output) == (knows ? 1 : nil))  // PROTOCOL_ERROR
      #expect(driver.counters.callsUnderWay == 3)
    }
  }
}
