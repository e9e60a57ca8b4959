/// What a connection waits for beside its calls. A value: the connection looks at it and acts.
struct ConnectionClock {
  let opened_ns: UInt64
  /// The client's settings have come.
  var hasSettings = false
  private(set) var received_ns: UInt64
  /// Since when there are no calls.
  private(set) var idle_ns: UInt64
  /// When it was asked for a sign of life; nil: it has given one since.
  var asked_ns: UInt64?
  var ending = Ending.no
  /// When the timer fires.
  var armed_ns = UInt64.max

  enum Ending: Equatable {
    case no
    /// The client knows; calls on their way are waited for until then.
    case announced(until_ns: UInt64)
    /// It has been told which call was the last.
    case final
  }

  init(now_ns: UInt64) {
    opened_ns = now_ns
    received_ns = now_ns
    idle_ns = now_ns
  }

  mutating func noteReceived(now_ns: UInt64) {
    received_ns = now_ns
    asked_ns = nil
  }

  mutating func noteIdle(now_ns: UInt64) { idle_ns = now_ns }

  enum Action: Equatable { case nothing, breakOff, ask, announceEnd, end }

  /// What is due.
  func action(_ limits: GRPCLimits, hasCalls: Bool, now_ns: UInt64) -> Action {
    if !hasSettings { return now_ns >= opened_ns + limits.preface_ms.ns ? .breakOff : .nothing }
    if case .announced(let until_ns) = ending, now_ns >= until_ns { return .end }
    if let asked_ns {
      if now_ns >= asked_ns + limits.keepaliveAnswer_ms.ns { return .breakOff }
    } else if now_ns >= received_ns + limits.keepalive_ms.ns {
      return .ask
    }
    guard ending == .no else { return .nothing }
    if !hasCalls, now_ns >= idle_ns + limits.idle_ms.ns { return .announceEnd }
    if limits.age_ms > 0, now_ns >= opened_ns + limits.age_ms.ns { return .announceEnd }
    return .nothing
  }

  /// When something may be due next.
  func next_ns(_ limits: GRPCLimits, hasCalls: Bool) -> UInt64 {
    if !hasSettings { return opened_ns + limits.preface_ms.ns }
    var next = asked_ns.map { $0 + limits.keepaliveAnswer_ms.ns } ?? received_ns + limits.keepalive_ms.ns
    if case .announced(let until_ns) = ending { next = min(next, until_ns) }
    guard ending == .no else { return next }
    if !hasCalls { next = min(next, idle_ns + limits.idle_ms.ns) }
    if limits.age_ms > 0 { next = min(next, opened_ns + limits.age_ms.ns) }
    return next
  }
}

extension Int {
  /// Milliseconds as nanoseconds.
  var ns: UInt64 { UInt64(self) * 1_000_000 }
}
