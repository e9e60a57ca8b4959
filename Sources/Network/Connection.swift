import Bytes
internal import CNet

/// One client: its socket, its protocol's state, the bytes that wait on either side, and one deadline. All of it belongs to
/// its loop's thread.
///
/// While output waits for the peer, nothing is parsed, and no more is read than the limits let it hold.
final class Connection {
  private enum Phase {
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

  private var channel: Channel
  private unowned(unsafe) let loop: NetworkLoop  // it holds its connections, and outlives them
  private let handler: ConnectionHandler
  private let limits: NetworkLimits
  private let listener: Listener
  private var phase: Phase
  /// Received and not consumed.
  private var input = Inbox(kept_bytes: Connection.kept_bytes)
  /// Of `input`, what counts in the loop's `held_bytes`.
  private var held_bytes = 0
  /// The peer sends no more; what it has sent is still answered.
  private var hasEnded = false
  /// Replies that the channel did not take.
  private var output = Outbox(kept_bytes: Connection.kept_bytes)
  /// The first byte of the handshake has been looked at.
  private var hasBegun = false
  /// A request has begun and is not complete.
  private var partial = false
  /// A request waits for its reply: nothing after it is parsed, and no more is read than fits.
  private var isDeferred = false
  /// The handler is at work: what it writes is sent when it is done.
  private var isHandling = false
  private var interest: Interest = []
  private var readEvent: Event?
  private var writeEvent: Event?
  private var wakeEvent: Event?
  private var wake_ns = UInt64.max
  private var deadline: Deadline

  /// Memory that an emptied buffer keeps.
  private static let kept_bytes = 4096
  /// Received at once.
  static let piece_bytes = 64 * 1024
  /// Reads of one connection in a row when the loop drains: more than a socket's buffer holds.
  private static let drainReads = 64

  private struct Interest: OptionSet {
    let rawValue: Int
    static let read = Interest(rawValue: 1)
    static let write = Interest(rawValue: 2)
  }

