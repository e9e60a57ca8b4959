import Bytes

/// What the session tells, on the stack of its `receive` or `send`.
extension GRPCConnection {
  func callBegan(_ stream: Int32) {
    let call = server.takeCall()
    call.begin(stream: stream, connection: self, now_ns: now_ns)
    call.index = calls.count
    calls.append(call)
    session.attach(call, to: stream)
    heading = call
    watch(call, until_ns: now_ns + UInt64(limits.request_ms) * 1_000_000)
  }

  /// False where the client must be cut off.
  func fieldReceived(_ stream: Int32, _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
    guard let call = heading?.stream == stream ? heading : session.call(of: stream) else { return true }
    call.header.count(name, value)
    // One that is a little too long is told so. HPACK lets a few bytes stand for a thousand times as many.
    if call.header.size_bytes > 8 * limits.header_bytes {
      refuse("header list too long")
      return false
    }
    if call.phase == .header, call.header.size_bytes <= limits.header_bytes {
      call.header.take(name, value, server.methods)
    }
    return true
  }

  /// False where the client must be cut off.
  func frameReceived(_ frame: ReceivedFrame) -> Bool {
    switch frame.kind {
    case .header, .data:
      if frame.kind == .data, frame.isEmpty, !frame.endsStream, !emptyFrames.take(now_ns: now_ns) {
        refuse("too many empty frames")
        return false
      }
      guard let call = session.call(of: frame.stream) else { return true }
      if call.phase == .header { admit(call) }
      if frame.endsStream { requestEnded(call) }
    case .settings:
      clock.hasSettings = true
      guard settings.take(now_ns: now_ns) else {
        refuse("too many settings")
        return false
      }
    case .ping:
      guard pings.take(now_ns: now_ns) else {
        refuse("too_many_pings")
        return false
      }
    case .pingAnswer: pingAnswered(frame.opaque)
    case .other: break
    }
    return true
  }

  func dataReceived(_ stream: Int32, _ bytes: UnsafeRawBufferPointer) {
    guard let call = session.call(of: stream) else { return }
    var rest = bytes
    while !rest.isEmpty, call.phase == .request {
      if call.isWhole {
        return fail(call, GRPCFailure(status: .internalError, message: "the request has more than one message"))
      }
      var used = 0
      let outcome = call.reader.take(rest, limit: limits.message_bytes, used: &used)
      rest = UnsafeRawBufferPointer(rebasing: rest[used...])
      holdRequest(of: call, used)
      switch outcome {
      case .more: checkRoom(for: call)
      case .message(let isCompressed): messageReceived(call, isCompressed)
      case .tooLong(let size):
        let message = "the request has \(size) bytes, and \(limits.message_bytes) are allowed"
        fail(call, GRPCFailure(status: .resourceExhausted, message: message))
      case .malformed:
        fail(call, GRPCFailure(status: .internalError, message: "the request's first byte is neither 0 nor 1"))
      }
    }
  }

  private func checkRoom(for call: GRPCCall) {
    guard
      requests_bytes > limits.connectionRequests_bytes || server.requests_bytes > limits.loopRequests_bytes
    else { return }
    fail(
      call,
      GRPCFailure(status: .resourceExhausted, message: "too many requests are half received", retryAfter_ms: 100))
  }

  private func messageReceived(_ call: GRPCCall, _ isCompressed: Bool) {
    if isCompressed, call.header.encoding != .gzip {
      let message = "the request is marked as compressed, and names no grpc-encoding"
      return fail(call, GRPCFailure(status: .internalError, message: message))
    }
    call.isCompressed = isCompressed
    guard let method = call.header.method, server.methods.entries[method].method.kind == .bidirectional else {
      call.isWhole = true
      return checkRoom(for: call)
    }
    guard replies_bytes < limits.connectionReplies_bytes else {
      let message = "more answers wait for the client than it may have"
      return fail(call, GRPCFailure(status: .resourceExhausted, message: message))
    }
    respond(to: call)
    if call.failure != nil { finish(call) } else { sendWritten(call) }
  }

  private func requestEnded(_ call: GRPCCall) {
    guard call.phase == .request, let method = call.header.method else { return }
    if call.isWhole {
      guard server.callsServed < limits.calls else { return fail(call, tooManyCalls) }
      call.move(to: .waiting, server)
      watch(call, until_ns: call.deadline_ns)
      ready.append(call)
    } else if server.methods.entries[method].method.kind == .bidirectional, call.reader.isBetweenMessages {
      finish(call)
    } else {
      let message =
        call.reader.isBetweenMessages ? "the request has no message" : "the request ends within its message"
      fail(call, GRPCFailure(status: .internalError, message: message))
    }
  }

  /// The stream has ended, by both sides or by a reset.
  func callClosed(_ stream: Int32) {
    guard let call = session.call(of: stream) else { return }
    session.attach(nil, to: stream)
    let last = calls.removeLast()
    if last !== call {
      calls[call.index] = last
      last.index = call.index
    }
    release(call)
    if calls.isEmpty { clock.noteIdle(now_ns: now_ns) }
  }
}
