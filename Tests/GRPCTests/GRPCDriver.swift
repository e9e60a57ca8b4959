import Bytes
import GRPC
import Network

/// Feeds a gRPC connection without a socket, in the way that a network loop does.
final class GRPCDriver {
  let server: GRPCServer
  let service: EchoService
  let counters: GRPCCounters
  let connection: ConnectionHandler
  let client: HTTP2Client
  private var output = ByteBuffer()
  private(set) var isClosed = false
  /// The client's bytes are cut into pieces of these sizes, in turn; empty: not at all.
  var pieces: [Int] = []
  private var turn = 0
  private(set) var brokeProtocol = false

  /// One more connection to the same server.
  init(beside other: GRPCDriver, client: HTTP2Client = HTTP2Client()) {
    (service, counters, server) = (other.service, other.counters, other.server)
    connection = server.makeConnection()
    self.client = client
    connection.opened()
    exchange()
  }

  init(limits: GRPCLimits = GRPCLimits(), client: HTTP2Client = HTTP2Client(), authorizer: Authorizer = .open) {
    var limits = limits
    // On a slow machine too a turn is long enough for all that a test asks.
    if limits.turn_ms > 0 { limits.turn_ms = 1_000_000 }
    service = EchoService()
    counters = GRPCCounters(methods: service.methods)
    server = GRPCServer(services: [service], counters: counters, limits: limits, authorizer: authorizer)
    connection = server.makeConnection()
    self.client = client
    connection.opened()
    exchange()
  }

  deinit { connection.ended() }

  /// Until neither side has anything to say.
  func exchange() {
    var bytes = client.output()
    repeat {
      feed(bytes)
      deliver()
      bytes = client.output()
    } while !bytes.isEmpty && !isClosed
  }

  /// Bytes as a client may send them that keeps no rules.
  func feed(_ bytes: [UInt8]) {
    var rest = bytes[...]
    repeat {
      let size = pieces.isEmpty ? rest.count : pieces[turn % pieces.count]
      turn += 1
      show(Array(rest.prefix(size)))
      rest = rest.dropFirst(size)
    } while !rest.isEmpty && !isClosed
  }

  /// The server's bytes so far go to the client.
  func deliver() {
    if !client.input(Array(output.bytes)) { brokeProtocol = true }
    output.clear()
  }

  /// What the server has said, instead of telling the client.
  func takeOutput() -> [UInt8] {
    defer { output.clear() }
    return Array(output.bytes)
  }

  private func show(_ bytes: [UInt8]) {
    var pending = bytes
    while !isClosed {
      let reception = pending.withUnsafeBytes { connection.receive($0, &output) }
      pending.removeFirst(reception.consumed)
      switch reception.verdict {
      case .close: isClosed = true
      case .more: continue
      default: return
      }
    }
  }

  func answer(_ stream: Int32) -> HTTP2Client.Answer { client.answers[stream] ?? HTTP2Client.Answer() }

  /// Calls, and what is answered.
  func call(_ method: String, _ text: String = "", _ fields: [(String, String)] = []) -> HTTP2Client.Answer {
    let stream = client.call("/test.Echo/\(method)", text, fields)
    exchange()
    return answer(stream)
  }
}

/// Answers with what it was asked, in each of the ways there are.
final class EchoService: GRPCService {
  private(set) var deferrals: [GRPCDeferral] = []
  private(set) var canceled = 0
  var news = "first"
  var calls = 0

  init() {
    super.init(methods: [
      GRPCMethod("/test.Echo/Say"), GRPCMethod("/test.Echo/Fail"), GRPCMethod("/test.Echo/Later"),
      GRPCMethod("/test.Echo/Big"), GRPCMethod("/test.Echo/Watch", .serverStreaming),
      GRPCMethod("/test.Echo/Chat", .bidirectional), GRPCMethod("/test.Echo/Open", isOpen: true),
    ])
  }

  override func respond(to call: GRPCCall, method: Int) {
    calls += 1
    switch method {
    case 1: call.fail(.dataLoss, "100% häßlich\n", retryAfter_ms: 1500)
    case 2:
      let deferral = call.deferReply()
      deferral.onCancel = { [unowned self] in canceled += 1 }
      deferrals.append(deferral)
    case 3:
      let size = Int(String(decoding: call.message, as: UTF8.self)) ?? 0
      call.write { $0.append(String(repeating: "x", count: size)) }
    case 4:
      call.keepOpen()
      tell(call)
    default: call.write { $0.append(call.message) }
    }
  }

  override func update(_ call: GRPCCall, method: Int) {
    if news == "bad" { return call.fail(.aborted, "bad news") }
    if call.mark != news.hashValue { tell(call) }
  }

  private func tell(_ call: GRPCCall) {
    call.mark = news.hashValue
    call.write { $0.append(news) }
  }
}
