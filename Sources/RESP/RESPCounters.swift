import Synchronization
public import Telemetry

/// What the connections of a server have done, over all loops; read from any thread, at any time.
///
/// `@unchecked Sendable`: the memory holds atomics only, and lives as long as this.
public final class RESPCounters: @unchecked Sendable {
  private let ids = Atomic<UInt64>(0)
  private let writtenErrors = Atomic<UInt64>(0)
  private let brokenConnections = Atomic<UInt64>(0)
  /// The last for what is no command.
  private let names: [StaticString]
  private let counts: UnsafeMutablePointer<Atomic<UInt64>>
  /// From the moment when commands have come until their replies are made: those that came together take the same time. What other
  /// instances were asked for takes until they have answered.
  public let durations = LatencyHistogram()

  /// - Parameter commands: The handler's; others count together.
  public init(commands: [RESPCommandSpec] = []) {
    names = (commands + ConnectionVerb.specs).map(\.name) + ["unknown"]
    counts = .allocate(capacity: names.count)
    for place in names.indices { (counts + place).initialize(to: Atomic(0)) }
  }

  deinit {
    counts.deinitialize(count: names.count)
    counts.deallocate()
  }

  /// Connections there have been.
  public var connections: UInt64 { ids.load(ordering: .relaxed) }
  /// Commands, whatever their reply.
  public var commands: UInt64 { names.indices.reduce(0) { $0 + counts[$1].load(ordering: .relaxed) } }
  /// Those by their names, of which `unknown` stands for all that are none.
  public var byCommand: [(name: String, count: UInt64)] {
    names.indices.map { ("\(names[$0])", counts[$0].load(ordering: .relaxed)) }
  }
  /// Replies that were errors.
  public var errors: UInt64 { writtenErrors.load(ordering: .relaxed) }
  /// Connections ended because what came was not the protocol.
  public var protocolErrors: UInt64 { brokenConnections.load(ordering: .relaxed) }

  func nextID() -> UInt64 { ids.add(1, ordering: .relaxed).newValue }

  /// Where a command is counted; nil: what is none.
  func place(of name: StaticString?) -> Int {
    names.firstIndex { "\($0)" == name.map { "\($0)" } } ?? names.count - 1
  }

  func add(commands: Int, at place: Int) { counts[place].add(UInt64(commands), ordering: .relaxed) }

  func add(errors: Int) { if errors > 0 { writtenErrors.add(UInt64(errors), ordering: .relaxed) } }

  func addProtocolError() { brokenConnections.add(1, ordering: .relaxed) }
}
