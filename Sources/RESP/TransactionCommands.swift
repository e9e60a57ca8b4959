/// MULTI, EXEC and DISCARD.
extension RESPConnection {
  /// Keeps a command for EXEC, or refuses it.
  func queue(_ spec: RESPCommandSpec, _ command: borrowing RESPCommand, _ reply: inout RESPReply) {
    guard !spec.isConnections || ConnectionVerb(rawValue: spec.verb)?.maybeQueued == true else {
      transaction.fail()
      return reply.error("ERR", "'\(spec.name)' is not allowed between MULTI and EXEC")
    }
    let remedy = "send them without MULTI (redis-py: transaction=False)"
    switch transaction.add(command, server.limits) {
    case .queued: reply.status("QUEUED")
    case .tooLong:
      let limit = RESPTransaction.limit(server.limits)
      reply.error("ERR", "the commands since MULTI are longer than \(limit) bytes: \(remedy)")
    case .busy: reply.error("BUSY", "too many commands wait for their EXEC at the moment: \(remedy)")
    }
  }

  func beginTransaction(_ reply: inout RESPReply) {
    guard transaction.phase == .none else { return reply.error("ERR", "MULTI calls can not be nested") }
    transaction.begin()
    reply.ok()
  }

  func discardTransaction(_ reply: inout RESPReply) {
    guard transaction.phase != .none else { return reply.error("ERR", "DISCARD without MULTI") }
    transaction.end()
    reply.ok()
  }

  /// Writes the head of the replies; they follow as `receive` goes on.
  func executeTransaction(_ reply: inout RESPReply) {
    switch transaction.phase {
    case .none, .executing: reply.error("ERR", "EXEC without MULTI")
    case .failed:
      transaction.end()
      reply.error("EXECABORT", "Transaction discarded because of previous errors.")
    case .queuing:
      reply.array(transaction.count)
      transaction.execute()
    }
  }
}

extension ConnectionVerb {
  /// Whether it may stand between MULTI and EXEC: what changes the connection may not.
  var maybeQueued: Bool {
    switch self {
    case .echo, .info, .ping, .time, .command, .config: true
    default: false
    }
  }

  /// Whether it is answered between MULTI and EXEC as it comes.
  var endsTransactions: Bool {
    switch self {
    case .multi, .exec, .discard, .quit, .reset: true
    default: false
    }
  }
}
