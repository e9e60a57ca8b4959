import Bytes
import Network
import Threads

/// One connection's calls, on an HTTP/2 session. What the session tells is in `GRPCConnection+Session.swift`, how calls are answered in
/// `GRPCConnection+Calls.swift`, what time brings in `GRPCConnection+Time.swift`.
///
/// Computing replies stops while many bytes of them wait for the client; requests are read on, because the client's leave to send comes
/// among them.
final class GRPCConnection: ConnectionHandler {
  let server: GRPCServer
  let session: HTTP2Session
  var calls: [GRPCCall] = []
  /// Complete requests, in the order in which they were completed; those before `firstReady` are done.
  var ready: [GRPCCall] = []
  var firstReady = 0
  /// Among the server's connections.
  var index = 0
  var requests_bytes = 0
  var replies_bytes = 0
  /// When the client last took some of its replies, or the first one began to wait.
  var taken_ns: UInt64 = 0
  /// As of the last event.
  var now_ns: UInt64
  var clock: ConnectionClock
  var pings: Allowance
  var settings: Allowance
  var emptyFrames: Allowance
  /// Nothing more is read: the connection ends when its output has been sent.
  var isBroken = false
  /// Whose header is being read: header blocks are not interleaved (RFC 9113 section 4.3).
  unowned(unsafe) var heading: GRPCCall?  // taken away when the call is released
  /// Where messages go, while the session sends.
  var output: UnsafeMutablePointer<ByteBuffer>?
  private var isReceiving = false
  /// The last verdict was `.more`, and the turn goes on.
  private var hasMore = false
  private var turnEnd_ns: UInt64 = 0

  /// Written at a time.
  private static let step_bytes = 64 << 10

  var limits: GRPCLimits { server.limits }

  /// What the peer has shown.
  private lazy var credentials = Credentials(server.authorizer, identity: identity)

  /// Why a call of a method that needs the right to read is refused; nil where it is not.
  func refusal(of authorization: UnsafeRawBufferPointer) -> GRPCFailure? {
    switch credentials.access(.read, token: BearerToken.parse(authorization)) {
    case .allowed: nil
    case .missing:
      GRPCFailure(status: .unauthenticated, message: "a token is needed: the metadata authorization: Bearer TOKEN")
    case .unadmitted(let names):
      GRPCFailure(status: .unauthenticated, message: Access.explain(unadmitted: names))
    case .unknown: GRPCFailure(status: .unauthenticated, message: "nobody has this token: it may have been replaced")
    case .insufficient: GRPCFailure(status: .permissionDenied, message: "the caller does not have the right to read")
    }
  }

  init(server: GRPCServer) {
    self.server = server
    session = HTTP2Session(server.setup, server.limits)
    now_ns = MonotonicClock.now_ns
    clock = ConnectionClock(now_ns: now_ns)
    // Clients ask for a sign of life, and measure the bandwidth when data come, which refills the first.
    pings = Allowance(burst: 4, every: 5_000, now_ns: now_ns)
    settings = Allowance(burst: 20, every: 1_000, now_ns: now_ns)
    emptyFrames = Allowance(burst: 200, every: 10, now_ns: now_ns)
    super.init()
    session.setOwner(self)
  }

  override var keepsTime: Bool { true }

  override var isAnswering: Bool {
    // What is sent of other things than calls is of no use to a client that sends none any more.
    !calls.isEmpty
      && (session.wantsToSend || calls.contains { [.waiting, .running, .deferred].contains($0.phase) })
  }

  override func receive(_ input: UnsafeRawBufferPointer, _ output: inout ByteBuffer) -> Reception {
    now_ns = MonotonicClock.now_ns
    isReceiving = true
    defer { isReceiving = false }
    if !input.isEmpty, !isBroken {
      clock.noteReceived(now_ns: now_ns)
      if !session.receive(input) { breakOff() }
    }
    if !hasMore { turnEnd_ns = now_ns + UInt64(limits.turn_ms) * 1_000_000 }
    var sending: HTTP2Session.Sending
    repeat {
      runReady()
      sending = withUnsafeMutablePointer(to: &output) { pointer in
        self.output = pointer
        defer { self.output = nil }
        return session.send(into: &pointer.pointee, limit: Self.step_bytes)
      }
    } while sending == .all && canRun && hasTime
    return Reception(consumed: input.count, verdict(sending))
  }

  private func verdict(_ sending: HTTP2Session.Sending) -> Reception.Verdict {
    hasMore = false
    if sending == .failed { return .close }
    guard sending == .more || canRun && !isBroken else { return isBroken || session.isOver ? .close : .complete }
    // Where its turn is over, others come before the rest.
    hasMore = hasTime
    if !hasMore { arm(at_ns: now_ns) }
    return hasMore ? .more : .complete
  }

  override func opened() { arm(at_ns: clock.next_ns(limits, hasCalls: false)) }

  override func woken() { timePassed() }

  override func drain() {
    now_ns = MonotonicClock.now_ns
    announceEnd()
  }

  override func ended() {
    isBroken = true
    server.remove(self)
    for call in calls { release(call) }
    calls = []
    ready = []
  }

  /// The client is not worth listening to.
  func breakOff() {
    guard !isBroken else { return }
    isBroken = true
    server.counters.connectionsEnded.add(1, ordering: .relaxed)
  }

  /// Replies wait, and the client takes none of them.
  func isStalled(now_ns: UInt64) -> Bool {
    replies_bytes > 0 && now_ns >= taken_ns + UInt64(limits.stall_ms) * 1_000_000
  }

  /// Ends the connection for the sake of others. Not within its own `receive`.
  func giveUp() {
    breakOff()
    abandon()
    ended()
  }

  /// Cuts a misbehaving client off.
  func refuse(_ reason: StaticString) {
    session.refuse(reason)
    breakOff()
  }

  // MARK: Turns

  private var hasTime: Bool { MonotonicClock.now_ns < turnEnd_ns }

  private var canRun: Bool { firstReady < ready.count && replies_bytes < limits.connectionReplies_bytes }

  /// Runs calls whose turn it is.
  private func runReady() {
    while canRun, !isBroken {
      let call = ready[firstReady]
      firstReady += 1
      run(call)
      if !hasTime { break }
    }
    if firstReady == ready.count && firstReady > 0 {
      ready.removeAll(keepingCapacity: true)
      firstReady = 0
    }
  }

  /// The client has taken its request back.
  func removeReady(_ call: GRPCCall) {
    if let index = ready[firstReady...].firstIndex(where: { $0 === call }) { ready.remove(at: index) }
  }

  /// Something is to be sent that no event of the connection has caused.
  func transmitLater() { if !isReceiving { transmit() } }

  // MARK: Messages out

  func sendData(_ header: UnsafeRawBufferPointer, _ count: Int, _ call: GRPCCall) {
    guard let output else { return }
    output.pointee.append(header)
    output.pointee.append(UnsafeRawBufferPointer(rebasing: call.reply.bytes[call.sent..<call.sent + count]))
    call.sent += count
    taken_ns = now_ns
    if call.sent == call.reply.count { call.forgetSent() }
    holdReplies(of: call, call.reply.count)
    pings.refill()
  }
}
