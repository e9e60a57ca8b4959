import Bytes
import Threads

/// How calls are judged, answered and ended.
extension GRPCConnection {
  /// A call's header is complete: whether its request is read.
  func admit(_ call: GRPCCall) {
    call.move(to: .request, server)
    if !call.header.isPost { return refuse(call, .methodNotAllowed) }
    if !call.header.isGRPC { return refuse(call, .unsupportedMediaType) }
    if let failure = problem(call) { return fail(call, failure) }
    call.deadline_ns = call.began_ns + (call.header.timeout_ns ?? UInt64(limits.call_ms) * 1_000_000)
    watch(call, until_ns: min(call.deadline_ns, call.began_ns + UInt64(limits.request_ms) * 1_000_000))
    if call.deadline_ns <= now_ns { fail(call, deadlinePassed) }
  }

  private func problem(_ call: GRPCCall) -> GRPCFailure? {
    if call.header.size_bytes > limits.header_bytes {
      return GRPCFailure(
        status: .resourceExhausted, message: "the metadata have more than \(limits.header_bytes) bytes")
    }
    guard let method = call.header.method else {
      let path = String(decoding: call.header.path, as: UTF8.self)
      return GRPCFailure(status: .unimplemented, message: "there is no method \(path)")
    }
    if call.header.encoding == .unknown {
      return GRPCFailure(status: .unimplemented, message: "requests are compressed by gzip or not at all")
    }
    if call.header.hasBadTimeout {
      return GRPCFailure(
        status: .invalidArgument, message: "the grpc-timeout is no number of up to 8 digits and a unit")
    }
    if !server.methods.entries[method].method.isOpen, let refusal = refusal(of: call.header.authorization) {
      return refusal
    }
    return server.callsUnderWay > limits.begunCalls ? tooManyCalls : nil
  }

  var tooManyCalls: GRPCFailure {
    GRPCFailure(status: .resourceExhausted, message: "too many calls are under way", retryAfter_ms: 100)
  }

  private var noRoom: GRPCFailure {
    GRPCFailure(status: .resourceExhausted, message: "too many replies wait for slow clients", retryAfter_ms: 100)
  }

  private var deadlinePassed: GRPCFailure { GRPCFailure(status: .deadlineExceeded, message: "the deadline has passed") }

  /// Computes an answer.
  func run(_ call: GRPCCall) {
    guard call.deadline_ns > now_ns else { return fail(call, deadlinePassed) }
    guard server.hasRoom(for: 1, of: limits.loopReplies_bytes, asker: self) else { return fail(call, noRoom) }
    call.move(to: .running, server)
    respond(to: call)
    if call.failure != nil {
      call.withdrawDeferral()
      finish(call)
    } else if call.deferral != nil {
      call.move(to: .deferred, server)
      watch(call, until_ns: call.deadline_ns)
    } else if call.isKeptOpen {
      open(call)
    } else {
      finish(call)
    }
  }

  /// Gives a complete message to the service.
  func respond(to call: GRPCCall) {
    guard let method = call.header.method else { return }
    let isCompressed = call.header.encoding == .gzip && call.isCompressed
    if isCompressed {
      guard let message = server.inflate(call) else { return }
      call.message = message
    } else {
      call.message = call.reader.message.bytes
    }
    let entry = server.methods.entries[method]
    entry.service.respond(to: call, method: entry.index)
    call.message = UnsafeRawBufferPointer(start: nil, count: 0)
    releaseRequest(of: call)
  }

  /// A deferred answer has come.
  func answer(_ call: GRPCCall, _ fill: (GRPCCall) -> Void) {
    guard call.phase == .deferred else {
      // Within `respond`, which goes on as if nothing had been put off.
      if call.phase == .running { (call.deferral, _) = (nil, fill(call)) }
      return
    }
    now_ns = MonotonicClock.now_ns
    call.deferral = nil
    fill(call)
    if !server.hasRoom(for: call.reply.count, of: limits.loopReplies_bytes / 4 * 3, asker: self) {
      call.failure = noRoom
    }
    finish(call)
    transmitLater()
  }

