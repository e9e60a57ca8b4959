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
    var configuration = try DaemonConfiguration.loadForState(
      path: arguments.text("config"), environment: ProcessInfo.processInfo.environment)
    try configuration.apply(arguments, needs: [.stateDirectory])
    let log = configuration.makeLog()
    OpenFiles.check(configuration, log)
    let security = try Security(configuration, log, asksOthers: false)
    let service = LookupService(
      version: Version.number, cache_bytes: configuration.servingCache_bytes, peers: security.peers,
      limits: configuration.workLimits)
    let endpoint = try Endpoint(configuration, service, security)
    let store = try InterestStore.open(
      serving: configuration.state.directory, limits: configuration.storeLimits,
      holder: "interestd serve on \(endpoint.url)")
    store.checkBlockCache(log)
    service.publish(
      .init(
        store: store, ownedAtLast: try store.generation.ownedPartitions(),
        clusterMap: try clusterMap(configuration, of: store)))
    endpoint.tell(log)
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
