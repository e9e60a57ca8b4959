/// What is known of a command before it is answered, and told by COMMAND (redis.io/docs/latest/commands/command).
public struct RESPCommandSpec: Sendable {
  /// In lower case.
  public let name: StaticString
  /// Arguments with the name; negative: at least so many.
  public let arity: Int
  /// Where its keys are: of the first one, of the last one (negative: from the end), from one to the next. 0, 0, 0: it has none.
  public let keys: (first: Int, last: Int, step: Int)
  /// What the handler is given.
  public let verb: Int
  /// Of Redis' groups: `string`, `connection`, `server`, ...
  public let group: StaticString
  public let summary: StaticString
  /// Whether it is answered before the connection has authenticated.
  let isForStrangers: Bool
  /// Whether a connection's own, and not the handler's.
  let isConnections: Bool

  public init(
    _ name: StaticString, arity: Int, keys: (first: Int, last: Int, step: Int) = (0, 0, 0), verb: Int,
    group: StaticString, _ summary: StaticString
  ) {
    self.init(name, arity, keys, verb, group, summary, isForStrangers: false, isConnections: false)
  }

  init(
    _ name: StaticString, _ arity: Int, _ keys: (first: Int, last: Int, step: Int), _ verb: Int,
    _ group: StaticString, _ summary: StaticString, isForStrangers: Bool, isConnections: Bool
  ) {
    self.name = name
    self.arity = arity
    self.keys = keys
    self.verb = verb
    self.group = group
    self.summary = summary
    self.isForStrangers = isForStrangers
    self.isConnections = isConnections
  }

  func accepts(_ count: Int) -> Bool { arity < 0 ? count >= -arity : count == arity }
}
