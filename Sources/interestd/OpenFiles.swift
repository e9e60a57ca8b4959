import DaemonConfig
import Glibc
import Telemetry

/// The descriptors that the process may have: systems let processes have 1,024 until they ask for more. A state alone may need that many:
/// all of its files are open.
enum OpenFiles {
  /// Files of the state (of 64 MiB, all open), connections to brokers and other instances, and what else is not a client's connection.
  private static var own: Int { 4096 }
  /// More is of no use, and whatever walks over all numbers that a descriptor may have would take long.
  private static var most: rlim_t { 1 << 20 }

  private static var limits: rlimit? {
    var limits = rlimit()
    return getrlimit(Int32(RLIMIT_NOFILE.rawValue), &limits) == 0 ? limits : nil
  }

  /// Asks for as many as the system lets a process ask for. Nothing here waits by select(2), which has room for 1,024.
  static func raiseLimit() {
    guard var limits, limits.rlim_cur < min(limits.rlim_max, most) else { return }
    limits.rlim_cur = min(limits.rlim_max, most)
    setrlimit(Int32(RLIMIT_NOFILE.rawValue), &limits)
  }

  /// Warns where there are fewer than the connections that are let in may take: new ones wait when they are used up.
  static func check(_ configuration: DaemonConfiguration, _ log: Log) {
    let ports = [
      configuration.http.maximumConnections, configuration.grpc.maximumConnections,
      configuration.resp.maximumConnections,
    ]
    let wanted = rlim_t(ports.reduce(own, +))
    guard let limits, limits.rlim_cur < wanted else { return }
    log.warn(
      "the system lets this process have fewer open files than its connections may take: raise the limit (ulimit -n, LimitNOFILE), "
        + "or lower maximum_connections",
      ["limit": Int(clamping: limits.rlim_cur), "wanted": Int(clamping: wanted)])
  }
}
