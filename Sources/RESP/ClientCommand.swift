import Threads

/// CLIENT and its subcommands.
extension RESPConnection {
  func respondToClient(_ command: borrowing RESPCommand, _ reply: inout RESPReply) {
    func takes(_ word: StaticString, _ count: Int) -> Bool { command.matches(1, word) && command.count == count }
    if takes("id", 2) {
      reply.integer(Int(session.id))
    } else if takes("getname", 2) {
      if session.name.isEmpty { reply.null() } else { reply.bulk(session.name) }
    } else if takes("setname", 3) {
      guard let name = Self.label(command[2]) else { return refuseLabel("Client names", &reply) }
      session.name = name
      reply.ok()
    } else if takes("setinfo", 4) {
      setLibrary(command, &reply)
    } else if takes("info", 2) {
      reply.verbatim(Self.line(session) + "\n")
    } else if command.matches(1, "list") {
      list(command, &reply)
    } else if takes("no-evict", 3) || takes("no-touch", 3) {
      // Nobody's replies are dropped, and nothing ages by being read.
      guard command.matches(2, "on") || command.matches(2, "off") else { return reply.error("ERR", "syntax error") }
      reply.ok()
    } else if command.matches(1, "reply"), command.count == 3, command.matches(2, "on") {
      reply.ok()
    } else if command.matches(1, "tracking") {
      if command.count == 3, command.matches(2, "off") { return reply.ok() }
      reply.error("ERR", "tracking is not done here: a user's value changes with each behavior")
    } else if takes("help", 2) {
      help(&reply)
    } else {
      reply.error("ERR", "unknown subcommand or wrong number of arguments for '\(command.shown(1))'. Try CLIENT HELP.")
    }
  }

  private func setLibrary(_ command: borrowing RESPCommand, _ reply: inout RESPReply) {
    guard command.matches(2, "lib-name") || command.matches(2, "lib-ver") else {
      return reply.error("ERR", "Unrecognized option '\(command.shown(2))'")
    }
    guard let text = Self.label(command[3]) else { return refuseLabel("\(command.shown(2))", &reply) }
    if command.matches(2, "lib-name") { session.libraryName = text } else { session.libraryVersion = text }
    reply.ok()
  }

  /// Other connections are an administrator's business.
  private func list(_ command: borrowing RESPCommand, _ reply: inout RESPReply) {
    guard session.access == .admin else {
      return reply.error("NOPERM", "this token has no right to see other connections")
    }
    guard command.count == 2 else { return reply.error("ERR", "CLIENT LIST has no options here") }
    let lines = server.sessions.values.sorted { $0.id < $1.id }.map { Self.line($0) + "\n" }
    reply.verbatim(lines.joined())
  }

  private func help(_ reply: inout RESPReply) {
    let lines = [
      "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "GETNAME, ID, INFO, LIST, NO-EVICT (ON|OFF), NO-TOUCH (ON|OFF), SETINFO <option> <value>, SETNAME <name>, HELP",
    ]
    reply.array(lines.count)
    for line in lines { reply.bulk(line) }
  }

  /// As Redis has it, without what is not known here.
  private static func line(_ session: RESPSession) -> String {
    let now_ns = MonotonicClock.now_ns
    func seconds(_ since_ns: UInt64) -> UInt64 { (max(now_ns, since_ns) - since_ns) / 1_000_000_000 }
    return "id=\(session.id) name=\(session.name) age=\(seconds(session.opened_ns)) "
      + "idle=\(seconds(session.active_ns)) db=0 cmd=\(session.lastCommand) user=default "
      + "resp=\(session.version.rawValue) lib-name=\(session.libraryName) lib-ver=\(session.libraryVersion)"
  }

  // MARK: Labels

  /// A name as it can stand in CLIENT LIST; nil for others. At most 256 bytes are kept for a connection.
  static func label(_ bytes: UnsafeRawBufferPointer) -> String? {
    guard bytes.count <= 256, bytes.allSatisfy({ $0 > 32 && $0 < 127 }) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  func refuseLabel(_ what: String, _ reply: inout RESPReply) {
    reply.error("ERR", "\(what) cannot contain spaces, newlines or special characters, or more than 256 bytes")
  }
}
