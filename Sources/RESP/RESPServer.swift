import Network

/// RESP on a network loop: what its connections share. To be made by a `Listener`, once per loop.
public final class RESPServer: ConnectionFactory {
  let handler: RESPHandler
  let limits: RESPLimits
  let counters: RESPCounters
  /// The handler's commands first: they are the hot ones.
  let commands: [RESPCommandSpec]
  /// Where each of them is counted, and behind them what is none.
  private let places: [Int]
  /// Commands of one kind in a row, that are not in the counters yet.
  private var run = (place: 0, count: 0)
  var reply = RESPReply()
  let transactions = TransactionMemory()
  private let scout: RESPScout?
  /// Keys that the handler was told of and that have not come.
  private var foreseen = 0
  private(set) var sessions: [UInt64: RESPSession] = [:]

  /// The connection looks after its output when a batch of replies has so many bytes.
  static var batch_bytes: Int { 64 * 1024 }

  public init(handler: RESPHandler, limits: RESPLimits = RESPLimits(), counters: RESPCounters = RESPCounters()) {
    self.handler = handler
    self.limits = limits
    self.counters = counters
    commands = handler.commands + ConnectionVerb.specs
    places = commands.map { counters.place(of: $0.name) } + [counters.place(of: nil)]
    scout = handler.foreseenCommand.map { RESPScout(name: $0) }
  }

  public override func started(_ dialer: Dialer) { handler.started(dialer) }

  public override func makeConnection() -> ConnectionHandler {
    let session = RESPSession(id: counters.nextID(), access: handler.initialAccess)
    sessions[session.id] = session
    return RESPConnection(server: self, session: session)
  }

  /// Tells the handler which keys come from `start` on, as long as there are not too many. Returns behind the last one.
  func foresee(_ input: UnsafeRawBufferPointer, from start: Int) -> Int {
    var at = start
    while let scout, foreseen < RESPScout.window, let key = scout.next(input, &at) {
      foreseen += 1
      handler.foresee(key: key)
    }
    return at
  }

  @inline(__always)
  func tellForeseen() {
    if foreseen == 0 { return }
    foreseen = 0
    handler.foreseen()
  }

  func ended(_ session: RESPSession) { sessions[session.id] = nil }

  func find(_ name: UnsafeRawBufferPointer) -> RESPCommandSpec? { findIndex(name).map { commands[$0] } }

  @inline(__always)
  func findIndex(_ name: UnsafeRawBufferPointer) -> Int? {
    for index in commands.indices where name.equalsIgnoringCase(commands[index].name) { return index }
    return nil
  }

  // MARK: Counting

  /// - Parameter index: Of a command; nil: it is none.
  @inline(__always)
  func count(_ index: Int?) {
    let place = places[index ?? commands.count]
    if place != run.place { flushCounts() }
    run = (place, run.count + 1)
  }

  /// To be called when a batch has been answered. Most have commands of one kind only.
  func flushCounts() {
    if run.count > 0 { counters.add(commands: run.count, at: run.place) }
    run.count = 0
  }
}
