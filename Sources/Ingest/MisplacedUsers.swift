import InterestStore
import Telemetry
import Threads

/// Users met on another partition than the partitioner tells, as a lane reports them: the first at once, then at most once a minute.
struct MisplacedUsers {
  struct Example {
    var user: String
    var seen: UInt16
    var expected: UInt16
    /// Who would have put the user there.
    var others: [Partitioner]
  }

  private var count: UInt64 = 0
  private var example: Example?
  private var next_ns: UInt64 = 0
  private static var pause_ns: UInt64 { 60_000_000_000 }

  mutating func count(_ example: @autoclosure () -> Example) {
    count &+= 1
    if self.example == nil { self.example = example() }
  }

  /// Writes what is due.
  mutating func report(to log: Log, partitioner: String, now_ns: UInt64) {
    guard let example, now_ns >= next_ns else { return }
    let advice =
      example.others.isEmpty
      ? "no partitioner known here would have put it there: see kafka.partitioner and kafka.key"
      : "set kafka.partitioner to \(example.others.map(\.rawValue).joined(separator: " or ")), and rebuild in a new state "
        + "directory"
    log.error(
      "users are on other partitions than lookups ask",
      [
        "user": example.user, "partition": Int(example.seen), "expected": Int(example.expected),
        "partitioner": partitioner, "count": count, "advice": advice,
      ])
    next_ns = now_ns + Self.pause_ns
    (count, self.example) = (0, nil)
  }
}
