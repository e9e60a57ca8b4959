import GRPC
import Testing

@testable import GRPC

@Suite("gRPC and time")
struct TimeTests {
  private static let second_ns: UInt64 = 1_000_000_000

  @Test(
    "timeouts are read, and malformed ones refused",
    arguments: [
      ("1H", 3_600_000_000_000), ("2M", 120_000_000_000), ("3S", 3_000_000_000), ("250m", 250_000_000),
      ("7u", 7_000), ("99999999n", 99_999_999), ("99999999H", 31_536_000_000_000_000), ("", nil), ("S", nil),
      ("1", nil),
      ("1s", nil), ("-1S", nil), ("1 S", nil), ("123456789S", nil), ("0S", 0),
    ] as [(String, UInt64?)])
  func timeouts(text: String, expected_ns: UInt64?) {
    let bytes = Array(text.utf8)
    #expect(bytes.withUnsafeBytes { GRPCTimeout.parse($0) } == expected_ns)
  }

  @Test("an allowance is used up, and comes back with time")
  func allowance() {
    var allowance = Allowance(burst: 3, every: 1000, now_ns: 0)
    var taken = (0..<5).map { _ in allowance.take(now_ns: 0) }
    #expect(taken == [true, true, true, false, false])
    taken = [Self.second_ns - 1, Self.second_ns, Self.second_ns].map { allowance.take(now_ns: $0) }
    #expect(taken == [false, true, false])
    taken = (0..<5).map { _ in allowance.take(now_ns: 100 * Self.second_ns) }
    #expect(taken == [true, true, true, false, false])
    allowance.refill()
    taken = [allowance.take(now_ns: 100 * Self.second_ns)]
    #expect(taken == [true])
  }

  @Test("a connection is asked for a sign of life, and ended where it gives none")
  func keepalive() {
    let limits = GRPCLimits()
    var clock = ConnectionClock(now_ns: 0)
    #expect(clock.next_ns(limits, hasCalls: false) == 10 * Self.second_ns)
    #expect(clock.action(limits, hasCalls: false, now_ns: 10 * Self.second_ns) == .breakOff)
    clock.hasSettings = true
    #expect(clock.action(limits, hasCalls: true, now_ns: 59 * Self.second_ns) == .nothing)
    #expect(clock.next_ns(limits, hasCalls: true) == 60 * Self.second_ns)
    #expect(clock.action(limits, hasCalls: true, now_ns: 60 * Self.second_ns) == .ask)
    clock.asked_ns = 60 * Self.second_ns
    #expect(clock.action(limits, hasCalls: true, now_ns: 79 * Self.second_ns) == .nothing)
    #expect(clock.next_ns(limits, hasCalls: true) == 80 * Self.second_ns)
    #expect(clock.action(limits, hasCalls: true, now_ns: 80 * Self.second_ns) == .breakOff)
    clock.noteReceived(now_ns: 79 * Self.second_ns)
    #expect(clock.action(limits, hasCalls: true, now_ns: 80 * Self.second_ns) == .nothing)
  }

  @Test("a connection without calls, or one that is old, is ended in two steps")
  func ends() {
    var limits = GRPCLimits()
    limits.keepalive_ms = 1_000_000_000
    var clock = ConnectionClock(now_ns: 0)
    clock.hasSettings = true
    #expect(clock.action(limits, hasCalls: false, now_ns: 299 * Self.second_ns) == .nothing)
    #expect(clock.action(limits, hasCalls: false, now_ns: 300 * Self.second_ns) == .announceEnd)
    #expect(clock.action(limits, hasCalls: true, now_ns: 300 * Self.second_ns) == .nothing)
    limits.age_ms = 200_000
    #expect(clock.action(limits, hasCalls: true, now_ns: 200 * Self.second_ns) == .announceEnd)
    clock.ending = .announced(until_ns: 201 * Self.second_ns)
    #expect(clock.action(limits, hasCalls: true, now_ns: 200 * Self.second_ns) == .nothing)
    #expect(clock.next_ns(limits, hasCalls: true) == 201 * Self.second_ns)
    #expect(clock.action(limits, hasCalls: true, now_ns: 201 * Self.second_ns) == .end)
  }

  @Test("a connection that sends no settings in time is ended")
  func preface() {
    var limits = GRPCLimits()
    limits.preface_ms = 0
    let driver = GRPCDriver(limits: limits, client: HTTP2Client(sendsNothing: true))
    driver.connection.woken()
    driver.exchange()
    #expect(driver.isClosed)
  }

