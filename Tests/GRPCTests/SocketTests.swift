import GRPC
import Glibc
import Network
import TestKit
import Testing

@Suite("gRPC on a socket")
struct SocketTests {
  @Test("a client that ends its side while calls are answered still gets their replies")
  func halfClosed() throws {
    let listener = try Listener(address: "127.0.0.1:0", allowRemote: false, option: "x") {
      let service = LateService()
      return GRPCServer(services: [service], counters: GRPCCounters(methods: service.methods))
    }
    let server = try NetworkServer(listeners: [listener])
    let client = try Caller(server.addresses[0].port)
    let other = try Caller(server.addresses[0].port)
    let calls = (0..<3).map { client.http2.call("/test.Late/Wait", "call \($0)") }
    try client.send()
    try client.readOnce()  // the server's settings: what was sent has been read
    client.finish()
    let release = other.http2.call("/test.Late/Release", "now")
    try other.send()
    try other.read { $0.answers[release]?.closed != nil }
    #expect(other.http2.answers[release]?.text == "3 calls")
    try client.read { client in calls.allSatisfy { client.answers[$0]?.closed != nil } }
    #expect(calls.map { client.http2.answers[$0]?.text } == ["call 0", "call 1", "call 2"])
    try client.readToEnd()
  }
}

/// Answers `Wait` after `Release` has been called, with what it was asked.
private final class LateService: GRPCService {
  private var waiting: [(deferral: GRPCDeferral, text: String)] = []
  private var releases: LoopSignalReceiver?

  init() { super.init(methods: [GRPCMethod("/test.Late/Wait"), GRPCMethod("/test.Late/Release")]) }

  override func started(_ dialer: Dialer) {
    releases = try? LoopSignalReceiver(dialer) { [unowned self] in
      for (deferral, text) in waiting { deferral.answer { call in call.write { $0.append(text) } } }
    }
  }

  override func respond(to call: GRPCCall, method: Int) {
    if method == 0 { return waiting.append((call.deferReply(), String(decoding: call.message, as: UTF8.self))) }
    releases?.signal.send()
    call.write { $0.append("\(waiting.count) calls") }
  }
}

/// A client of HTTP/2 on a blocking socket, whose reads fail after 20 seconds.
private final class Caller {
  let http2 = HTTP2Client()
  private let descriptor: Int32

  init(_ port: Int) throws {
    descriptor = try connectToLoopback(port: port)
  }

  deinit { close(descriptor) }

  func send() throws {
    let bytes = http2.output()
    guard Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
      throw SystemFailure(number: errno)
    }
  }

  func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

  func read(until isDone: (HTTP2Client) -> Bool) throws {
    while !isDone(http2) { try readOnce() }
  }

  func readOnce() throws {
    let bytes = try receive()
    if bytes.isEmpty { throw SystemFailure(number: 0) }
    #expect(http2.input(bytes))
  }

  func readToEnd() throws { while try !receive().isEmpty {} }

  private func receive() throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = recv(descriptor, &bytes, bytes.count, 0)
    guard count >= 0 else { throw SystemFailure(number: errno) }
    return Array(bytes[..<count])
  }
}
