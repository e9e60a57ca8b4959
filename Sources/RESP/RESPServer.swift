import Network
import Synchronization

/// RESP on a network loop: what its connections share. To be made by a `Listener`, once per loop.
public final class RESPServer: ConnectionFactory {
  let handler: RESPHandler
  let limits: RESPLimits
  let counters: RESPCounters
  /// The handler's commands first: they are the hot ones.
  let commands: [RESPCommandSpec]
  var reply = RESPReply()
  private var scout: RESPScout?
  private(set) var sessions: [UInt64: RESPSession] = [:]

  /// The connection looks after its output when a batch of replies has so many bytes.
  static var batch_bytes: Int { 64 * 1024 }

  public init(handler: RESPHandler, limits: RESPLimits = RESPLimits(), counters: RESPCounters = RESPCounters()) {
    self.handler = handler
    self.limits = limits
    self.counters = counters
    commands = handler.commands + ConnectionVerb.specs
    scout = handler.foreseenCommand.map { RESPScout(name: $0) }
  }

  public override func started(_ dialer: Dialer) { handler.started(dialer) }

  public override func makeConnection() -> ConnectionHandler {
    let session = RESPSession(id: counters.nextID(), access: handler.initialAccess)
    sessions[session.id] = session
    return RESPConnection(server: self, session: session)
  }

  /// Tells the handler which keys come next, where several do. Returns behind what has been looked at.
  @inline(__always)
  func foresee(_ input: UnsafeRawBufferPointer, from start: Int) -> Int {
    scout?.look(input, from: start)
    guard let scout, scout.keys.count > 1 else { return start + 1 }
    handler.foresee(scout.keys)
    return scout.at
  }

  func ended(_ session: RESPSession) { sessions[session.id] = nil }

  @inline(__always)
  func find(_ name: UnsafeRawBufferPointer) -> RESPCommandSpec? {
    for index in commands.indices where name.equalsIgnoringCase(commands[index].name) { return commands[index] }
    return nil
  }
}

/// What the connections of a server have done, over all loops; read from any thread, at any time.
public final class RESPCounters: Sendable {
  private let ids = Atomic<UInt64>(0)
  private let answeredCommands = Atomic<UInt64>(0)
  private let writtenErrors = Atomic<UInt64>(0)
  private let brokenConnections = Atomic<UInt64>(0)

  public init() {}

  /// Connections there have been.
  public var connections: UInt64 { ids.load(ordering: .relaxed) }
  /// Commands, whatever their reply.
  public var commands: UInt64 { answeredCommands.load(ordering: .relaxed) }
  /// Replies that were errors.
  public var errors: UInt64 { writtenErrors.load(ordering: .relaxed) }
  /// Connections ended because what came was not the protocol.
  public var protocolErrors: UInt64 { brokenConnections.load(ordering: .relaxed) }

  func nextID() -> UInt64 { ids.add(1, ordering: .relaxed).newValue }

  func add(commands: Int, errors: Int) {
    if commands > 0 { answeredCommands.add(UInt64(commands), ordering: .relaxed) }
    if errors > 0 { writtenErrors.add(UInt64(errors), ordering: .relaxed) }
  }

  func addProtocolError() { brokenConnections.add(1, ordering: .relaxed) }
}
