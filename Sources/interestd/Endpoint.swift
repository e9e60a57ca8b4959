import DaemonConfig
import HTTP
import Network
import Telemetry

/// The HTTP server of `run` and `serve`.
struct Endpoint: Sendable {
  let server: NetworkServer
  private let service: LookupService

  /// Requests under way may take so long after a stop.
  private static var grace_ms: Int { 2000 }

  init(_ configuration: DaemonConfiguration, _ service: LookupService, _ log: Log) throws {
    let metrics = DaemonMetrics(service)
    let listener = try Listener(
      address: configuration.http.listen, allowRemote: configuration.http.allowRemote, option: "http.allow_remote"
    ) {
      HTTPServer(handler: LookupHandler(service, metrics))
    }
    server = try NetworkServer(name: "http", limits: configuration.networkLimits, listeners: [listener])
    self.service = service
    metrics.setNetwork(server.counters)
    if configuration.http.allowRemote {
      log.warn(
        "http.allow_remote is on: anybody who reaches the address can read every user",
        ["address": configuration.http.listen])
    }
    log.info("listening", ["http": "\(server.addresses[0])"])
  }

  /// Where it is reached: with the port that was taken where 0 was asked for.
  var url: String { "http://\(server.addresses[0])" }

  func stop() {
    service.beginDraining()
    server.drain(grace_ms: Self.grace_ms)
  }
}
