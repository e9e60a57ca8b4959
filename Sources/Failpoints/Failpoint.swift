import Glibc
import Synchronization

/// Places at which tests let the process die, or an operation fail, to see what is left. Nothing happens there unless
/// `INTERESTD_FAILPOINTS` names one when the process starts:
///
///     INTERESTD_FAILPOINTS=sst_written=kill@3,ingest=error@1x5
///
/// kills the process the third time that a file is complete, and lets the first five ingestions fail.
public enum Failpoint: String, CaseIterable, Sendable {
  /// A behavior is about to be put into the fold buffer.
  case buffer
  /// A buffer with its positions is about to be handed to the flusher.
  case flush
  /// A file of states is half written.
  case sstWrite = "sst_write"
  /// It is complete, and not in the database.
  case sstWritten = "sst_written"
  /// It is in the database, and nobody knows yet.
  case ingest
  /// A bad record is about to go to the dead letters.
  case deadLetter = "dead_letter"
  /// The letters are about to be made durable.
  case deadLettersSync = "dead_letters_sync"
  /// What was read of partitions that the group takes back is durable; they are not given up yet.
  case revoke
  /// Offsets are about to be reported to the group.
  case commit
  /// Erased users' ranges are being compacted.
  case erase
  /// A record that librdkafka gives is dropped, as its faults do.
  case record
}

/// What `INTERESTD_FAILPOINTS` asks for.
public enum Failpoints {
  private enum Action { case kill, error }

  private struct Plan {
    var action: Action
    /// The first pass that it acts at, from 1, and at how many from there on.
    var first: Int
    var count: Int
  }

  private static let plans: [Failpoint: Plan] = getenv(name).map { parse(String(cString: $0)) } ?? [:]
  private static let passes = Passes()

  public static let name = "INTERESTD_FAILPOINTS"

  /// Whether any is asked for: what is done very often asks once.
  public static let isActive = !plans.isEmpty

  /// Whether this one is asked for.
  public static func isSet(_ point: Failpoint) -> Bool { isActive && plans[point] != nil }

  /// Passes a place. True where the operation is to fail; does not return where the process is to die.
  @inline(__always)
  public static func fails(at point: Failpoint) -> Bool { isActive && act(at: point) }

  @inline(never)
  private static func act(at point: Failpoint) -> Bool {
    guard let plan = plans[point] else { return false }
    let pass = passes.next(point)
    guard pass >= plan.first, pass - plan.first < plan.count else { return false }
    if plan.action == .kill {
      kill(getpid(), SIGKILL)
      pause()
    }
    return true
  }

  private static func parse(_ text: String) -> [Failpoint: Plan] {
    var plans: [Failpoint: Plan] = [:]
    for item in text.split(separator: ",") {
      let parts = item.split(separator: "=")
      let place = (parts.count == 2 ? parts[1] : "").split(separator: "@")
      let numbers = (place.count == 2 ? place[1] : "").split(separator: "x")
      guard
        let point = Failpoint(rawValue: String(parts[0])), let action = place.first.map({ String($0) }),
        ["kill", "error"].contains(action), let first = numbers.first.flatMap({ Int($0) }),
        let count = numbers.count > 1 ? Int(numbers[1]) : 1
      else {
        let complaint = "\(name): '\(item)' is not POINT=kill@N or POINT=error@NxCOUNT\n"
        _ = complaint.withCString { write(STDERR_FILENO, $0, strlen($0)) }
        exit(2)
      }
      plans[point] = Plan(action: action == "kill" ? .kill : .error, first: first, count: count)
    }
    return plans
  }
}

private final class Passes: @unchecked Sendable {  // the pointer never changes, and what it leads to is atomic
  private let counts = UnsafeMutablePointer<Atomic<Int>>.allocate(capacity: Failpoint.allCases.count)

  init() { for index in Failpoint.allCases.indices { (counts + index).initialize(to: Atomic(0)) } }

  deinit { counts.deallocate() }

  func next(_ point: Failpoint) -> Int {
    let index = Failpoint.allCases.firstIndex(of: point) ?? 0
    return counts[index].add(1, ordering: .relaxed).newValue
  }
}
