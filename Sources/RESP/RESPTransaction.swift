import Bytes

/// The commands between MULTI and EXEC, kept as they would come again. Each is answered by what is known when its turn comes: nothing
/// is written here, so that there is nothing for a transaction to hold together but the replies' place in one array.
struct RESPTransaction: ~Copyable {
  enum Phase {
    case none
    case queuing
    /// A command was refused: EXEC will refuse all.
    case failed
    /// EXEC has come; commands are answered one after the other.
    case executing
  }

  private(set) var phase = Phase.none
  private(set) var count = 0
  private var commands = ByteBuffer(capacity: 16)
  private var at = 0

  init() {}

  var isQueuing: Bool { phase == .queuing || phase == .failed }

  /// Of the queue, in bytes: as much as one command may have.
  static func limit(_ limits: RESPLimits) -> Int { limits.request_bytes }

  mutating func begin() { phase = .queuing }

  mutating func fail() { if phase == .queuing { phase = .failed } }

  mutating func end() {
    phase = .none
    (count, at) = (0, 0)
    commands.clear()
    commands.shrink(to: 16)
  }

  mutating func execute() { phase = .executing }

  /// False where there is no room.
  mutating func add(_ command: borrowing RESPCommand, _ limits: RESPLimits) -> Bool {
    let start = commands.count
    head("*", command.count)
    for index in 0..<command.count {
      head("$", command[index].count)
      commands.append(command[index])
      commands.append("\r\n")
    }
    guard commands.count <= Self.limit(limits) else {
      commands.truncate(to: start)
      return false
    }
    count += 1
    return true
  }

  private mutating func head(_ type: StaticString, _ count: Int) {
    commands.append(type)
    commands.append(decimal: UInt64(count))
    commands.append("\r\n")
  }

  /// Leaves the next command to answer in `parser`; what it points to is good until `end`. False where there is none.
  mutating func next(_ parser: inout RESPParser) -> Bool {
    let rest = UnsafeRawBufferPointer(rebasing: commands.bytes[at...])
    // They were parsed before, and bounded when they were added.
    guard case .command(let size) = parser.parse(rest, RESPLimits.unlimited) else { return false }
    at += size
    return true
  }
}

extension RESPLimits {
  fileprivate static var unlimited: RESPLimits {
    var limits = RESPLimits()
    (limits.arguments, limits.argument_bytes, limits.request_bytes) = (.max, 1 << 40, 1 << 41)
    return limits
  }
}