  @Test("a request that does not come whole in time fails, and so does a header")
  func halves() {
    var limits = GRPCLimits()
    limits.request_ms = 0
    let driver = GRPCDriver(limits: limits)
    let stream = driver.client.begin("/test.Echo/Say", body: [0, 0], ends: false)
    driver.exchange()
    driver.connection.woken()
    driver.exchange()
    #expect(driver.answer(stream).status == "4")
    #expect(driver.answer(stream).message == "the request was not complete in time")
    #expect(driver.counters.callsUnderWay == 0 && !driver.isClosed)

    let raw = GRPCDriver(limits: limits, client: HTTP2Client(sendsNothing: true))
    raw.feed(Frames.preface + Frames.headers(1, flags: 0))
    raw.connection.woken()
    raw.exchange()
    #expect(raw.isClosed)
  }

  @Test("a deadline ends what is deferred, and cancels the work for it")
  func deferred() {
    let driver = GRPCDriver()
    let stream = driver.client.call("/test.Echo/Later", "", [("grpc-timeout", "1m")])
    driver.exchange()
    let later = eventuallyPast(milliseconds: 1)
    #expect(later)
    driver.connection.woken()
    driver.exchange()
    #expect(driver.answer(stream).status == "4")
    #expect(driver.service.canceled == 1)
    driver.service.deferrals[0].answer { _ in Issue.record("answered after the deadline") }
  }

  @Test("a connection with much to answer gives others their turn, and goes on afterwards")
  func turns() {
    var limits = GRPCLimits()
    limits.turn_ms = 0
    let driver = GRPCDriver(limits: limits)
    let streams = (0..<5).map { driver.client.call("/test.Echo/Say", "\($0)") }
    driver.exchange()
    #expect(driver.service.calls < 5)
    while driver.service.calls < 5 { driver.exchange() }
    driver.exchange()
    for (index, stream) in streams.enumerated() { #expect(driver.answer(stream).text == "\(index)") }
  }

  @Test("an answer that its client does not take is given up")
  func untaken() {
    var limits = GRPCLimits()
    limits.reply_ms = 0
    let driver = GRPCDriver(limits: limits, client: HTTP2Client(window: 0))
    let stream = driver.client.call("/test.Echo/Say", "text")
    driver.exchange()
    driver.connection.woken()
    driver.exchange()
    #expect(driver.answer(stream).closed == 8)  // CANCEL
    #expect(driver.counters.callsUnderWay == 0)
  }

  @Test("a drain lets the calls under way end, and calls on their way too")
  func drain() {
    var limits = GRPCLimits()
    limits.lastWrites_ms = 0
    let driver = GRPCDriver(limits: limits)
    let held = driver.client.call("/test.Echo/Later")
    let watch = driver.client.call("/test.Echo/Watch")
    driver.exchange()
    driver.service.news = "stopping"
    // What the client has sent before it hears of the end is answered.
    driver.connection.drain()
    #expect(driver.call("Say", "on its way").text == "on its way")
    driver.connection.woken()
    driver.exchange()
    #expect(driver.client.goAways.map(\.code) == [0, 0])
    #expect(driver.client.goAways.first?.last == Int32.max)
    #expect(driver.answer(watch).messages?.map { String(decoding: $0, as: UTF8.self) } == ["first", "stopping"])
    #expect(driver.answer(watch).status == "14")
    #expect(!driver.isClosed)
    driver.service.deferrals[0].answer { call in call.write { $0.append("the last one") } }
    driver.exchange()
    #expect(driver.answer(held).text == "the last one")
    #expect(driver.isClosed)
  }

  @Test(
    "a drain waits for calls that were begun before the client heard of the end, and come behind its answer to the ping"
  )
  func writtenLate() {
    let driver = GRPCDriver()
    let late = driver.client.call("/test.Echo/Say", "late")
    let request = driver.client.output()
    driver.connection.drain()
    driver.deliver()
    // The answer to the ping.
    driver.feed(driver.client.output())
    driver.deliver()
    #expect(driver.client.goAways.map(\.last) == [.max])
    driver.feed(request)
    driver.exchange()
    #expect(driver.answer(late).text == "late")
    #expect(!driver.isClosed)
    #expect(eventuallyPast(milliseconds: GRPCLimits().lastWrites_ms))
    driver.connection.woken()
    driver.exchange()
    #expect(driver.isClosed)
  }

  @Test("a drain does not wait for a client that answers no pings")
  func deafDrain() {
    var limits = GRPCLimits()
    limits.lastCalls_ms = 0
    let driver = GRPCDriver(limits: limits, client: HTTP2Client(answersPings: false))
    driver.connection.drain()
    driver.exchange()
    #expect(!driver.isClosed)
    driver.connection.woken()
    driver.exchange()
    #expect(driver.isClosed)
  }

  /// Passes time, as a deadline needs it.
  private func eventuallyPast(milliseconds: Int) -> Bool {
    let clock = ContinuousClock()
    let end = clock.now + .milliseconds(milliseconds)
    while clock.now <= end {}
    return true
  }
}
