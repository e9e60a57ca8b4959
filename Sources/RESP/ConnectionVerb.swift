/// The commands that concern the connection and not the data.
enum ConnectionVerb: Int, CaseIterable {
  case auth, client, command, config, discard, echo, exec, hello, info, multi, ping, quit, readonly, readwrite, reset,
    role, select, time

  static let specs = allCases.map(\.spec)

  private var spec: RESPCommandSpec {
    switch self {
    case .auth: make("auth", -2, "Authenticates the connection.", isForStrangers: true)
    case .client: make("client", -2, "Names the connection, and tells of it.")
    case .command: make("command", -1, "Tells of the commands.", group: "server")
    case .config: make("config", -2, "Tells settings that Redis' clients ask for.", group: "server")
    case .discard: make("discard", 1, "Forgets the commands since MULTI.", group: "transactions")
    case .echo: make("echo", 2, "Returns the given string.")
    case .exec: make("exec", 1, "Answers the commands since MULTI.", group: "transactions")
    case .hello: make("hello", -1, "Handshakes with the server.", isForStrangers: true)
    case .info: make("info", -1, "Tells of the server and its work.", group: "server")
    case .multi: make("multi", 1, "Collects commands until EXEC.", group: "transactions")
    case .ping: make("ping", -1, "Returns the server's liveliness response.")
    case .quit: make("quit", -1, "Closes the connection.", isForStrangers: true)
    case .readonly: make("readonly", 1, "Has no effect: there are reads only.")
    case .readwrite: make("readwrite", 1, "Has no effect: there are reads only.")
    case .reset: make("reset", 1, "Resets the connection.", isForStrangers: true)
    case .role: make("role", 1, "Tells of a primary without replicas.", group: "server")
    case .select: make("select", 2, "Changes to the selected database: there is 0 only.")
    case .time: make("time", 1, "Returns the server time.", group: "server")
    }
  }

  private func make(
    _ name: StaticString, _ arity: Int, _ summary: StaticString, group: StaticString = "connection",
    isForStrangers: Bool = false
  ) -> RESPCommandSpec {
    RESPCommandSpec(
      name, arity, (0, 0, 0), rawValue, group, summary, isForStrangers: isForStrangers, isConnections: true)
  }
}
