/// What happens by itself: deadlines, the handler's own times, the loop's end.
extension Connection {
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

  func wakeFired() {
    let now_ns = loop.now_ns
    // Timers may fire some milliseconds early.
    if now_ns < wake_ns { return wakeEvent?.add(after_ns: wake_ns - now_ns) ?? () }
    wake_ns = .max
    guard phase == .open else { return }
    handler.woken()
    transmit()
    // It may have been waited for this alone.
    if loop.isDraining, !handler.keepsTime { readable() }
  }

  func timerFired() {
    // It is not late: others had their turn first.
    answerTurn()
    guard phase != .closed else { return }
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
    answerTurn()
    guard phase == .open else { return }
    handler.drain()
    guard !isBlocked else { return }
    if handler.keepsTime { transmit() } else { readable() }
  }

  /// The loop drains, and looks after each of the connection whether its peer is still at it. What is owed for other reasons than the
  /// peer's is waited for.
  func expelStalled() {
    let waits_bytes = output.count + channel.socket.unacknowledged_bytes
    let isStalled = !hasReceived && waits_bytes == waited_bytes && (isBlocked || !owesReplies)
    (hasReceived, waited_bytes) = (false, waits_bytes)
    if isStalled { expel() }
  }
}
