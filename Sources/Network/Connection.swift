import Bytes
internal import CNet

/// One client: its socket, its protocol's state, the bytes that wait on either side, and one deadline. All of it belongs to
/// its loop's thread.
///
/// While output waits for the peer, nothing is parsed, and no more is read than the limits let it hold.
final class Connection {
  enum Phase {
    /// TLS is being agreed on.
    case handshaking
    case open
    /// Ends when the output has been sent.
    case ending
    /// Has ended; what still comes is dropped until the peer ends too, because closing earlier would reset the connection
    /// and take replies from the peer that it has not read.
    case lingering
    case closed
  }

  var channel: Channel
  /// It holds its connections, and closes all of them before it ends: then neither holds the other.
  let loop: NetworkLoop
  let handler: ConnectionHandler
  let limits: NetworkLimits
  let listener: Listener
  var phase: Phase
  /// Received and not consumed.
  var input = Inbox(kept_bytes: Connection.kept_bytes)
  /// Of `input`, what counts in the loop's `held_bytes`.
  var held_bytes = 0
  /// The peer sends no more; what it has sent is still answered.
  var hasEnded = false
  /// Replies that the channel did not take.
  var output = Outbox(kept_bytes: Connection.kept_bytes)
  /// Of `output`, what counts in the loop's budget.
  var waiting_bytes = 0
  /// When the peer last took some of it, or it began to wait.
  var taken_ns: UInt64 = 0
  /// The first byte of the handshake has been looked at.
  var hasBegun = false
  /// A request has been complete.
  var hasAsked = false
  /// Until a request has been complete, and one was let in where not all are.
  private var isStranger = true
  /// A request has begun and is not complete.
  var partial = false
  /// A request waits for its reply: nothing after it is parsed, and no more is read than fits.
  var isDeferred = false
  /// Since a draining loop looked last, bytes have come; and how many waited for the peer then, -1 before the first look.
  var hasReceived = false
  var waited_bytes = -1
  /// Has read, and is answered in the loop's turn.
  var isInTurn = false
  /// The handler is at work: what it writes is sent when it is done.
  var isHandling = false
  private var interest: Interest = []
  private var readEvent: Event?
  private var writeEvent: Event?
  var wakeEvent: Event?
  var wake_ns = UInt64.max
  var deadline: Deadline

  /// Memory that an emptied buffer keeps.
  static let kept_bytes = 4096
  /// Received at once.
  static let piece_bytes = 64 * 1024
  /// Reads of one connection in a row when the loop drains: more than a socket's buffer holds.
  static let drainReads = 64

  struct Interest: OptionSet {
    let rawValue: Int
    static let read = Interest(rawValue: 1)
    static let write = Interest(rawValue: 2)
  }

  var descriptor: Int32 { channel.socket.descriptor }
  var isBlocked: Bool { !output.isEmpty }
  /// There is something that the peer still gets, also where it sends no more.
  var owesReplies: Bool { isBlocked || isDeferred || handler.isAnswering }
  /// Whether more may be read now.
  var hasRoom: Bool {
    if hasEnded { return false }
    if input.count >= Self.piece_bytes, loop.held_bytes >= limits.held_bytes { return false }
    return input.count < room_bytes
  }
  /// Bytes that may be held, as things stand.
  var room_bytes: Int {
    if isBlocked { return limits.pipelined_bytes }
    return isDeferred ? max(limits.input_bytes, limits.pipelined_bytes) : limits.input_bytes
  }
  var counters: NetworkCounters { listener.counters }

