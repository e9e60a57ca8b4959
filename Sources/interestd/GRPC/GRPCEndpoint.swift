import Foundation
import GRPC
import Network
import Serving
import Telemetry

/// What `run` and `serve` answer over gRPC.
struct GRPCEndpoint: Sendable {
  let server: NetworkServer
  let counters: GRPCCounters

  /// - Parameter limits: Of connections, but for their deadlines: those are in `calls`.
  init(
    listen: String, loops: Int, limits: NetworkLimits, calls: GRPCLimits, _ service: LookupService, _ security: Security
  ) throws {
    let counters = GRPCCounters(
      methods: InterestService.methods + HealthService.methods + ReflectionService.methods)
    guard let set = Data(base64Encoded: "\(Descriptors.set)"), let descriptors = FileDescriptors(set: Array(set)) else {
      throw SetupError("the schemas that were built in cannot be read: build it again")
    }
    let listener = try Listener(
      address: listen, tls: security.tls(of: "grpc"), allowRemote: security.mayBeRemote("grpc"),
      option: "grpc.allow_remote"
    ) {
      GRPCServer(
        services: [
          InterestService(service),
          HealthService(services: descriptors.services) { service.missing == nil }, ReflectionService(descriptors),
        ], counters: counters, limits: calls, authorizer: security.authorizer)
    }
    server = try NetworkServer(name: "grpc", loops: loops, limits: limits, listeners: [listener])
    self.counters = counters
  }

  func write(to writer: inout MetricsWriter) {
    for method in counters.methods {
      for (status, count) in method.calls {
        writer.counter(
          "interestd_grpc_calls_total", "gRPC calls that have ended.", count,
          ["method": method.name, "status": "\(status.name)"])
      }
      if method.latency.count > 0 {
        writer.summary(
          "interestd_grpc_call_duration_seconds", "From a call's header to its answer.", method.latency,
          ["method": method.name])
      }
    }
    let network = server.counters.values
    writer.gauge("interestd_grpc_calls", "gRPC calls under way.", counters.callsUnderWay)
    writer.gauge("interestd_grpc_connections", "Open gRPC connections.", network.open)
    writer.counter("interestd_grpc_connections_accepted_total", "gRPC connections accepted.", network.accepted)
    writer.counter(
      "interestd_grpc_connections_refused_total", "gRPC connections ended because of what they sent.",
      counters.misbehaved)
    writer.counter("interestd_grpc_connections_shed_total", DaemonMetrics.shed, network.shed)
    writer.counter("interestd_grpc_received_bytes_total", "Bytes received over gRPC.", network.received_bytes)
    writer.counter("interestd_grpc_sent_bytes_total", "Bytes sent over gRPC.", network.sent_bytes)
  }
}
