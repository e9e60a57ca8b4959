/// COMMAND and its subcommands: what clients learn of the commands, from the table that they are answered by.
extension RESPConnection {
  func respondToCommand(_ command: borrowing RESPCommand, _ reply: inout RESPReply) {
    if command.count == 1 {
      reply.array(server.commands.count)
      for spec in server.commands { Self.write(spec, &reply) }
    } else if command.matches(1, "count"), command.count == 2 {
      reply.integer(server.commands.count)
    } else if command.matches(1, "list"), command.count == 2 {
      reply.array(server.commands.count)
      for spec in server.commands { reply.bulk(spec.name) }
    } else if command.matches(1, "info") {
      writeInfo(command, &reply)
    } else if command.matches(1, "docs") {
      writeDocs(command, &reply)
    } else if command.matches(1, "getkeys"), command.count > 2 {
      writeKeys(command, &reply)
    } else {
      reply.error("ERR", "unknown subcommand or wrong number of arguments for '\(command.shown(1))'. Try COMMAND HELP.")
    }
  }

  private func writeInfo(_ command: borrowing RESPCommand, _ reply: inout RESPReply) {
    reply.array(command.count == 2 ? server.commands.count : command.count - 2)
    if command.count == 2 { for spec in server.commands { Self.write(spec, &reply) } }
    for index in 2..<max(2, command.count) {
      if let spec = server.find(command[index]) { Self.write(spec, &reply) } else { reply.null() }
    }
  }

  private func writeDocs(_ command: borrowing RESPCommand, _ reply: inout RESPReply) {
    var specs = server.commands
    if command.count > 2 {
      specs = []
      for index in 2..<command.count {
        if let spec = server.find(command[index]), !specs.contains(where: { $0.name == spec.name }) {
          specs.append(spec)
        }
      }
    }
    reply.map(specs.count)
    for spec in specs {
      reply.bulk(spec.name)
      reply.map(3)
      reply.bulk("summary" as StaticString)
      reply.bulk(spec.summary)
      reply.bulk("since" as StaticString)
      reply.bulk("1.0.0" as StaticString)
      reply.bulk("group" as StaticString)
      reply.bulk(spec.group)
    }
  }

  private func writeKeys(_ command: borrowing RESPCommand, _ reply: inout RESPReply) {
    guard let spec = server.find(command[2]), spec.accepts(command.count - 2), spec.keys.step > 0 else {
      return reply.error("ERR", "Invalid command specified, or it has no key arguments")
    }
    let last = spec.keys.last < 0 ? command.count - 2 + spec.keys.last : spec.keys.last
    let indices = stride(from: spec.keys.first, through: last, by: spec.keys.step).map { $0 + 2 }
    reply.array(indices.count)
    for index in indices { reply.bulk(command[index]) }
  }

  /// The ten parts of redis.io/docs/latest/commands/command: name, arity, flags, keys, categories, tips, key specifications,
  /// subcommands.
  private static func write(_ spec: RESPCommandSpec, _ reply: inout RESPReply) {
    let hasKeys = spec.keys.step > 0
    reply.array(10)
    reply.bulk(spec.name)
    reply.integer(spec.arity)
    let flags: [StaticString] =
      (spec.isConnections ? ["loading", "stale"] : ["readonly"]) + ["fast"] + (spec.isForStrangers ? ["no_auth"] : [])
    reply.set(flags.count)
    for flag in flags { reply.status(flag) }
    reply.integer(spec.keys.first)
    reply.integer(spec.keys.last)
    reply.integer(spec.keys.step)
    reply.set(hasKeys ? 2 : 1)
    reply.status(spec.isConnections ? "@connection" : "@read")
    if hasKeys { reply.status("@string") }
    for _ in 0..<3 { reply.array(0) }
  }
}

extension StaticString {
  fileprivate static func == (a: StaticString, b: StaticString) -> Bool { a.utf8Start == b.utf8Start }
}
