import CommandLineArguments
import DaemonConfig
import Foundation
import InterestCodec
import InterestStore
import Network
import Serving

/// `interestd serve`
struct ServeCommand {
  private let arguments: ParsedArguments

  init(_ arguments: ParsedArguments) { self.arguments = arguments }

  func run() throws -> Int32 {
    let signals = try TerminationSignals(catchingHangup: true)
    let path = arguments.text("state") ?? ""
    var configuration: DaemonConfiguration
    if let file = arguments.text("config") {
      configuration = try DaemonConfiguration.load(path: file, environment: ProcessInfo.processInfo.environment)
    } else {
      // What states are folded by is the state's own; the rest has defaults.
      let identity = try InterestStore.identity(of: path)
      configuration = try DaemonConfiguration.defaults(
        behaviors: identity.configuration.catalog, environment: ProcessInfo.processInfo.environment)
    }
    try configuration.apply(arguments)
    let log = configuration.makeLog()
    OpenFiles.check(configuration, log)
    let security = try Security(configuration, log)
    let service = LookupService(
      version: Version.number, cache_bytes: configuration.servingCache_bytes, peers: security.peers,
      limits: configuration.workLimits)
    let endpoint = try Endpoint(configuration, service, security, log)
    let store = try InterestStore.open(
      serving: path, limits: configuration.storeLimits, holder: "interestd serve on \(endpoint.url)")
    store.checkBlockCache(log)
    service.publish(
      .init(
        store: store, ownedAtLast: try store.generation.ownedPartitions(),
        clusterMap: try clusterMap(configuration, of: store)))
    if case .signal(let name) = signals.wait(hangup: security.reload) { log.info("stopping", ["signal": name]) }
    signals.restoreDefault()
    endpoint.stop()
    log.info("stopped")
    return 0
  }

  /// By which groups of shops are found, where one is named: it has to be the state's.
  private func clusterMap(_ configuration: DaemonConfiguration, of store: InterestStore) throws -> ClusterMap? {
    if configuration.clusterMap.isEmpty { return nil }
    let map = try ClusterMap.load(configuration.clusterMap)
    if map.hash == store.generation.clusterMap { return map }
    throw SetupError(
      "the cluster map \(configuration.clusterMap) is another than the state's: its hash is \(map.hash), and the state has "
        + "\(store.generation.clusterMap). Name the one that the state was made with")
  }
}
