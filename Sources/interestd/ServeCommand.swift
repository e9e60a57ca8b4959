import CommandLineArguments
import DaemonConfig
import Foundation
import Ingest
import InterestStore
import Network

/// `interestd serve`
struct ServeCommand {
  private let arguments: ParsedArguments

  init(_ arguments: ParsedArguments) { self.arguments = arguments }

  func run() throws -> Int32 {
    let signals = try TerminationSignals()
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
    let service = LookupService()
    let endpoint = try Endpoint(configuration, service, log)
    let store = try InterestStore.open(
      serving: path, limits: configuration.storeLimits, holder: "interestd serve on \(endpoint.url)")
    service.publish(
      .init(
        store: store, board: nil, counters: IngestCounters(), ownedAtLast: try store.generation.ownedPartitions()))
    if case .signal(let name) = signals.wait() { log.info("stopping", ["signal": name]) }
    signals.restoreDefault()
    endpoint.stop()
    log.info("stopped")
    return 0
  }
}
