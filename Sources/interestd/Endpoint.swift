import DaemonConfig
import Glibc
import HTTP
import Network
import RESP
import Routing
import Serving
import Telemetry
import Threads

/// The servers of `run` and `serve`: HTTP, and gRPC and RESP where those are configured.
struct Endpoint: Sendable {
  let server: NetworkServer
  /// The address by which clients and other instances reach this one.
  let instance: String
  let metrics: DaemonMetrics
  private let isSecure: Bool
  private let respServer: NetworkServer?
  private let grpc: GRPCEndpoint?
  private let memory: MemoryWatch?
  private let service: LookupService
  private let security: Security
  /// Requests under way, and replies that clients take, may take so long after a stop.
  private let grace_ms: Int

  init(_ configuration: DaemonConfiguration, _ service: LookupService, _ security: Security) throws {
    let metrics = DaemonMetrics(service, security)
    let (redirects, metricsRight) = (configuration.http.redirect, configuration.auth.metricsRight)
    let listener = try Listener(
      address: configuration.http.listen, tls: security.tls(of: "http"), allowRemote: security.mayBeRemote("http"),
      option: "http.allow_remote"
    ) {
      HTTPServer(
        handler: LookupHandler(service, metrics, redirects: redirects, metricsRight: metricsRight),
        authorizer: security.authorizer)
    }
    server = try NetworkServer(
      name: "http", loops: Self.loops(configuration.http.threads, service), limits: configuration.networkLimits,
      listeners: [listener])
    self.service = service
    self.security = security
    grace_ms = configuration.lookup.drain_ms
    isSecure = security.tls(of: "http") != nil
    self.metrics = metrics
    metrics.setNetwork(server.counters)
    instance = try Self.advertised(configuration.http.advertise, server.addresses[0])
    service.instance = instance
    respServer = try Self.serveRESP(configuration, service, security, metrics)
    grpc = try Self.serveGRPC(configuration, service, security, metrics)
    memory = service.cache.map {
      MemoryWatch($0, budget_bytes: configuration.memoryBudget_bytes(answers: $0.most_bytes))
    }
  }

  /// Once nothing is in the way of answering: scripts wait for this line.
  func tell(_ log: Log) {
    log.info(
      "listening",
      [
        "http": "\(server.addresses[0])", "grpc": grpc.map { "\($0.server.addresses[0])" } ?? "off",
        "resp": respServer.map { "\($0.addresses[0])" } ?? "off",
        "advertise": instance,
      ])
  }

  /// Where answers are ready, one loop sends more than most networks carry, and takes less time for each, as more has come whenever it looks.
  private static func loops(_ configured: Int, _ service: LookupService) -> Int {
    if configured > 0 { return configured }
    return service.cache == nil ? Processors.upToFour : 1
  }

  private static func serveGRPC(
    _ configuration: DaemonConfiguration, _ service: LookupService, _ security: Security, _ metrics: DaemonMetrics
  ) throws -> GRPCEndpoint? {
    if configuration.grpc.listen.isEmpty { return nil }
    let loops = Self.loops(configuration.grpc.threads, service)
    let endpoint = try GRPCEndpoint(
      listen: configuration.grpc.listen, loops: loops, limits: configuration.grpcLimits,
      calls: configuration.callLimits(loops: loops), service, security)
    metrics.setGRPC(endpoint)
    return endpoint
  }

  private static func serveRESP(
    _ configuration: DaemonConfiguration, _ service: LookupService, _ security: Security, _ metrics: DaemonMetrics
  ) throws -> NetworkServer? {
    if configuration.resp.listen.isEmpty { return nil }
    let facts = RESPFacts()
    let listener = try Listener(
      address: configuration.resp.listen, tls: security.tls(of: "resp"), allowRemote: security.mayBeRemote("resp"),
      option: "resp.allow_remote"
    ) {
      RESPServer(handler: SequenceCommands(service, facts, security.authorizer), counters: facts.counters)
    }
    var limits = configuration.respLimits
    limits.input_bytes = RESPLimits().request_bytes + 64 * 1024
    limits.pipelined_bytes = 8 << 20
    let server = try NetworkServer(
      name: "resp", loops: Self.loops(configuration.resp.threads, service), limits: limits, listeners: [listener])
    facts.set(port: server.addresses[0].port) { server.counters.values }
    metrics.setRESP(facts)
    return server
  }

  /// What is configured; otherwise where it listens, which for all interfaces is the host's name.
  private static func advertised(_ configured: String, _ bound: SocketAddress) throws -> String {
    if !configured.isEmpty { return configured }
    var address = bound.description
    if bound.isWildcard {
      var name = [CChar](repeating: 0, count: 256)
      gethostname(&name, name.count - 1)
      address = name.withUnsafeBufferPointer { String(cString: $0.baseAddress.unsafelyUnwrapped) } + ":\(bound.port)"
    }
    if Owner.isAddress(address) { return address }
    throw SetupError("other instances cannot be told how to reach this one at '\(address)': set http.advertise")
  }

  /// Where it is reached: with the port that was taken where 0 was asked for.
  var url: String { "\(isSecure ? "https" : "http")://\(server.addresses[0])" }

  func stop() {
    defer { security.stop() }
    service.beginDraining()
    // Side by side: each may take all of the grace.
    let draining = respServer.map { server in Thread(name: "drain-resp") { server.drain(grace_ms: grace_ms) } }
    let drainingGRPC = grpc.map { grpc in Thread(name: "drain-grpc") { grpc.server.drain(grace_ms: grace_ms) } }
    server.drain(grace_ms: grace_ms)
    draining?.join()
    drainingGRPC?.join()
    memory?.stop()
    service.stop()
  }
}
