import Benchmarks
import Bytes
import CommandLineArguments
import DaemonConfig
import Foundation
import Ingest
import InterestCodec
import InterestStore
import Kafka
import Synth

/// `interestd bench ingest`
struct BenchIngestCommand {
  private let arguments: ParsedArguments

  /// Of one question to a broker.
  private static var request_ms: Int32 { 10_000 }
  /// Behaviors whose steps are timed apart.
  private static var stageEvents: Int { 900_000 }

  init(_ arguments: ParsedArguments) { self.arguments = arguments }

  func run() throws -> Int32 {
    let interruption = try Interruption()
    let directory = try WorkDirectory(in: arguments.text("directory"))
    defer { directory.remove() }
    var result = CommandResult()
    let fromKafka = arguments.flag("from-kafka")
    let figures = fromKafka ? try readTopic(directory, &result, interruption) : try playBack(directory, &result)
    show(figures, &result)
    if arguments.flag("stages") { try showStages(directory, &result) }
    result.print(asJSON: arguments.flag("json"))
    if interruption.hasCome { return 1 }
    let wanted = UInt64(arguments.integer("events") ?? 0)
    if figures.records < wanted {
      Terminal.complain("\(figures.records) records of \(wanted) were ingested")
      return 1
    }
    return 0
  }

  // MARK: Workloads

  private func options(events: Int) -> SynthOptions {
    SynthOptions(
      events: events, users: arguments.integer("users") ?? 0, shops: arguments.integer("shops") ?? 0,
      groups: arguments.integer("group-count") ?? 0)
  }

  private var isJSON: Bool { arguments.text("format") == "json" }

  private var lookups: IngestBenchmark.Lookups {
    let isSynthetic = !arguments.flag("from-kafka") || arguments.isGiven("users")
    return .init(rate: arguments.integer("lookups") ?? 0, synthetic: isSynthetic ? arguments.integer("users") : nil)
  }

  /// The configuration that the synthetic workload goes with, or the one named.
  private func configuration(_ directory: WorkDirectory) throws -> DaemonConfiguration {
    var path = directory.path + "/config.yaml"
    if let given = arguments.text("config") {
      path = given
    } else {
      try Data(SynthOptions.configurationText.utf8).write(to: URL(fileURLWithPath: path))
    }
    var configuration = try DaemonConfiguration.load(path: path, environment: ProcessInfo.processInfo.environment)
    try configuration.apply(arguments)
    return configuration
  }

  private func pipeline(
    _ directory: WorkDirectory, _ name: String, _ configuration: DaemonConfiguration, _ clusterMap: ClusterMap,
    _ source: StateSource
  ) throws -> Pipeline {
    let identity = StateIdentity(
      configuration: configuration.stateConfiguration, clusterMap: clusterMap.hash, source: source)
    let store = try InterestStore.open(
      writing: directory.path + "/" + name, identity: identity, limits: configuration.storeLimits,
      holder: "interestd bench ingest")
    return Pipeline(store: store, clusterMap: clusterMap)
  }

  private func record(
    _ options: SynthOptions, _ directory: WorkDirectory, _ name: String, partitions: Int
  ) throws -> (Recording, ClusterMap) {
    let recording = try Recording(
      options, isJSON ? .json : .protobuf, partitions: partitions, path: directory.path + "/" + name)
    return (recording, try options.clusterMap())
  }

  private func playBack(_ directory: WorkDirectory, _ result: inout CommandResult) throws -> IngestFigures {
    let configuration = try configuration(directory)
    let partitions = arguments.integer("partitions") ?? 1
    let (recording, clusterMap) = try record(
      options(events: arguments.integer("events") ?? 0), directory, "records", partitions: partitions)
    let source = StateSource.kafka(clusterID: "", topic: "", partitions: partitions, partitioner: .murmur2)
    let pipeline = try pipeline(directory, "state", configuration, clusterMap, source)
    result.add("source", "source", .text("memory, \(isJSON ? "JSON" : "Protobuf")"))
    result.add("users", "users", .count(UInt64(arguments.integer("users") ?? 0)))
    result.add("partitions", "partitions", .count(UInt64(partitions)))
    return try IngestBenchmark.run(
      recording, configuration.lane(partitions: partitions, instance: ""), pipeline, lookups)
  }

