import Bytes

/// CONFIG GET and INFO: what clients and tools for Redis ask a server about itself.
extension RESPConnection {
  /// What redis-benchmark, exporters and pools look at; of the rest nothing is known.
  private static let settings: [(name: StaticString, value: String)] = [
    ("appendonly", "no"), ("databases", "1"), ("maxmemory", "0"), ("maxmemory-policy", "noeviction"), ("save", ""),
  ]

  func respondToConfig(_ command: borrowing RESPCommand, _ reply: inout RESPReply) {
    guard command.matches(1, "get"), command.count > 2 else {
      return reply.error(
        "ERR", "only CONFIG GET is answered here: 'interestd config check' prints the settings, which a file has")
    }
    var found: [(name: StaticString, value: String)] = []
    for setting in Self.settings {
      for index in 2..<command.count where setting.name.withUTF8Buffer({ Glob.matches($0, command[index]) }) {
        found.append(setting)
        break
      }
    }
    reply.map(found.count)
    for setting in found {
      reply.bulk(setting.name)
      reply.bulk(setting.value)
    }
  }

  func respondToInfo(_ command: borrowing RESPCommand, _ reply: inout RESPReply) {
    var sections = server.handler.info(for: session.access)
    let all = command.count == 1 || ["all", "default", "everything"].contains { command.matches(1, $0) }
    if !all {
      sections = sections.filter { section in
        (1..<command.count).contains { command.shown($0).lowercased() == section.name.lowercased() }
      }
    }
    var text = ""
    for section in sections {
      if !text.isEmpty { text += "\r\n" }
      text += "# \(section.name)\r\n"
      for line in section.lines { text += "\(line.name):\(line.value)\r\n" }
    }
    reply.verbatim(text)
  }
}

/// Patterns of CONFIG GET: `*` for any bytes, `?` for one.
enum Glob {
  static func matches(_ text: UnsafeBufferPointer<UInt8>, _ pattern: UnsafeRawBufferPointer) -> Bool {
    var (at, next) = (0, 0)
    // Where to go on when what follows the last star does not fit.
    var retry: (at: Int, next: Int)?
    while at < text.count {
      if next < pattern.count, pattern[next] == UInt8(ascii: "*") {
        retry = (at + 1, next)
        next += 1
      } else if next < pattern.count, pattern[next] == UInt8(ascii: "?") || pattern[next].asciiLowercased == text[at] {
        (at, next) = (at + 1, next + 1)
      } else if let again = retry {
        (at, next) = (again.at, again.next + 1)
        retry = (again.at + 1, again.next)
      } else {
        return false
      }
    }
    return pattern[next...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}
