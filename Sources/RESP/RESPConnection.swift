import Bytes
import Network
import Threads

/// One connection's RESP: commands one after the other, each answered before the next, many in one call.
///
/// What cannot be understood ends the connection with its reply: after it, nobody knows where the next command would begin.
final class RESPConnection: ConnectionHandler, RESPDeferralOwner {
  let server: RESPServer
  let session: RESPSession
  private var parser = RESPParser()
  let transaction: RESPTransaction
  /// Of the transaction's commands.
  private var queueParser = RESPParser()
  /// Of the next input, what has been looked at for keys.
  private var foreseen_bytes = 0
  /// The reply that is owed.
  private var deferral: RESPDeferral?

  init(server: RESPServer, session: RESPSession) {
    self.server = server
    self.session = session
    transaction = RESPTransaction(server.transactions)
  }

  override func opened() {
    session.identity = identity
    server.handler.opened(session)
  }

  override var keepsRequests: Bool { transaction.isQueuing && transaction.held_bytes > 0 }

  override var isStranger: Bool { session.access == .none }

  override func refusePlaintext(_ output: inout ByteBuffer) { output.append("-ERR this port speaks TLS\r\n") }

  override func foresee(_ input: UnsafeRawBufferPointer) {
    if session.access != .none { foreseen_bytes = server.foresee(input, from: 0) }
  }

  override func receive(_ input: UnsafeRawBufferPointer, _ output: inout ByteBuffer) -> Reception {
    session.active_ns = MonotonicClock.now_ns
    server.handler.refresh(session)
    return receive(input, &output, &server.reply)
  }

  private func receive(
    _ input: UnsafeRawBufferPointer, _ output: inout ByteBuffer, _ reply: inout RESPReply
  ) -> Reception {
    var answered = 0
    swap(&reply.bytes, &output)
    reply.version = session.version
    let reception = answer(input, &reply, &answered)
    swap(&reply.bytes, &output)
    server.flushCounts()
    server.counters.add(errors: reply.takeErrors())
    if reception.verdict == .deferred { answered -= 1 }
    if answered > 0 { server.counters.durations.record(MonotonicClock.now_ns - session.active_ns, count: answered) }
    return reception
  }

  private func answer(
    _ input: UnsafeRawBufferPointer, _ reply: inout RESPReply, _ answered: inout Int
  ) -> Reception {
    var used = 0
    var foreseen = foreseen_bytes
    foreseen_bytes = 0
    let full = reply.mark + RESPServer.batch_bytes
    if transaction.phase == .executing, let reception = execute(until: full, consumed: 0, &reply, &answered) {
      return reception
    }
    server.tellForeseen()
    while used < input.count, reply.mark < full {
      let isStranger = session.access == .none
      if used >= foreseen && !isStranger {
        foreseen = max(server.foresee(input, from: used), used + 1)
        server.tellForeseen()
      }
      let rest = UnsafeRawBufferPointer(rebasing: input[used...])
      switch parser.parse(rest, isStranger ? .strangers : server.limits) {
      case .more:
        // What has been answered is told first: the wait for the rest begins with it.
        return Reception(consumed: used, used == 0 ? .partial : .complete)
      case .nothing(let size): used += size
      case .command(let size):
        used += size
        answered += 1
        respond(parser.command, &reply)
        if takeDeferral(&reply) { return Reception(consumed: used, .deferred) }
        if reply.takeLast() { return Reception(consumed: used, .close) }
        if transaction.phase == .executing, let reception = execute(until: full, consumed: used, &reply, &answered) {
          return reception
        }
      case .bad(let error):
        server.counters.addProtocolError()
        reply.error("ERR", "Protocol error: \(error.text(isStranger: isStranger))")
        return Reception(consumed: used, .close)
      }
    }
    return Reception(consumed: used, .complete)
  }

