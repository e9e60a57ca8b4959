import Bytes

/// The commands between MULTI and EXEC, kept as they would come again. Each is answered by what is known when its turn comes: nothing
/// is written here, so that there is nothing for a transaction to hold together but the replies' place in one array.
final class RESPTransaction {
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
  private let memory: TransactionMemory
  /// Of `commands`, what counts there.
  private(set) var held_bytes = 0

  init(_ memory: TransactionMemory) { self.memory = memory }

  deinit { memory.held_bytes -= held_bytes }

  var isQueuing: Bool { phase == .queuing || phase == .failed }

  /// Of the queue, in bytes: as much as one command may have.
  static func limit(_ limits: RESPLimits) -> Int { limits.request_bytes }

  func begin() { phase = .queuing }

  func fail() {
    guard phase == .queuing else { return }
    phase = .failed
    forget()
  }

  func end() {
    phase = .none
    forget()
  }

  private func forget() {
    (count, at) = (0, 0)
    commands.clear()
    commands.shrink(to: 16)
    account()
  }

  private func account() {
    let held = max(0, commands.capacity_bytes - TransactionMemory.free_bytes)
    memory.held_bytes += held - held_bytes
    held_bytes = held
  }

  func execute() { phase = .executing }

  enum Addition { case queued, tooLong, busy }

  /// Where there is no room for the command, the transaction has failed.
  func add(_ command: borrowing RESPCommand, _ limits: RESPLimits) -> Addition {
    // EXEC would refuse it.
    guard phase == .queuing else { return .queued }
    head("*", command.count)
    for index in 0..<command.count {
      head("$", command[index].count)
      commands.append(command[index])
      commands.append("\r\n")
    }
    account()
    let isTooLong = commands.count > Self.limit(limits)
    if isTooLong || memory.held_bytes > limits.queues_bytes {
      fail()
      return isTooLong ? .tooLong : .busy
    }
    count += 1
    return .queued
  }

  private func head(_ type: StaticString, _ count: Int) {
    commands.append(type)
    commands.append(decimal: UInt64(count))
    commands.append("\r\n")
  }

  /// Leaves the next command to answer in `parser`; what it points to is good until `end`. False where there is none.
  func next(_ parser: inout RESPParser) -> Bool {
    let rest = UnsafeRawBufferPointer(rebasing: commands.bytes[at...])
    // They were parsed before, and bounded when they were added.
    guard case .command(let size) = parser.parse(rest, RESPLimits.unlimited) else { return false }
    at += size
    return true
  }
}

/// What the transactions of a loop hold of memory together.
final class TransactionMemory {
  /// Of each transaction, what does not count: enough for most.
  static let free_bytes = 4096

  fileprivate(set) var held_bytes = 0
}

extension RESPLimits {
  fileprivate static var unlimited: RESPLimits {
    var limits = RESPLimits()
    (limits.arguments, limits.argument_bytes, limits.request_bytes) = (.max, 1 << 40, 1 << 41)
    return limits
  }
}
