import Glibc
import Network
import RESP
import Serving
import Telemetry
import Threads

/// What INFO tells. Known once RESP is listened on: after its handlers are made.
final class RESPFacts: @unchecked Sendable {  // `listening` is guarded by `mutex`
  let counters = RESPCounters(commands: SequenceCommands.specs)
  private let started_ns = MonotonicClock.now_ns
  private let mutex = Mutex()
  private var listening: (port: Int, values: @Sendable () -> NetworkCounters.Values)?

  /// The newest Redis whose connect-time commands these are: clients choose by it what they may send.
  static var redisVersion: String { "7.0.0" }

  func set(port: Int, _ values: @escaping @Sendable () -> NetworkCounters.Values) {
    mutex.withLock { listening = (port, values) }
  }

  /// The connections' and bytes' counters, once there are some.
  var network: NetworkCounters.Values? { mutex.withLock { listening }?.values() }

  /// What clients decide by on connecting.
  func greeting(_ service: LookupService) -> [RESPInfoSection] {
    [
      RESPInfoSection(
        "Server",
        [
          ("redis_version", Self.redisVersion), ("redis_mode", "standalone"), ("interestd_version", Version.number),
          ("interestd_commit", Version.commit), ("tcp_port", "\(mutex.withLock { listening }?.port ?? 0)"),
        ]),
      RESPInfoSection("Persistence", [("loading", service.backend == nil ? "1" : "0")]),
      RESPInfoSection("Replication", [("role", "master"), ("connected_slaves", "0")]),
    ]
  }

  /// How the instance fares: for administrators.
  func work(_ service: LookupService) -> [RESPInfoSection] {
    let network = self.network
    let users = service.users.values
    let memory_bytes = ProcessMemory.resident_bytes ?? 0
    return [
      RESPInfoSection(
        "Process",
        [
          ("process_id", "\(getpid())"),
          ("uptime_in_seconds", "\((MonotonicClock.now_ns - started_ns) / 1_000_000_000)"),
          ("used_cpu", Self.seconds(CPUClock.process_ns)),
          ("ready", service.missing == nil ? "1" : "0"), ("missing", service.missing ?? ""),
        ]),
      // What the allocator has of it is not asked for: that would keep it from its work.
      RESPInfoSection("Memory", [("used_memory", "\(memory_bytes)"), ("used_memory_rss", "\(memory_bytes)")]),
      RESPInfoSection("Clients", [("connected_clients", "\(network?.open ?? 0)")]),
      RESPInfoSection(
        "Stats",
        [
          ("total_connections_received", "\(network?.accepted ?? 0)"),
          ("total_commands_processed", "\(counters.commands)"), ("total_error_replies", "\(counters.errors)"),
          // Of every protocol's lookups.
          ("keyspace_hits", "\(users.known)"), ("keyspace_misses", "\(users.unknown)"),
          ("total_net_input_bytes", "\(network?.received_bytes ?? 0)"),
          ("total_net_output_bytes", "\(network?.sent_bytes ?? 0)"),
        ]),
    ]
  }

  private static func seconds(_ time_ns: UInt64) -> String {
    let thousandths = time_ns / 1_000_000
    return
      "\(thousandths / 1000).\(String(repeating: "0", count: 3 - "\(thousandths % 1000)".count))\(thousandths % 1000)"
  }
}