  init(socket: Socket, handler: ConnectionHandler, acceptor: Acceptor, loop: NetworkLoop) {
    listener = acceptor.listener
    limits = acceptor.limits
    self.handler = handler
    self.loop = loop
    let tls = listener.tls?.current
    channel = Channel(socket, tls.map { TLSSession(accepting: socket, $0) })
    phase = tls == nil ? .open : .handshaking
    deadline = Deadline()
    // Valid as long as the events are: they are gone when the connection is closed, and until then the loop holds it.
    let context = Unmanaged.passUnretained(self).toOpaque()
    readEvent = Event(loop.base, socket.descriptor, EV_READ | EV_PERSIST, context) { _, _, context in
      Connection.from(context).readable()
    }
    writeEvent = Event(loop.base, socket.descriptor, EV_WRITE | EV_PERSIST, context) { _, _, context in
      Connection.from(context).writable()
    }
    deadline.event = Event(loop.base, -1, 0, context) { _, _, context in Connection.from(context).timerFired() }
    handler.connection = self
    if phase == .open { handler.opened() }
    settle()
  }

  static func from(_ context: UnsafeMutableRawPointer?) -> Connection {
    Unmanaged<Connection>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
  }

  // MARK: State

  /// Waits for what the connection needs next: room to send, or bytes to read, each with its deadline.
  func settle() {
    if phase == .ending && !isBlocked {
      guard channel.finish() else {
        expect(.write)
        return deadline.begin(.write, limits.write_ms, now_ns: loop.now_ns)
      }
      phase = .lingering
      input.clear()
      account()
    }
    // All that came before the peer's end has been answered, but for what is not whole.
    if hasEnded && phase == .open && !owesReplies { return close() }
    switch phase {
    case .closed: return
    case .handshaking:
      expect(.read)
      deadline.begin(.handshake, limits.handshake_ms, now_ns: loop.now_ns)
    case .lingering:
      expect(.read)
      deadline.begin(.linger, limits.linger_ms, now_ns: loop.now_ns)
    case .open, .ending:
      var wanted: Interest = isBlocked ? .write : []
      if phase == .open && hasRoom { wanted.insert(.read) }
      expect(wanted)
      if isBlocked {
        deadline.begin(.write, limits.write_ms, now_ns: loop.now_ns)
      } else if handler.keepsTime {
        deadline.clear()
      } else if partial || isDeferred || handler.keepsRequests {
        deadline.begin(.request, limits.request_ms, now_ns: loop.now_ns)
      } else {
        if isStranger { isStranger = !hasAsked || handler.isStranger }
        let idle_ms = isStranger ? min(limits.stranger_ms, limits.idle_ms) : limits.idle_ms
        deadline.begin(.idle, idle_ms, now_ns: loop.now_ns)
      }
    }
  }

  /// Bytes to read, room to send, or both.
  func expect(_ wanted: Interest) {
    // What has been received and decrypted already announces itself no more.
    if wanted.contains(.read) && channel.hasBuffered { readEvent?.activate() }
    guard wanted != interest else { return }
    let (more, less) = (wanted.subtracting(interest), interest.subtracting(wanted))
    if less.contains(.read) { readEvent?.delete() }
    if less.contains(.write) { writeEvent?.delete() }
    if more.contains(.read) { readEvent?.add() }
    if more.contains(.write) { writeEvent?.add() }
    interest = wanted
  }

  func close() {
    // A peer that speaks TLS is told that this is the end, where there is room for it.
    if phase == .open, channel.isSecure { _ = channel.finish() }
    guard detach() else { return }
    channel.socket.close()
    loop.closed(self)
  }

  /// Like `close`, without letting the system deliver what it still holds.
  func abort() {
    guard detach() else { return }
    channel.socket.abort()
    loop.closed(self)
  }

  /// Ends all callbacks. False where it was closed already.
  private func detach() -> Bool {
    guard phase != .closed else { return false }
    phase = .closed
    loop.held_bytes -= held_bytes
    held_bytes = 0
    loop.outputs.add(-waiting_bytes)
    waiting_bytes = 0
    readEvent = nil
    writeEvent = nil
    wakeEvent = nil
    deadline.event = nil
    handler.connection = nil
    handler.ended()
    return true
  }

  /// The grace of a drain is over.
  func expel() {
    if isBlocked { abort() } else { close() }
  }
}
