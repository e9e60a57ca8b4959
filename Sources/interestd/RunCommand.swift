import CommandLineArguments
import DaemonConfig
import Failpoints
import Ingest
import InterestCodec
import InterestStore
import Kafka
import Network
import Routing
import Serving
import Synchronization
import Telemetry
import Threads

/// `interestd run`
struct RunCommand {
  private let arguments: ParsedArguments

  init(_ arguments: ParsedArguments) { self.arguments = arguments }

  func run() throws -> Int32 {
    let signals = try TerminationSignals(catchingHangup: true)
    let configuration = try DaemonConfiguration.load(
      arguments, needs: [.brokers, .topic, .clusterMap, .stateDirectory])
    let log = configuration.makeLog()
    if Failpoints.isActive { log.warn("this process may die at any moment: \(Failpoints.name) is set") }
    let clusterMap = try ClusterMap.load(configuration.clusterMap)
    OpenFiles.check(configuration, log)
    let security = try Security(configuration, log, asksOthers: true)
    let service = LookupService(
      version: Version.number, cache_bytes: configuration.lookup.cache_bytes, peers: security.peers,
      limits: configuration.workLimits)
    let endpoint = try Endpoint(configuration, service, security)
    endpoint.tell(log)
    let daemon = Daemon(configuration, clusterMap, service, log, endpoint) { signals.cancel() }
    if case .signal(let name) = signals.wait(hangup: security.reload) { log.info("stopping", ["signal": name]) }
    signals.restoreDefault()
    service.beginDraining()
    // Both have bounds of their own, which together could pass the ten seconds of a stop.
    let draining = Threads.Thread(name: "drain") { endpoint.stop() }
    let failure = daemon.stop()
    draining.join()
    if let failure {
      log.error("stopped by an error", ["error": failure])
      return 1
    }
    log.info("stopped")
    return 0
  }
}

/// Ingestion of one topic, from the first question to a broker to the last commit, on a thread of its own: the main thread waits for
/// signals.
final class Daemon: Sendable {
  private let configuration: DaemonConfiguration
  private let clusterMap: ClusterMap
  private let service: LookupService
  private let log: Log
  private let url: String
  /// Where others reach this instance.
  private let instance: String
  private let metrics: DaemonMetrics
  private let stopRequested = Atomic<Bool>(false)
  private let mutex = Mutex()
  // Made by `init` and joined by `stop`, both on the main thread.
  nonisolated(unsafe) private var thread: Threads.Thread?
  // Guarded by `mutex`.
  nonisolated(unsafe) private var ingest: KafkaIngest?
  nonisolated(unsafe) private var topology: Topology?
  nonisolated(unsafe) private var failure: String?

  /// Of one question to a broker.
  private static var request_ms: Int32 { 3000 }

  /// - Parameters:
  ///   - endpoint: Where lookups are answered.
  ///   - ended: Called on another thread when ingestion has ended by itself.
  init(
    _ configuration: DaemonConfiguration, _ clusterMap: ClusterMap, _ service: LookupService, _ log: Log,
    _ endpoint: Endpoint,
    ended: @escaping @Sendable () -> Void
  ) {
    self.configuration = configuration
    self.clusterMap = clusterMap
    self.service = service
    self.log = log
    url = endpoint.url
    instance = endpoint.instance
    metrics = endpoint.metrics
    thread = Threads.Thread(name: "daemon") { [self] in
      do {
        try work()
      } catch {
        mutex.withLock { failure = "\(error)" }
      }
      ended()
    }
  }

  /// Returns when everything is durable and committed, as far as the broker let it; otherwise why not.
  func stop() -> String? {
    stopRequested.store(true, ordering: .relaxed)
    mutex.withLock { ingest }?.requestStop()
    mutex.withLock { topology }?.requestStop()
    if let thread = thread.take() { thread.join() }
    mutex.withLock { topology }?.stop()
    return mutex.withLock { failure }
  }

  private var isStopping: Bool { stopRequested.load(ordering: .relaxed) }

