import Threads

extension RESPConnection {
  func respond(to verb: ConnectionVerb, _ command: borrowing RESPCommand, _ reply: inout RESPReply) {
    switch verb {
    case .auth: authenticate(command, &reply)
    case .client: respondToClient(command, &reply)
    case .command: respondToCommand(command, &reply)
    case .config: respondToConfig(command, &reply)
    case .discard: discardTransaction(&reply)
    case .echo: reply.bulk(command[1])
    case .exec: executeTransaction(&reply)
    case .hello: greet(command, &reply)
    case .info: respondToInfo(command, &reply)
    case .multi: beginTransaction(&reply)
    case .ping:
      switch command.count {
      case 1: reply.status("PONG")
      case 2: reply.bulk(command[1])
      default: reply.error("ERR", "wrong number of arguments for 'ping' command")
      }
    case .quit:
      reply.ok()
      reply.close()
    case .readonly, .readwrite: reply.ok()
    case .role: tellRole(&reply)
    case .reset: reset(&reply)
    case .select: select(command, &reply)
    case .time: tellTime(&reply)
    }
  }

  private func select(_ command: borrowing RESPCommand, _ reply: inout RESPReply) {
    switch command.integer(1) {
    case nil: reply.error("ERR", "value is not an integer or out of range")
    case 0: reply.ok()
    default: reply.error("ERR", "DB index is out of range: there is database 0 only")
    }
  }

  private func tellTime(_ reply: inout RESPReply) {
    let now_us = WallClock.now_ms * 1000
    reply.array(2)
    reply.bulk("\(now_us / 1_000_000)")
    reply.bulk("\(now_us % 1_000_000)")
  }

  /// As of a primary whose replicas have read nothing, for it has none.
  private func tellRole(_ reply: inout RESPReply) {
    reply.array(3)
    reply.bulk("master" as StaticString)
    reply.integer(0)
    reply.array(0)
  }

  private func reset(_ reply: inout RESPReply) {
    transaction.end()
    session.name = ""
    session.access = server.handler.initialAccess
    server.handler.opened(session)
    session.version = .two
    reply.version = .two
    reply.status("RESET")
  }

  // MARK: Who is there

  private func authenticate(_ command: borrowing RESPCommand, _ reply: inout RESPReply) {
    guard command.count <= 3 else { return reply.error("ERR", "syntax error") }
    let hasUser = command.count == 3
    if logIn(command, user: hasUser ? 1 : nil, password: hasUser ? 2 : 1, &reply) { reply.ok() }
  }

  /// False where the reply says what is wrong.
  private func logIn(
    _ command: borrowing RESPCommand, user: Int?, password: Int, _ reply: inout RESPReply
  ) -> Bool {
    let access: RESPAccess?
    if let user {
      access = server.handler.access(user: command[user], password: command[password], of: session)
    } else {
      let name: StaticString = "default"
      access = name.withUTF8Buffer {
        server.handler.access(user: UnsafeRawBufferPointer($0), password: command[password], of: session)
      }
    }
    guard let access else {
      reply.error("WRONGPASS", "invalid username-password pair or user is disabled.")
      return false
    }
    session.access = access
    return true
  }

  private func greet(_ command: borrowing RESPCommand, _ reply: inout RESPReply) {
    var version = session.version
    if command.count > 1 {
      guard let number = command.integer(1) else {
        return reply.error("ERR", "Protocol version is not an integer or out of range")
      }
      guard let known = RESPVersion(rawValue: number) else {
        return reply.error("NOPROTO", "unsupported protocol version")
      }
      version = known
    }
    var name: Int?
    var login: Int?
    var index = 2
    while index < command.count {
      if command.matches(index, "auth"), index + 2 < command.count {
        login = index + 1
        index += 3
      } else if command.matches(index, "setname"), index + 1 < command.count {
        name = index + 1
        index += 2
      } else {
        return reply.error("ERR", "Syntax error in HELLO option '\(command.shown(index))'")
      }
    }
    if let login, !logIn(command, user: login, password: login + 1, &reply) { return }
    guard session.access != .none else {
      return reply.error(
        "NOAUTH",
        "HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> "
          + "option can be used to authenticate the client and select the RESP protocol version at the same time")
    }
    if let name {
      guard let text = Self.label(command[name]) else { return refuseLabel("Client names", &reply) }
      session.name = text
    }
    session.version = version
    reply.version = version
    writeGreeting(&reply)
  }

  private func writeGreeting(_ reply: inout RESPReply) {
    let product = server.handler.product
    reply.map(7)
    reply.bulk("server" as StaticString)
    reply.bulk(product.name)
    reply.bulk("version" as StaticString)
    reply.bulk(product.redisVersion)
    reply.bulk("proto" as StaticString)
    reply.integer(session.version.rawValue)
    reply.bulk("id" as StaticString)
    reply.integer(Int(session.id))
    reply.bulk("mode" as StaticString)
    reply.bulk("standalone" as StaticString)
    reply.bulk("role" as StaticString)
    // What a client that is told "replica" does differs, and some do not read then.
    reply.bulk("master" as StaticString)
    reply.bulk("modules" as StaticString)
    reply.array(0)
  }
}
