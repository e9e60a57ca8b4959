import Bytes
import FuzzKit
import Network

@testable import GRPC

/// What a client sends, as bytes (an even first byte) or as steps that keep HTTP/2's framing: whatever it is, every call ends with its
/// connection, nothing stays counted against the limits, and what is sent are whole frames.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var feed = InputFeed(start, count)
  let choice = feed.byte()
  let exchange = Exchange(isSmall: choice & 2 != 0)
  exchange.send(Step.preface)
  if choice & 1 == 0 {
    exchange.piece = Int(choice >> 2)
    exchange.send(feed.takeRest())
  } else {
    exchange.piece = Int(choice >> 5)
    var steps = 0
    while !feed.isEmpty && steps < 500 {
      exchange.take(Step.next(&feed))
      steps += 1
    }
  }
  exchange.end()
  return 0
}

/// A connection without a socket, fed as a network loop does.
private final class Exchange {
  private let service = Answers()
  private let server: GRPCServer
  private let connection: ConnectionHandler
  private var output = ByteBuffer()
  private var isClosed = false
  /// Bytes shown at a time; 0: all.
  var piece = 0

  init(isSmall: Bool) {
    var limits = GRPCLimits()
    if isSmall {
      limits.message_bytes = 64
      limits.connectionRequests_bytes = 256
      limits.connectionReplies_bytes = 256
      limits.loopReplies_bytes = 1024
      limits.streams = 4
      limits.calls = 3
      limits.watches = 1
      limits.request_ms = 0
    }
    server = GRPCServer(services: [service], counters: GRPCCounters(methods: service.methods), limits: limits)
    connection = server.makeConnection()
    connection.opened()
  }

  func take(_ step: Step) {
    switch step {
    case .bytes(let bytes): send(bytes)
    case .time:
      connection.woken()
      show([])
    case .answer:
      service.deferrals.popLast()?.answer { call in call.write { $0.append("late") } }
      show([])
    case .drain:
      connection.drain()
      show([])
    }
  }

  func send(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty && !isClosed {
      let size = piece == 0 ? rest.count : min(piece, rest.count)
      show(Array(rest.prefix(size)))
      rest = rest.dropFirst(size)
    }
  }

  private func show(_ bytes: [UInt8]) {
    var pending = bytes
    while !isClosed {
      let reception = withCopy(pending) { connection.receive($0, &output) }
      require(reception.consumed == pending.count, "a session takes all bytes")
      pending = []
      checkLimits()
      switch reception.verdict {
      case .close: isClosed = true
      case .more: require(output.count > 0, "there is more to send, and nothing was written")
      case .complete:
        checkFrames()
        return
      default: fail("no verdict of a connection that keeps its time")
      }
      checkFrames()
    }
  }

  private func checkLimits() {
    let limits = server.limits
    require(server.requests_bytes >= 0 && server.replies_bytes >= 0, "less than nothing is counted")
    require(
      server.requests_bytes <= limits.connectionRequests_bytes + limits.message_bytes + 5,
      "\(server.requests_bytes) bytes of requests are held")
    require(
      server.replies_bytes <= limits.connectionReplies_bytes + Answers.largest + limits.message_bytes + 1024,
      "\(server.replies_bytes) bytes of replies are held")
  }

  /// What was sent is whole frames; it is forgotten then.
  private func checkFrames() {
    let bytes = output.bytes
    var at = 0
    while at < bytes.count {
      require(at + 9 <= bytes.count, "a frame's header is cut")
      at += 9 + (Int(bytes[at]) << 16 | Int(bytes[at + 1]) << 8 | Int(bytes[at + 2]))
    }
    require(at == bytes.count, "a frame is cut")
    output.clear()
  }

  func end() {
    connection.ended()
    require(server.counters.callsUnderWay == 0, "a call outlives its connection")
    require(server.requests_bytes == 0 && server.replies_bytes == 0, "bytes are counted that nobody holds")
    require(server.watches == 0, "a watch outlives its connection")
    for deferral in service.deferrals { deferral.answer { _ in fail("an answer to nobody") } }
  }
}

/// Answers in every way there is.
private final class Answers: GRPCService {
  static let largest = 5000
  var deferrals: [GRPCDeferral] = []

  init() {
    super.init(methods: [
      GRPCMethod("/a/Echo"), GRPCMethod("/a/Later"), GRPCMethod("/a/Watch", .serverStreaming),
      GRPCMethod("/a/Chat", .bidirectional), GRPCMethod("/a/Large"), GRPCMethod("/a/Fail"),
    ])
  }

  override func respond(to call: GRPCCall, method: Int) {
    switch method {
    case 1: deferrals.append(call.deferReply())
    case 2:
      call.keepOpen()
      call.write { $0.append("news") }
    case 4: call.write { $0.append(String(repeating: "x", count: Self.largest)) }
    case 5: call.fail(.aborted, String(decoding: call.message, as: UTF8.self), retryAfter_ms: 1)
    default: call.write { $0.append(call.message) }
    }
  }

  override func update(_ call: GRPCCall, method: Int) {
    call.mark += 1
    if call.mark > 3 { call.fail(.unavailable, "no more news") } else { call.write { $0.append("more") } }
  }
}
