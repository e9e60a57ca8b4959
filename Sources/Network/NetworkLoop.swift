import Bytes
internal import CNet
import Glibc
import Synchronization
import Threads

/// One thread's connections, from accepting to closing.
///
/// `@unchecked Sendable`: everything but `asked` is made before the thread starts and then touched by it alone; `asked` is
/// only touched under `mutex`. No `event_base` is shared, so libevent needs no locks (`event_config_set_flag(3)`, NOLOCK).
final class NetworkLoop: @unchecked Sendable {
  /// accept(2) for one listening descriptor: the new descriptor, or the negative errno. Tests put another in its place.
  typealias Accept = @Sendable (Int32) -> Int32

  static let systemAccept: Accept = { listener in
    let descriptor = cnet_accept(listener)
    return descriptor >= 0 ? descriptor : -errno
  }

  let base: OpaquePointer
  /// Of outgoing connections, and of listeners that have none of their own.
  let limits: NetworkLimits
  private let accept: Accept
  private let wakeDescriptor: Int32
  private let mutex = Mutex()
  /// The grace of a drain that another thread has asked for.
  private var asked_ms: Int?
  /// Connections that other loops have accepted for this one, and their acceptors' index; nil: it takes no more.
  private var handed: [Handed]? = []
  /// Connections that are here, and those that are handed over.
  private let load = Atomic<Int>(0)
  /// All loops of the server, before any of them runs.
  var siblings: [Sibling] = []

  /// Where bytes are received: as many as the limits of any listener let in at once.
  let readMemory: UnsafeMutableRawPointer
  /// What connections hold above `Connection.piece_bytes` each.
  var held_bytes = 0
  /// What waits for peers, of all loops of the server.
  let outputs: OutputBudget
  /// Replies on their way to a socket.
  var stage = ByteBuffer(capacity: 64 * 1024)
  private(set) var isDraining = false
  private var acceptors: [Acceptor] = []
  private var connections: [Int32: Connection] = [:]
  private var outgoing: [Int32: OutgoingConnection] = [:]
  /// Connections that have read and are answered when all have that can: what their answers take is brought near for several at once,
  /// and their peers are woken when there is more to come.
  private var turn: ContiguousArray<Connection> = []
  private var turnEvent: Event?
  private var shedEvent: Event?
  private var wakeEvent: Event?
  private var resumeEvent: Event?
  private var graceEvent: Event?
  private var stallEvent: Event?

  /// After the process has run out of descriptors, or reached the limit, accepting rests this long: the waiting client keeps
  /// the listening socket readable, and looking again at once would only burn the thread.
  private static let acceptPause_ns: UInt64 = 100_000_000
  /// Accepted in a row, before the connections there are get their turn.
  private static let acceptBurst = 64
  /// Connections whose answers are brought near at once.
  private static let foreseen = 16

  var now_ns: UInt64 { MonotonicClock.now_ns }

  init(
    listeners: [Listener], limits: NetworkLimits, outputs: OutputBudget, accept: @escaping Accept
  ) throws(NetworkError) {
    let configuration = event_config_new()
    event_config_set_flag(configuration, Int32(EVENT_BASE_FLAG_NOLOCK.rawValue))
    let base = event_base_new_with_config(configuration)
    event_config_free(configuration)
    guard let base else { throw .system("starting a network loop", errno) }
    let wakeDescriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    guard wakeDescriptor >= 0 else {
      let number = errno
      event_base_free(base)
      throw .system("starting a network loop", number)
    }
    self.base = base
    self.wakeDescriptor = wakeDescriptor
    self.limits = limits
    self.outputs = outputs
    self.accept = accept
    readMemory = .allocate(
      byteCount: listeners.reduce(max(limits.input_bytes, Connection.piece_bytes)) {
        max($0, $1.limits?.input_bytes ?? 0)
      }, alignment: 16)
    for (index, listener) in listeners.enumerated() {
      acceptors.append(try Acceptor(listener, index: index, loop: self))
    }
  }

  deinit {
    readMemory.deallocate()
    CNet.close(wakeDescriptor)
    event_base_free(base)
  }

