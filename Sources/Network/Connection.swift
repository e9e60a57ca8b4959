import Bytes
internal import CNet

/// One client: its socket, its protocol's state, the bytes that wait on either side, and one deadline. All of it belongs to
/// its loop's thread.
///
/// While output waits for the peer, nothing is parsed or read: so what a connection holds is bounded by the limits.
final class Connection {
  private enum Phase {
    case open
    /// Ends when the output has been sent.
    case ending
    /// Has ended; what still comes is dropped until the peer ends too, because closing earlier would reset the connection
    /// and take replies from the peer that it has not read.
    case lingering
    case closed
  }

  let socket: Socket
  private unowned let loop: NetworkLoop
  private let handler: ConnectionHandler
  private var phase = Phase.open
  /// Received and not consumed.
  private var input = ByteBuffer(capacity: 16)
  /// Replies that the socket did not take, from `sent` on.
  private var output = ByteBuffer(capacity: 16)
  private var sent = 0
  /// A request has begun and is not complete.
  private var partial = false
  /// A request waits for its reply: nothing after it is parsed, and no more is read than fits.
  private var isDeferred = false
  /// The handler is at work: what it writes is sent when it is done.
  private var isHandling = false
  private var interest = Interest.none
  private var readEvent: Event?
  private var writeEvent: Event?
  private var wakeEvent: Event?
  private var wake_ns = UInt64.max
  private var deadline: Deadline

  /// Memory that an emptied buffer keeps.
  private static let kept_bytes = 4096
  /// Reads of one connection in a row when the loop drains: more than a socket's buffer holds.
  private static let drainReads = 64

  private enum Interest { case none, read, write }

  private var isBlocked: Bool { sent < output.count }
  private var hasRoom: Bool { input.count < loop.limits.input_bytes }

  init(socket: Socket, handler: ConnectionHandler, loop: NetworkLoop) {
    self.socket = socket
    self.handler = handler
    self.loop = loop
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
    handler.opened()
    settle()
  }

  private static func from(_ context: UnsafeMutableRawPointer?) -> Connection {
    Unmanaged<Connection>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
  }

  // MARK: Events

  private func readable() {
    guard phase != .lingering else { return discard() }
    var reads = loop.isDraining ? Self.drainReads : 1
    while reads > 0, phase == .open, !isBlocked, hasRoom {
      reads -= 1
      switch receive() {
      case .bytes: continue
      case .wouldBlock:
        reads = 0
        // Everything that had arrived has been answered.
        if loop.isDraining && !partial && !isDeferred && !handler.keepsTime { phase = .ending }
      case .end, .failed: return close()
      }
    }
    settle()
  }

  private func writable() {
    sendOutput()
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
    wake_ns = .max
    guard phase == .open else { return }
    handler.woken()
    transmit()
  }