  private func work() throws {
    guard let source = try source() else { return }
    let identity = StateIdentity(
      configuration: configuration.stateConfiguration, clusterMap: clusterMap.hash, source: source)
    let store = try InterestStore.open(
      writing: configuration.state.directory, identity: identity, limits: configuration.storeLimits,
      holder: "interestd run on \(url)")
    store.checkBlockCache(log)
    guard case .kafka(_, _, let partitions, _) = source else { return }
    var settings = configuration.lane(partitions: partitions, instance: instance)
    if configuration.deadLetters.sink == .topic {
      guard let letters = try deadLetterTopic(partitions: partitions) else { return }
      settings.deadLetters = letters
    }
    let pipeline = Pipeline(store: store, clusterMap: clusterMap)
    let ingest = KafkaIngest()
    let topology = topology(ingest, settings)
    metrics.setIngestion(pipeline.counters)
    service.publish(.init(store: store, board: ingest.board, topology: topology, clusterMap: clusterMap))
    mutex.withLock { (self.ingest, self.topology) = (ingest, topology) }
    ingest.start(settings, pipeline, log: log)
    if isStopping { ingest.requestStop() }
    try ingest.join()
  }

  private func topology(_ ingest: KafkaIngest, _ lane: KafkaLaneSettings) -> Topology {
    let settings = Topology.Settings(
      instance: instance, group: configuration.kafka.group, topic: configuration.kafka.topic,
      configuration: configuration.connection)
    let board = ingest.board
    return Topology(settings, log: log, owned: { board.served }) { ingest.noticePartitions($0, of: lane) }
  }

  /// Asks the brokers what the topic is, until they answer; nil where told to stop meanwhile.
  private func source() throws -> StateSource? {
    let topic = configuration.kafka.topic
    // Silent: properties of the consumer mean nothing to it, and what fails is told below.
    let admin = try Admin(configuration.connection)
    defer { admin.abandon() }  // destroying it may wait for brokers that are gone
    while !isStopping {
      do {
        let partitions = Int(try admin.partitionCount(of: topic, timeout_ms: Self.request_ms))
        try check(admin, topic, partitions)
        let cluster = try admin.clusterID(timeout_ms: Self.request_ms)
        service.obstacle = nil
        log.info("topic", ["topic": topic, "partitions": partitions, "cluster": cluster])
        return .kafka(
          clusterID: cluster, topic: topic, partitions: partitions,
          partitioner: configuration.partitioner)
      } catch let error as KafkaError where error.isRetryable {
        wait(for: error)
      }
    }
    return nil
  }

  /// Makes sure of the dead letters' topic, once the brokers answer; nil where told to stop meanwhile.
  private func deadLetterTopic(partitions: Int) throws -> DeadLetterTopic? {
    let admin = try Admin(configuration.connection)
    defer { admin.abandon() }
    while !isStopping {
      do {
        let topic = try configuration.prepareDeadLetters(partitions: partitions, admin, timeout_ms: Self.request_ms)
        service.obstacle = nil
        log.info("dead letters", ["topic": topic.name, "partitions": topic.partitions])
        return topic
      } catch let error as KafkaError where error.isRetryable {
        wait(for: error)
      } catch let error as DeadLetterTopic.Unready {
        service.obstacle = error.description
        log.debug("waiting for the brokers", ["error": error.description])
        let pause = Mutex()
        pause.withLock { _ = pause.wait(until: MonotonicClock.now_ns + 100_000_000) }
      }
    }
    return nil
  }

  private func wait(for error: KafkaError) {
    let brokers = configuration.kafka.brokers
    service.obstacle = "waiting for the brokers \(brokers): \(error.description)"
    log.warn("waiting for the brokers", ["brokers": brokers, "error": error.description])
  }

  private func check(_ admin: Admin, _ topic: String, _ partitions: Int) throws {
    guard partitions <= StoreKey.partitionLimit else {
      throw SetupError("topic \(topic) has \(partitions) partitions, and \(StoreKey.partitionLimit) are the most")
    }
    let policy = try admin.topicProperties(topic, timeout_ms: Self.request_ms)["cleanup.policy"] ?? ""
    if policy.contains("compact") {
      throw SetupError(
        "topic \(topic) has cleanup.policy=\(policy): compaction removes behaviors, and the state must hold them all. "
          + "Set it to delete")
    }
  }
}