  /// From any thread: see `NetworkServer.drain`.
  func ask(drainWithin grace_ms: Int) {
    mutex.withLock { asked_ms = min(asked_ms ?? grace_ms, grace_ms) }
    eventfd_write(wakeDescriptor, 1)
  }

  /// The thread's body: returns when the loop has drained.
  func run() {
    let context = Unmanaged.passUnretained(self).toOpaque()  // outlives the events, which end below
    wakeEvent = Event(base, wakeDescriptor, EV_READ | EV_PERSIST, context) { _, _, context in
      NetworkLoop.from(context).woken()
    }
    resumeEvent = Event(base, -1, 0, context) { _, _, context in NetworkLoop.from(context).resumeAccepting() }
    shedEvent = Event(base, -1, 0, context) { _, _, context in NetworkLoop.from(context).shed() }
    turnEvent = Event(base, -1, 0, context) { _, _, context in NetworkLoop.from(context).answerTurn() }
    graceEvent = Event(base, -1, 0, context) { _, _, context in NetworkLoop.from(context).expelAll() }
    stallEvent = Event(base, -1, EV_PERSIST, context) { _, _, context in NetworkLoop.from(context).expelStalled() }
    wakeEvent?.add()
    for acceptor in acceptors { acceptor.start() }
    event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY)
    expelAll()
    for connection in Array(outgoing.values) { connection.close() }
    acceptors = []
    wakeEvent = nil
    resumeEvent = nil
    graceEvent = nil
    stallEvent = nil
    turnEvent = nil
    shedEvent = nil
  }

  struct Sibling {
    unowned let loop: NetworkLoop  // the server holds all of them until all have ended
  }

  private typealias Handed = (descriptor: Int32, acceptor: Int)

  private static func from(_ context: UnsafeMutableRawPointer?) -> NetworkLoop {
    Unmanaged<NetworkLoop>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
  }

  // MARK: Accepting

  func acceptReady(_ acceptor: Acceptor) {
    for _ in 0..<Self.acceptBurst where !acceptor.isPaused {
      if !acceptOne(acceptor) { return }
    }
  }

  /// False where nobody waits, or nobody may come in now.
  private func acceptOne(_ acceptor: Acceptor) -> Bool {
    let counters = acceptor.listener.counters
    guard counters.open.add(1, ordering: .relaxed).newValue <= acceptor.limits.connections else {
      counters.open.subtract(1, ordering: .relaxed)
      pause([acceptor], counters)
      return false
    }
    let descriptor = accept(acceptor.descriptor)
    guard descriptor >= 0 else {
      counters.open.subtract(1, ordering: .relaxed)
      // Nobody waits, or the one who did has left. Anything else (EMFILE, ENFILE, ENOMEM, ...) lasts, and is every listener's.
      if ![EAGAIN, EINTR, ECONNABORTED, EPROTO].contains(-descriptor) { pause(acceptors, counters) }
      return false
    }
    counters.accepted.add(1, ordering: .relaxed)
    // Whoever comes first would take all of those who connect together, and leave the other processors to nobody.
    if let idler = idler, idler.take((descriptor, acceptor.index)) { return true }
    load.add(1, ordering: .relaxed)
    admit((descriptor, acceptor.index))
    return true
  }

  /// The loop that has fewest connections; nil where this one has not more.
  private var idler: NetworkLoop? {
    var (idler, least) = (nil as NetworkLoop?, load.load(ordering: .relaxed))
    for sibling in siblings {
      let load = sibling.loop.load.load(ordering: .relaxed)
      if load < least { (idler, least) = (sibling.loop, load) }
    }
    return idler
  }

  /// From another loop's thread: false where this one takes no more.
  private func take(_ connection: Handed) -> Bool {
    let isTaken = mutex.withLock {
      guard handed != nil else { return false }
      handed?.append(connection)
      load.add(1, ordering: .relaxed)
      return true
    }
    if isTaken { eventfd_write(wakeDescriptor, 1) }
    return isTaken
  }

  private func admit(_ connection: Handed) {
    let acceptor = acceptors[connection.acceptor]
    connections[connection.descriptor] = Connection(
      socket: Socket(descriptor: connection.descriptor), handler: acceptor.factory.makeConnection(), acceptor: acceptor,
      loop: self)
  }

  private func admitHanded(andNoMore isLast: Bool = false) {
    let arrived = mutex.withLock {
      defer { handed = isLast || handed == nil ? nil : [] }
      return handed ?? []
    }
    for connection in arrived { admit(connection) }
  }

  private func pause(_ paused: [Acceptor], _ counters: NetworkCounters) {
    counters.acceptPauses.add(1, ordering: .relaxed)
    for acceptor in paused where !acceptor.isPaused { acceptor.pause() }
    resumeEvent?.add(after_ns: Self.acceptPause_ns)
  }

  private func resumeAccepting() {
    guard !isDraining else { return }
    for acceptor in acceptors where acceptor.isPaused { acceptor.start() }
  }

  // MARK: Ending

  private func woken() {
    var count: UInt64 = 0
    eventfd_read(wakeDescriptor, &count)
    admitHanded()
    guard let grace_ms = mutex.withLock({ asked_ms }) else { return }
    graceEvent?.add(after_ns: UInt64(max(grace_ms, 0)) * 1_000_000)
    if !isDraining { drain() }
  }

  private func drain() {
    admitHanded(andNoMore: true)
    // Who has connected by now is let in: closing the socket would reset them.
    for acceptor in acceptors { while !acceptor.isPaused && acceptOne(acceptor) {} }
    isDraining = true
    acceptors = []
    for connection in Array(connections.values) { connection.drain() }
    expelStalled()
    stallEvent?.add(after_ns: UInt64(limits.drainStall_ms) * 1_000_000)
    if connections.isEmpty { event_base_loopbreak(base) }
  }

  /// Of those who may take what is theirs, who does not.
  private func expelStalled() { for connection in Array(connections.values) { connection.expelStalled() } }

  private func expelAll() {
    for connection in Array(connections.values) { connection.expel() }
    event_base_loopbreak(base)
  }

  // MARK: Turns

  /// Behind the events of this round that have not been looked at.
  func answerInTurn(_ connection: Connection) {
    if turn.isEmpty { turnEvent?.activate() }
    turn.append(connection)
  }

  private func answerTurn() {
    var start = 0
    // Whoever joins meanwhile is answered as well.
    while start < turn.count {
      let part = start..<min(start + Self.foreseen, turn.count)
      for index in part { turn[index].foresee() }
      for index in part { turn[index].answerTurn() }
      start = part.upperBound
    }
    turn.removeAll(keepingCapacity: true)
  }

  // MARK: Output

  /// Where output needs room: ends connections whose peers have stopped taking it, once nobody is in the middle of anything, and until no
  /// more waits than may, those for whom most does.
  func shedOutput() { shedEvent?.activate() }

  private func shed() {
    let now_ns = now_ns
    for connection in connections.values.filter({ $0.isStalled(now_ns: now_ns) }) { shed(connection) }
    while outputs.isExceeded, let slowest = connections.values.max(by: { $0.waiting_bytes < $1.waiting_bytes }),
      slowest.waiting_bytes > 0
    {
      shed(slowest)
    }
  }

  private func shed(_ connection: Connection) {
    connection.counters.shed.add(1, ordering: .relaxed)
    connection.abort()
  }

  // MARK: Outgoing

  /// Held until `closed`.
  func opened(_ connection: OutgoingConnection) { outgoing[connection.descriptor] = connection }

  func closed(_ connection: OutgoingConnection) { outgoing[connection.descriptor] = nil }

  /// The connection is closed, and its descriptor may be another's from now on.
  func closed(_ connection: Connection) {
    connections[connection.descriptor] = nil
    load.subtract(1, ordering: .relaxed)
    connection.counters.open.subtract(1, ordering: .relaxed)
    if isDraining {
      if connections.isEmpty { event_base_loopbreak(base) }
    } else {
      resumeAccepting()
    }
  }
}