  private func timerFired() {
    switch deadline.fired(now_ns: loop.now_ns) {
    case nil: return
    case .idle:
      loop.counters.idleExpired.add(1, ordering: .relaxed)
      phase = .ending
    case .request:
      loop.counters.requestsExpired.add(1, ordering: .relaxed)
      isDeferred = false
      handler.requestExpired(&loop.stage)
      sendStage()
      if phase == .open { phase = .ending }
    case .write:
      loop.counters.writesExpired.add(1, ordering: .relaxed)
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

  // MARK: Bytes in

  private func receive() -> Socket.Outcome {
    let free = loop.limits.input_bytes - input.count
    if input.count > 0 && !isDeferred {
      let outcome = socket.receive(input.reserve(free), free)
      guard case .bytes(let count) = outcome else { return outcome }
      input.commit(count)
      loop.counters.received_bytes.add(UInt64(count), ordering: .relaxed)
      consumeInput()
      return outcome
    }
    // The usual case: whole requests go from the loop's memory to the handler, and the connection holds nothing.
    let outcome = socket.receive(loop.readMemory, free)
    guard case .bytes(let count) = outcome else { return outcome }
    loop.counters.received_bytes.add(UInt64(count), ordering: .relaxed)
    let bytes = UnsafeRawBufferPointer(start: loop.readMemory, count: count)
    let used = isDeferred ? 0 : process(bytes)
    input.append(UnsafeRawBufferPointer(rebasing: bytes[used...]))
    checkRoom()
    return outcome
  }

  private func consumeInput() {
    input.removeFirst(process(input.bytes))
    input.shrink(to: Self.kept_bytes)
    checkRoom()
  }

  /// A handler that waits for more than the buffer holds would wait for ever.
  private func checkRoom() {
    if !hasRoom, phase == .open, !isBlocked, !isDeferred { phase = .ending }
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
      if loop.stage.count >= loop.limits.outputHighWater_bytes { sendStage() }
    } while (used < bytes.count || hasMore) && phase == .open && !isBlocked
    isHandling = false
    sendStage()
    return used
  }

  private func discard() {
    switch socket.receive(loop.readMemory, loop.limits.input_bytes) {
    case .bytes, .wouldBlock: return
    case .end, .failed: close()
    }
  }

  // MARK: Bytes out

  /// Sends what the handler wrote, and keeps what the socket does not take.
  private func sendStage() {
    let bytes = loop.stage.bytes
    var at = 0
    while at < bytes.count, phase != .closed {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[at...])
      switch socket.send(rest) {
      case .bytes(let count): at += count
      case .wouldBlock:
        output.append(rest)
        at = bytes.count
      case .end, .failed: close()
      }
    }
    loop.counters.sent_bytes.add(UInt64(bytes.count), ordering: .relaxed)
    loop.stage.clear()
    loop.stage.shrink(to: 4 * loop.limits.outputHighWater_bytes)
  }

  private func sendOutput() {
    while isBlocked, phase != .closed {
      switch socket.send(UnsafeRawBufferPointer(rebasing: output.bytes[sent...])) {
      case .bytes(let count): sent += count
      case .wouldBlock: return
      case .end, .failed: return close()
      }
    }
    output.clear()
    output.shrink(to: Self.kept_bytes)
    sent = 0
  }

  // MARK: State

  /// Waits for what the connection needs next: room to send, or bytes to read, each with its deadline.
  private func settle() {
    if phase == .ending && !isBlocked {
      socket.finish()
      phase = .lingering
      input.clear()
    }
    switch phase {
    case .closed: return
    case .lingering:
      expect(.read)
      deadline.begin(.linger, loop.limits.linger_ms, now_ns: loop.now_ns)
    case .open, .ending:
      expect(isBlocked ? .write : hasRoom ? .read : .none)
      if isBlocked {
        deadline.begin(.write, loop.limits.write_ms, now_ns: loop.now_ns)
      } else if handler.keepsTime {
        deadline.clear()
      } else if partial || isDeferred {
        deadline.begin(.request, loop.limits.request_ms, now_ns: loop.now_ns)
      } else {
        deadline.begin(.idle, loop.limits.idle_ms, now_ns: loop.now_ns)
      }
    }
  }

  /// Either reads or waits for room to send, never both.
  private func expect(_ wanted: Interest) {
    guard wanted != interest else { return }
    switch interest {
    case .read: readEvent?.delete()
    case .write: writeEvent?.delete()
    case .none: break
    }
    switch wanted {
    case .read: readEvent?.add()
    case .write: writeEvent?.add()
    case .none: break
    }
    interest = wanted
  }

  func close() {
    guard detach() else { return }
    socket.close()
    loop.closed(self)
  }

  /// Like `close`, without letting the system deliver what it still holds.
  func abort() {
    guard detach() else { return }
    socket.abort()
    loop.closed(self)
  }

  /// Ends all callbacks. False where it was closed already.
  private func detach() -> Bool {
    guard phase != .closed else { return false }
    phase = .closed
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