  /// Answers what EXEC has to answer; nil when that is done.
  private func execute(
    until full: Int, consumed: Int, _ reply: inout RESPReply, _ answered: inout Int
  ) -> Reception? {
    while true {
      if reply.mark >= full { return Reception(consumed: consumed, .more) }
      guard transaction.next(&queueParser) else {
        transaction.end()
        return nil
      }
      answered += 1
      respond(queueParser.command, &reply)
      if takeDeferral(&reply) { return Reception(consumed: consumed, .deferred) }
    }
  }

  /// Whether the reply comes later.
  private func takeDeferral(_ reply: inout RESPReply) -> Bool {
    guard let deferral = reply.takeDeferral() else { return false }
    self.deferral = deferral
    deferral.owner = self
    return true
  }

  override func requestExpired(_ output: inout ByteBuffer) {
    let isOwed = deferral != nil
    deferral.take()?.cancel()
    swap(&server.reply.bytes, &output)
    server.reply.version = session.version
    if isOwed {
      server.reply.error("TRYAGAIN", "there was no answer in time")
    } else {
      let what = keepsRequests ? "transaction" : "request"
      server.reply.error("ERR", "Protocol error: the \(what) was not complete in time")
    }
    swap(&server.reply.bytes, &output)
    server.counters.add(errors: server.reply.takeErrors())
  }

  override func ended() {
    deferral.take()?.cancel()
    transaction.end()
    server.ended(session)
  }

  func answer(_ deferral: RESPDeferral, _ fill: (inout RESPReply) -> Void) {
    guard self.deferral === deferral else { return }
    self.deferral = nil
    reply { output in
      swap(&server.reply.bytes, &output)
      server.reply.version = session.version
      let start = server.reply.mark
      fill(&server.reply)
      if !hasRoom(for: server.reply.mark - start) {
        server.reply.rewind(to: start)
        server.reply.error("BUSY", "too many replies wait for slow clients")
      }
      let isLast = server.reply.takeLast()
      swap(&server.reply.bytes, &output)
      server.counters.add(errors: server.reply.takeErrors())
      server.counters.durations.record(MonotonicClock.now_ns - session.active_ns)
      return !isLast
    }
  }

  private func respond(_ command: borrowing RESPCommand, _ reply: inout RESPReply) {
    let index = server.findIndex(command[0])
    server.count(index)
    guard let index else { return refuseUnknown(command, &reply) }
    let spec = server.commands[index]
    session.lastCommand = spec.name
    guard spec.accepts(command.count) else {
      transaction.fail()
      return reply.error("ERR", "wrong number of arguments for '\(spec.name)' command")
    }
    guard session.access != .none || spec.isForStrangers else {
      return reply.error("NOAUTH", "Authentication required.")
    }
    let verb = spec.isConnections ? ConnectionVerb(rawValue: spec.verb) : nil
    if transaction.isQueuing, verb?.endsTransactions != true { return queue(spec, command, &reply) }
    guard let verb else { return server.handler.respond(to: spec.verb, command, session, into: &reply) }
    respond(to: verb, command, &reply)
  }

  private func refuseUnknown(_ command: borrowing RESPCommand, _ reply: inout RESPReply) {
    // A web page that makes a browser send here does not get its further lines read as commands.
    if command.matches(0, "POST") || command.matches(0, "Host:") { return reply.close() }
    guard session.access != .none else { return reply.error("NOAUTH", "Authentication required.") }
    transaction.fail()
    if ForeignCommands.writes.contains(where: { command.matches(0, $0) }) {
      let isRemoval = ForeignCommands.removals.contains { command.matches(0, $0) }
      return reply.error("READONLY", server.handler.refusalOfWrites(removing: isRemoval))
    }
    if let (_, reason) = ForeignCommands.absent.first(where: { command.matches(0, $0.name) }) {
      return reply.error("ERR", "'\(command.shown(0))' is not answered here: \(reason)")
    }
    var message = "unknown command '\(command.shown(0))', with args beginning with: "
    for index in 1..<max(1, min(command.count, 4)) { message += "'\(command.shown(index))' " }
    reply.error("ERR", message)
  }
}
