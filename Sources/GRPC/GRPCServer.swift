import Bytes
import Network

/// gRPC on a network loop: what its connections share. To be made by a `Listener`, once per loop.
public final class GRPCServer: ConnectionFactory {
  let limits: GRPCLimits
  let counters: GRPCCounters
  let methods: MethodTable
  let authorizer: Authorizer
  let setup: SessionSetup
  let fields = ReplyFields()
  private let services: [GRPCService]
  private var free: [GRPCCall] = []
  /// From their header until their reply is taken.
  private(set) var callsUnderWay = 0
  /// Of those, the ones that are being answered.
  var callsServed = 0
  /// Unordered.
  private var connections: [GRPCConnection] = []
  var watches = 0
  var requests_bytes = 0
  var replies_bytes = 0
  private lazy var inflater = GzipInflater()
  private var inflated = ByteBuffer(capacity: 16)

  /// Calls kept for use again.
  private static let kept = 256
  private static let keptInflated_bytes = 64 << 10

  /// - Parameters:
  ///   - services: The ones asked most first.
  ///   - authorizer: Who may call the methods that are not open: they need the right to read.
  public init(
    services: [GRPCService], counters: GRPCCounters, limits: GRPCLimits = GRPCLimits(), authorizer: Authorizer = .open
  ) {
    self.services = services
    self.counters = counters
    self.limits = limits
    self.authorizer = authorizer
    methods = MethodTable(services, counters)
    setup = SessionSetup(limits)
  }

  public override func started(_ dialer: Dialer) { for service in services { service.started(dialer) } }

  public override func makeConnection() -> ConnectionHandler {
    let connection = GRPCConnection(server: self)
    connection.index = connections.count
    connections.append(connection)
    return connection
  }

  func remove(_ connection: GRPCConnection) {
    guard connection.index < connections.count, connections[connection.index] === connection else { return }
    let last = connections.removeLast()
    if last === connection { return }
    connections[connection.index] = last
    last.index = connection.index
  }

  // MARK: Replies

  /// Whether replies may have so many bytes more. Where they may not, and a client has stopped taking its own, its connection is ended.
  func hasRoom(for bytes: Int, of limit: Int, asker: GRPCConnection) -> Bool {
    while replies_bytes + bytes > limit {
      let stalled = connections.filter { $0 !== asker && $0.isStalled(now_ns: asker.now_ns) }
      guard let greediest = stalled.max(by: { $0.replies_bytes < $1.replies_bytes }) else { return false }
      greediest.giveUp()
    }
    return true
  }

  // MARK: Calls

  func takeCall() -> GRPCCall {
    callsUnderWay += 1
    counters.underWay.add(1, ordering: .relaxed)
    return free.popLast() ?? GRPCCall()
  }

  func give(back call: GRPCCall) {
    call.move(to: .free, self)
    call.clear()
    callsUnderWay -= 1
    counters.underWay.subtract(1, ordering: .relaxed)
    if free.count < Self.kept { free.append(call) }
  }

  /// Inflates a message into the loop's memory, good until the next one. Nil: `call` has failed.
  func inflate(_ call: GRPCCall) -> UnsafeRawBufferPointer? {
    inflated.clear()
    inflated.shrink(to: Self.keptInflated_bytes)
    switch inflater.inflate(call.reader.message.bytes, into: &inflated, limit: limits.message_bytes) {
    case .done: return inflated.bytes
    case .malformed: call.fail(.internalError, "the request is marked as compressed and is no gzip")
    case .tooLong:
      call.fail(.resourceExhausted, "the request inflates to more than \(limits.message_bytes) bytes")
    }
    return nil
  }
}
