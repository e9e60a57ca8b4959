import Threads

/// What time brings.
extension GRPCConnection {
  /// The last calls of a connection are waited for until a ping with these bytes is answered.
  private static var lastCalls: UInt64 { 1 }
  private static var signOfLife: UInt64 { 2 }

  /// The timer is not moved when what it waits for moves away: it fires early, looks, and is set again. So a call costs no work on it.
  func arm(at_ns: UInt64) {
    guard at_ns < clock.armed_ns else { return }
    clock.armed_ns = at_ns
    wake(at_ns: at_ns)
  }

  func watch(_ call: GRPCCall, until_ns: UInt64) {
    call.until_ns = until_ns
    arm(at_ns: until_ns)
  }

  func timePassed() {
    now_ns = MonotonicClock.now_ns
    clock.armed_ns = .max
    guard !isBroken else { return }
    switch clock.action(limits, hasCalls: !calls.isEmpty, now_ns: now_ns) {
    case .nothing: break
    case .breakOff: return breakOff()
    case .ask:
      clock.asked_ns = now_ns
      session.ping(Self.signOfLife)
    case .announceEnd: announceEnd()
    case .end: end()
    }
    var next_ns = clock.next_ns(limits, hasCalls: !calls.isEmpty)
    for call in calls {
      if call.until_ns <= now_ns { expire(call) }
      if call.phase == .open {
        update(call)
        next_ns = min(next_ns, now_ns + UInt64(limits.watch_ms) * 1_000_000)
      }
      next_ns = min(next_ns, call.until_ns)
    }
    arm(at_ns: next_ns)
  }

  private func expire(_ call: GRPCCall) {
    switch call.phase {
    case .header: refuse("a header is not complete in time")
    case .ending:
      call.until_ns = .max
      session.cancel(call.stream)
    case .request:
      let isDeadline = call.deadline_ns <= now_ns
      let message = isDeadline ? "the deadline has passed" : "the request was not complete in time"
      fail(call, GRPCFailure(status: .deadlineExceeded, message: message))
    case .waiting, .running, .deferred, .open:
      fail(call, GRPCFailure(status: .deadlineExceeded, message: "the deadline has passed"))
    case .free: break
    }
  }

  // MARK: The end

  /// Two steps, so that no call is lost: those that the client sends before it hears of the end are answered.
  func announceEnd() {
    guard clock.ending == .no else { return }
    let until_ns = now_ns + limits.lastCalls_ms.ns
    clock.ending = .announced(until_ns: until_ns)
    session.announceEnd()
    session.ping(Self.lastCalls)
    arm(at_ns: until_ns)
    for call in calls { update(call) }
  }

  func pingAnswered(_ opaque: UInt64) {
    guard opaque == Self.lastCalls, case .announced(let latest_ns) = clock.ending else { return }
    let until_ns = min(latest_ns, now_ns + limits.lastWrites_ms.ns)
    clock.ending = .announced(until_ns: until_ns)
    arm(at_ns: until_ns)
  }

  private func end() {
    clock.ending = .final
    session.end()
    for call in calls where call.phase == .open {
      fail(call, GRPCFailure(status: .unavailable, message: "the connection ends: watch again on another one"))
    }
  }
}