  /// The call stays to be told of changes.
  private func open(_ call: GRPCCall) {
    guard server.watches < limits.watches else {
      call.withdraw()
      return fail(call, GRPCFailure(status: .resourceExhausted, message: "too many watches are open"))
    }
    server.watches += 1
    call.move(to: .open, server)
    watch(call, until_ns: call.header.timeout_ns == nil ? .max : call.deadline_ns)
    arm(at_ns: now_ns + UInt64(limits.watch_ms) * 1_000_000)
    sendWritten(call)
  }

  /// Lets a service tell an open call's client what has changed.
  func update(_ call: GRPCCall) {
    guard call.phase == .open, let method = call.header.method else { return }
    let entry = server.methods.entries[method]
    entry.service.update(call, method: entry.index)
    if call.failure != nil { finish(call) } else { sendWritten(call) }
  }

  /// Has messages sent that were written, more of which may come.
  func sendWritten(_ call: GRPCCall) {
    guard call.reply.count > call.sent else { return }
    holdReplies(of: call, call.reply.count)
    if !call.hasHeader {
      call.hasHeader = true
      session.respond(call.stream, server.fields.header, from: call)
    } else if call.isStarved {
      call.isStarved = false
      session.resume(call.stream)
    }
  }

  // MARK: Ends

  func fail(_ call: GRPCCall, _ failure: GRPCFailure) {
    call.failure = failure
    if call.phase == .waiting { removeReady(call) }
    let deferral = call.deferral.take()
    finish(call)
    deferral?.cancel()
  }

  /// Sends what a call's answer still lacks, and its end.
  func finish(_ call: GRPCCall) {
    if call.phase == .open { server.watches -= 1 }
    call.move(to: .ending, server)
    releaseRequest(of: call)
    if call.failure != nil { call.withdraw() }
    count(call, call.failure?.status ?? .ok)
    let taken_ns = now_ns + UInt64(limits.reply_ms) * 1_000_000
    let isAwaited = call.failure != nil || call.header.timeout_ns == nil
    watch(call, until_ns: isAwaited ? taken_ns : min(taken_ns, max(call.deadline_ns, now_ns)))
    holdReplies(of: call, call.reply.count)
    if call.hasHeader {
      call.isStarved = false
      session.resume(call.stream)
    } else if let failure = call.failure {
      session.respond(call.stream, server.fields.failure(failure, isAll: true))
    } else {
      call.hasHeader = true
      session.respond(call.stream, server.fields.header, from: call)
    }
  }

  func submitTrailer(of call: GRPCCall) {
    let fields = call.failure.map { server.fields.failure($0, isAll: false) } ?? server.fields.success
    session.trailer(call.stream, fields)
  }

  /// For what is no gRPC call.
  private func refuse(_ call: GRPCCall, _ refusal: HTTPRefusal) {
    call.move(to: .ending, server)
    count(call, .unimplemented)
    watch(call, until_ns: now_ns + UInt64(limits.reply_ms) * 1_000_000)
    session.respond(call.stream, server.fields.refusal(refusal))
  }

  private func count(_ call: GRPCCall, _ status: GRPCStatus) {
    guard !call.isCounted else { return }
    call.isCounted = true
    let method = call.header.method.map { server.methods.entries[$0].counter }
    server.counters.count(method, status, MonotonicClock.now_ns - call.began_ns)
  }

  /// The stream is gone: whoever works for the call is told, and its memory is free.
  func release(_ call: GRPCCall) {
    if heading === call { heading = nil }
    if call.phase == .waiting { removeReady(call) }
    if call.phase == .open { server.watches -= 1 }
    count(call, .cancelled)
    call.deferral.take()?.cancel()
    releaseRequest(of: call)
    holdReplies(of: call, 0)
    server.give(back: call)
  }

  // MARK: What the limits count

  func holdReplies(of call: GRPCCall, _ bytes: Int) {
    let change = bytes - call.reply_bytes
    if replies_bytes == 0 { taken_ns = now_ns }
    call.reply_bytes = bytes
    replies_bytes += change
    server.replies_bytes += change
  }

  func holdRequest(of call: GRPCCall, _ bytes: Int) {
    call.request_bytes += bytes
    requests_bytes += bytes
    server.requests_bytes += bytes
  }

  func releaseRequest(of call: GRPCCall) {
    holdRequest(of: call, -call.request_bytes)
    call.reader.clear()
  }
}