  var descriptor: Int32 { channel.socket.descriptor }
  private var isBlocked: Bool { !output.isEmpty }
  /// Whether more may be read now.
  private var hasRoom: Bool {
    if hasEnded { return false }
    if input.count >= Self.piece_bytes, loop.held_bytes >= limits.held_bytes { return false }
    return input.count < room_bytes
  }
  /// Bytes that may be held, as things stand.
  private var room_bytes: Int {
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
    channel = Channel(socket, tls.map { TLSSession(accepting: socket.descriptor, $0) })
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

  private static func from(_ context: UnsafeMutableRawPointer?) -> Connection {
    Unmanaged<Connection>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
  }

  // MARK: Events

  private func readable() {
    if phase == .handshaking { return handshake() }
    guard phase != .lingering else { return discard() }
    var reads = loop.isDraining ? Self.drainReads : 1
    while reads > 0, phase == .open, hasRoom {
      reads -= 1
      switch receive() {
      case .bytes: if channel.hasBuffered { reads = max(reads, 1) }
      case .wouldBlock:
        reads = 0
        // Everything that had arrived has been answered.
        if loop.isDraining && !partial && !isDeferred && !isBlocked && !handler.keepsTime { phase = .ending }
      case .end where isBlocked: hasEnded = true
      case .end, .failed: return close()
      }
    }
    settle()
  }

  private func writable() {
    if phase == .handshaking { return handshake() }
    if output.flush(through: channel) == .broken { return close() }
    guard phase != .closed, !isBlocked else { return }
    if phase == .open && !isDeferred { consumeInput() }
    if loop.isDraining, phase == .open, !isBlocked { return readable() }
    settle()
  }

  /// See `ConnectionHandler.reply`.
  func finishDeferred(_ write: (inout ByteBuffer) -> Bool) {
    guard phase == .open, isDeferred else { return }
    isDeferred = false
    deadline.clear()
    if !write(&loop.stage) { phase = .ending }
    sendStage()
    if phase == .open && !isBlocked { consumeInput() }
    if loop.isDraining, phase == .open, !isBlocked { return readable() }
    settle()
  }

  /// See `ConnectionHandler.transmit`.
  func transmit() {
    guard phase == .open, !isBlocked, !isHandling, !isDeferred else { return }
    consumeInput()
    settle()
  }

  /// See `ConnectionHandler.wake`.
  func wake(at_ns: UInt64) {
    guard phase == .open, at_ns < wake_ns else { return }
    wake_ns = at_ns
    if wakeEvent == nil {
      let context = Unmanaged.passUnretained(self).toOpaque()  // as in `init`
      wakeEvent = Event(loop.base, -1, 0, context) { _, _, context in Connection.from(context).wakeFired() }
    }
    wakeEvent?.add(after_ns: at_ns - min(at_ns, loop.now_ns))
  }

  private func wakeFired() {
    let now_ns = loop.now_ns
    // Timers may fire some milliseconds early.
    if now_ns < wake_ns { return wakeEvent?.add(after_ns: wake_ns - now_ns) ?? () }
    wake_ns = .max
    guard phase == .open else { return }
    handler.woken()
    transmit()
  }

  private func timerFired() {
    switch deadline.fired(now_ns: loop.now_ns) {
    case nil: return
    case .handshake: return failHandshake("it was not complete in time")
    case .idle:
      counters.idleExpired.add(1, ordering: .relaxed)
      phase = .ending
    case .request:
      counters.requestsExpired.add(1, ordering: .relaxed)
      isDeferred = false
      handler.requestExpired(&loop.stage)
      sendStage()
      if phase == .open { phase = .ending }
    case .write:
      counters.writesExpired.add(1, ordering: .relaxed)
      return abort()
    case .linger: return close()
    }
    settle()
  }

  /// The loop drains: answers what has arrived, and ends when nothing is half done.
  func drain() {
    guard phase == .open else { return }
    handler.drain()
    guard !isBlocked else { return }
    if handler.keepsTime { transmit() } else { readable() }
  }

  // MARK: TLS

  private func handshake() {
    if !hasBegun {
      switch channel.socket.peek() {
      case .nothing: return settle()
      case .end: return close()  // a load balancer's probe, mostly
      case .byte(TLSSession.firstByte): hasBegun = true
      case .byte: return refusePlaintext()
      }
    }
    switch channel.handshake() {
    case .done:
      counters.handshakes.add(1, ordering: .relaxed)
      handler.identity = channel.identity
      phase = .open
      handler.opened()
      if loop.isDraining { handler.drain() }
      readable()
    case .wantsBytes: settle()
    case .wantsRoom:
      settle()
      expect(.write)
    case .failed(let reason): failHandshake(reason)
    }
  }

  /// What the peer has been told by an alert is not taken from it by a reset: it ends the connection itself.
  private func failHandshake(_ reason: String) {
    counters.handshakesFailed.add(1, ordering: .relaxed)
    let peer = SocketAddress(peerOf: descriptor)?.description ?? "a peer that has gone"
    listener.tls?.note(refusal: reason, of: peer, now_ns: loop.now_ns)
    channel.socket.finish()
    phase = .lingering
    settle()
  }

  private func refusePlaintext() {
    counters.plaintextRefused.add(1, ordering: .relaxed)
    channel.dropTLS()
    phase = .ending
    handler.refusePlaintext(&loop.stage)
    sendStage()
    settle()
  }

  // MARK: Bytes in

  private func receive() -> Socket.Outcome {
    let outcome = channel.receive(loop.readMemory, min(room_bytes - input.count, Self.piece_bytes))
    guard case .bytes(let count) = outcome else { return outcome }
    counters.received_bytes.add(UInt64(count), ordering: .relaxed)
    let bytes = UnsafeRawBufferPointer(start: loop.readMemory, count: count)
    if input.count == 0 && !isBlocked && !isDeferred {
      // The usual case: whole requests go from the loop's memory to the handler, and the connection holds nothing.
      let used = process(bytes)
      if used < count { input.append(UnsafeRawBufferPointer(rebasing: bytes[used...])) }
      checkRoom()
    } else {
      input.append(bytes)
      if isBlocked || isDeferred { account() } else { consumeInput() }
    }
    return outcome
  }

  private func consumeInput() {
    input.removeFirst(process(input.bytes))
    checkRoom()
  }

  /// A handler that waits for more than the buffer holds would wait for ever.
  private func checkRoom() {
    if phase != .open && phase != .ending { input.clear() }
    account()
    if input.count >= limits.input_bytes, phase == .open, !isBlocked, !isDeferred { phase = .ending }
  }

  /// Tells the loop what is held.
  private func account() {
    let held = max(0, input.count - Self.piece_bytes)
    if held != held_bytes {
      loop.held_bytes += held - held_bytes
      held_bytes = held
    }
  }

  /// Lets the handler consume bytes until it needs more, or its output has to wait. Returns how many it consumed.
  private func process(_ bytes: UnsafeRawBufferPointer) -> Int {
    var used = 0
    isHandling = true
    var hasMore: Bool
    repeat {
      let reception = handler.receive(UnsafeRawBufferPointer(rebasing: bytes[used...]), &loop.stage)
      let before = used
      used += reception.consumed
      switch reception.verdict {
      case .complete:
        partial = false
        deadline.clear()
        if used == before && used < bytes.count { phase = .ending }
      case .more: sendStage()
      case .partial: partial = true
      case .deferred: (partial, isDeferred) = (false, true)
      case .close: phase = .ending
      }
      hasMore = reception.verdict == .more
      if reception.verdict != .complete && !hasMore || phase != .open { break }
      if loop.stage.count >= limits.outputHighWater_bytes { sendStage() }
    } while (used < bytes.count || hasMore) && phase == .open && !isBlocked
    isHandling = false
    sendStage()
    return used
  }

  private func discard() {
    switch channel.socket.receive(loop.readMemory, limits.input_bytes) {
    case .bytes, .wouldBlock: return
    case .end, .failed: close()
    }
  }

  // MARK: Bytes out

  /// Sends what the handler wrote, and keeps what the channel does not take.
  private func sendStage() {
    if phase != .closed {
      let count = loop.stage.count
      if output.send(loop.stage.bytes, through: channel) == .broken { close() }
      counters.sent_bytes.add(UInt64(count), ordering: .relaxed)
    }
    loop.stage.clear()
    loop.stage.shrink(to: 4 * limits.outputHighWater_bytes)
  }

  // MARK: State

  /// Waits for what the connection needs next: room to send, or bytes to read, each with its deadline.
  private func settle() {
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
    if hasEnded && phase == .open && !isBlocked && !isDeferred { return close() }
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
      } else if partial || isDeferred {
        deadline.begin(.request, limits.request_ms, now_ns: loop.now_ns)
      } else {
        deadline.begin(.idle, limits.idle_ms, now_ns: loop.now_ns)
      }
    }
  }

  /// Bytes to read, room to send, or both.
  private func expect(_ wanted: Interest) {
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
    readEvent = nil
    writeEvent = nil
    wakeEvent = nil
    deadline.event = nil
    handler.ended()
    return true
  }

  /// The grace of a drain is over.
  func expel() {
    if isBlocked { abort() } else { close() }
  }
}