  private func readTopic(
    _ directory: WorkDirectory, _ result: inout CommandResult, _ interruption: Interruption
  ) throws -> IngestFigures {
    var configuration = try DaemonConfiguration.load(arguments, needs: [.brokers, .topic, .clusterMap])
    configuration.kafka.group = "interestd-bench-\(UUID().uuidString)"
    let admin = try Admin(configuration.connection)
    let topic = configuration.kafka.topic
    let partitions = Int(try admin.partitionCount(of: topic, timeout_ms: Self.request_ms))
    let cluster = try admin.clusterID(timeout_ms: Self.request_ms)
    admin.abandon()
    let source = StateSource.kafka(
      clusterID: cluster, topic: topic, partitions: partitions, partitioner: configuration.partitioner)
    let pipeline = try pipeline(directory, "state", configuration, try .load(configuration.clusterMap), source)
    result.add("source", "source", .text("topic \(topic)"))
    result.add("partitions", "partitions", .count(UInt64(partitions)))
    return try IngestBenchmark.run(
      UInt64(arguments.integer("events") ?? 0), configuration.lane(partitions: partitions, instance: "interestd-bench"),
      pipeline, lookups, log: configuration.makeLog(), isCancelled: { interruption.hasCome })
  }

  // MARK: Results

  private func show(_ figures: IngestFigures, _ result: inout CommandResult) {
    let records = Double(max(figures.records, 1))
    result.add("events", "behaviors", .count(figures.behaviors))
    if figures.bad > 0 { result.add("bad_records", "bad records", .count(figures.bad)) }
    if figures.duplicates > 0 { result.add("duplicates", "duplicates", .count(figures.duplicates)) }
    result.add("seconds", "seconds", .decimal(figures.elapsed_s))
    result.add("events_per_s", "speed", .rate(records / figures.elapsed_s, unit: "events/s"))
    result.add("cpu_s_per_million", "CPU s per million", .decimal(figures.allCPU_s / records * 1e6))
    result.add("cpu_s_per_million_ingest", "without compacting", .decimal(figures.ingestCPU_s / records * 1e6))
    if let allocations = figures.allocations {
      result.add("allocations_per_event", "allocations per event", .decimal(Double(allocations) / records))
    }
    result.add("peak_rss_mb", "resident memory, MB", .decimal(Double(figures.resident_bytes) / 1048576))
    result.add("disk_bytes_per_event", "written per event", .decimal(Double(figures.written_bytes) / records))
    result.add("flushed_bytes_per_event", "of these by flushes", .decimal(Double(figures.flushed_bytes) / records))
    result.add("write_amplification", "write amplification", .decimal(figures.writeAmplification))
    result.add("state_bytes_per_event", "state per event", .decimal(Double(figures.stored_bytes) / records))
    guard let lookups = figures.lookups, lookups.lookups > 0 else { return }
    result.add("lookups", "lookups meanwhile", .count(lookups.lookups))
    result.add("lookup_failures", "failed", .count(lookups.failures))
    result.add("lookup_p50_us", "lookup p50, us", .decimal(Double(lookups.latency.quantile_ns(0.5)) / 1000))
    result.add("lookup_p99_us", "lookup p99, us", .decimal(Double(lookups.latency.quantile_ns(0.99)) / 1000))
  }

  private func showStages(_ directory: WorkDirectory, _ result: inout CommandResult) throws {
    let configuration = try configuration(directory)
    let (recording, clusterMap) = try record(
      options(events: Self.stageEvents), directory, "stages", partitions: 8)
    let source = StateSource.kafka(clusterID: "", topic: "", partitions: 8, partitioner: .murmur2)
    let pipeline = try pipeline(directory, "stages-state", configuration, clusterMap, source)
    let times = try StageTimes.measure(recording, isJSON ? .json : .protobuf, pipeline)
    for (name, time_ns) in [
      ("decode", times.decode_ns), ("map", times.map_ns), ("append", times.append_ns), ("sort", times.sort_ns),
      ("fold", times.fold_ns), ("write", times.write_ns),
    ] {
      result.add("\(name)_ns", "\(name), ns per event", .decimal(time_ns))
    }
  }
}

/// A directory of a command's own, with all that it puts there.
struct WorkDirectory {
  let path: String

  init(in parent: String?) throws {
    let parent = parent ?? ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
    path = parent + "/interestd-bench-\(UUID().uuidString)"
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    } catch { throw SetupError("cannot make a directory in \(parent): \(error.localizedDescription)") }
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }
}

extension SynthOptions {
  /// The cluster map that goes with the behaviors.
  func clusterMap() throws -> ClusterMap {
    var csv = ByteBuffer()
    appendClusterMapHeader(to: &csv)
    appendClusterMapRows(1...shops, to: &csv)
    return try ClusterMap(csv: csv.bytes, name: "synthetic cluster map")
  }
}
