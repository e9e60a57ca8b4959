import CommandLineArguments
import DaemonConfig
import Foundation
import GRPC
import Ingest
import InterestCodec
import InterestStore
import Kafka
import Network
import Serving
import Telemetry

/// What goes wrong before anything has begun.
struct SetupError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

extension DaemonConfiguration {
  /// The file of `--config`, the environment over it, flags over both.
  static func load(_ arguments: ParsedArguments, needs: [Need] = []) throws -> DaemonConfiguration {
    guard let path = arguments.text("config") else { throw SetupError("no configuration is named: use --config FILE") }
    var configuration = try load(path: path, environment: ProcessInfo.processInfo.environment)
    try configuration.apply(arguments, needs: needs)
    return configuration
  }

  mutating func apply(_ arguments: ParsedArguments, needs: [Need] = []) throws {
    func given(_ name: String) -> String? {
      arguments.command.options.contains { $0.name == name } ? arguments.text(name) : nil
    }
    clusterMap = given("cluster-map") ?? clusterMap
    state.directory = given("state") ?? state.directory
    kafka.brokers = given("brokers") ?? kafka.brokers
    kafka.topic = given("topic") ?? kafka.topic
    kafka.group = given("group") ?? kafka.group
    http.listen = given("http") ?? http.listen
    resp.listen = given("resp") ?? resp.listen
    grpc.listen = given("grpc") ?? grpc.listen
    if arguments.command.options.contains(where: { $0.name == "cache-mb" }), let size = arguments.integer("cache-mb") {
      lookup.cache_bytes = size << 20
    }
    try validate()
    try validateKafkaProperties()
    try require(needs)
  }

  /// Names and values that only librdkafka knows.
  private func validateKafkaProperties() throws {
    do throws(KafkaError) {
      try KafkaConfiguration(kafka.properties.all.map { ($0.name, $0.value) }).validate()
    } catch { throw SetupError("kafka.properties: \(error)") }
  }

  var storeLimits: StoreLimits {
    var limits = StoreLimits()
    limits.buffer.events = max(buffer.events, 1024)
    limits.buffer.bytes = buffer.bytes
    limits.blockCache_bytes = memory.blockCache_bytes
    limits.level0Files = ingest.level0Files
    return limits
  }

  var networkLimits: NetworkLimits {
    var limits = NetworkLimits()
    limits.connections = http.maximumConnections
    limits.request_ms = http.requestDeadline_ms
    limits.idle_ms = http.idleTimeout_ms
    limits.stranger_ms = http.strangerTimeout_ms
    limits.waiting_bytes = memory.waitingOutput_bytes
    return limits
  }

  var grpcLimits: NetworkLimits {
    var limits = networkLimits
    limits.connections = grpc.maximumConnections
    return limits
  }

  func callLimits(loops: Int) -> GRPCLimits {
    var limits = GRPCLimits()
    limits.calls = grpc.maximumCalls
    // Calls are refused before connections are ended; of three quarters of it, the longest answer has to find room.
    limits.loopReplies_bytes = max(memory.waitingOutput_bytes / loops, 32 << 20)
    return limits
  }

  var workLimits: WorkLimits {
    var limits = WorkLimits()
    limits.requests = lookup.maximumRequests
    limits.batchUsers = lookup.batchUsers
    limits.batch_bytes = lookup.batch_bytes
    limits.batchThreads = lookup.batchThreads
    return limits
  }

  var respLimits: NetworkLimits {
    var limits = networkLimits
    limits.connections = resp.maximumConnections
    limits.idle_ms = resp.idleTimeout_ms
    limits.stranger_ms = resp.strangerTimeout_ms
    return limits
  }

  func makeLog() -> Telemetry.Log {
    Telemetry.Log(
      level: .init(name: log.level.rawValue) ?? .info, format: .init(rawValue: log.format.rawValue) ?? .logfmt)
  }

  /// How a record's partition follows from its user.
  var partitioner: Partitioner {
    if kafka.key == .ignore { return .none }
    return switch kafka.partitioner {
    case .murmur2: .murmur2
    case .crc32: .crc32
    case .fnv1a: .fnv1a
    }
  }

  /// What every client of the brokers needs, with librdkafka's own properties passed through.
  var connection: KafkaConfiguration {
    var connection = KafkaConfiguration([("bootstrap.servers", kafka.brokers), ("client.id", "interestd")])
    for property in kafka.properties.all where property.name != "group.instance.id" {
      connection.set(property.name, property.value)
    }
    return connection
  }

  /// As `connection`, for the group's member. Fetching is bounded in bytes; the properties given have the last word.
  ///
  /// - Parameter instance: The address by which others reach this instance: the group tells it them (DESIGN.md section 10).
  func consumer(instance: String) -> KafkaConfiguration {
    var consumer = KafkaConfiguration([
      ("bootstrap.servers", kafka.brokers), ("client.id", instance), ("group.id", kafka.group),
      ("queued.min.messages", "100000"), ("queued.max.messages.kbytes", "32768"), ("fetch.max.bytes", "8388608"),
      ("fetch.message.max.bytes", "1048576"), ("fetch.wait.max.ms", "50"),
    ])
    for property in kafka.properties.all { consumer.set(property.name, property.value) }
    return consumer
  }
}

extension DaemonConfiguration {
  /// A lane of this process, which ends with it. Where bad records go is left open.
  func lane(partitions: Int, instance: String) -> KafkaLaneSettings {
    var settings = KafkaLaneSettings(
      topic: kafka.topic, partitions: partitions, configuration: consumer(instance: instance))
    settings.format = EventFormat(rawValue: kafka.format.rawValue) ?? .auto
    settings.checksKey = kafka.key == .user
    settings.maximumSkew_ms = Int64(kafka.maxSkew_ms)
    settings.record_bytes = ingest.maximumRecord_bytes
    settings.bufferAge_ms = buffer.age_ms
    settings.breakerRecords = ingest.breakerRecords
    settings.breakerPercent = ingest.breakerPercent
    settings.duplicates = duplicates.limits
    settings.minimumFree_bytes = UInt64(state.minimumFree_bytes)
    settings.erasure_ms = state.erasure_ms
    settings.endsProcess = true
    return settings
  }
}

extension DaemonConfiguration.Duplicates {
  var limits: DuplicateLimits { DuplicateLimits(offsets: offsets, time_ms: Int64(time_ms)) }
}

extension InterestStore {
  /// Warns where indices and filters, which stay in memory, leave states little room in the block cache.
  func checkBlockCache(_ log: Telemetry.Log) {
    let cache = blockCache
    guard cache.isMostlyPinned else { return }
    log.warn(
      "indices of the state's files take more than half of the block cache: raise memory.block_cache_bytes",
      ["pinned_bytes": cache.pinned_bytes, "block_cache_bytes": cache.capacity_bytes])
  }
}

extension ClusterMap {
  /// Reads a file.
  static func load(_ path: String) throws -> ClusterMap {
    // The system tells why a file cannot be opened better than Foundation does.
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else {
      throw SetupError("cannot read the cluster map \(path): \(String(cString: strerror(errno)).lowercased())")
    }
    close(file)
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
    } catch {
      throw SetupError("cannot read the cluster map \(path): \(error.localizedDescription)")
    }
    return try data.withUnsafeBytes { try ClusterMap(csv: $0, name: path) }
  }
}
