import DaemonConfig
import Glibc
import Telemetry

/// The descriptors that the process may have: systems let processes have 1,024 until they ask for more.
enum OpenFiles {
  /// Files of the state (of 64 MiB, all open), connections to brokers and other instances, and what else is not a client's connection.
  private static var own: Int { 4096 }

  /// Asks for as many as the connections that are let in may take. Where there are fewer, new connections wait when they are used up.
  static func raiseLimit(_ configuration: DaemonConfiguration, _ log: Log) {
    let ports = [
      configuration.http.maximumConnections, configuration.grpc.maximumConnections,
      configuration.resp.maximumConnections,
    ]
    let wanted = rlim_t(ports.reduce(own, +))
    let resource = Int32(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0, limit.rlim_cur < wanted else { return }
    limit.rlim_cur = min(wanted, limit.rlim_max)
    if setrlimit(resource, &limit) == 0, limit.rlim_cur == wanted { return }
    log.warn(
      "the system lets this process have fewer open files than its connections may take: raise the limit (ulimit -n, LimitNOFILE), "
        + "or lower maximum_connections",
      ["limit": Int(clamping: limit.rlim_cur), "wanted": Int(clamping: wanted)])
  }
}
