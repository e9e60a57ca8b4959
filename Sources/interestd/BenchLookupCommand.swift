import Benchmarks
import CommandLineArguments
import DaemonConfig
import Foundation
import Ingest
import InterestCodec
import InterestStore
import Lookup
import Synth

/// `interestd bench lookup`
struct BenchLookupCommand {
  private let arguments: ParsedArguments

  /// Of a state that was not made for this, at most so many users are looked up.
  private static var storedUsers: Int { 50_000 }
  /// Of the workload, what is ingested when lookups are measured the first time: the last buffer is nearly full then.
  private static var hotShare: Double { 0.98 }

  init(_ arguments: ParsedArguments) { self.arguments = arguments }

  func run() throws -> Int32 {
    var result = CommandResult()
    if let path = arguments.text("state") {
      let store = try InterestStore.open(serving: path, holder: "interestd bench lookup")
      let users = try UserList(store, limit: Self.storedUsers)
      if users.count == 0 { throw SetupError("there is no user in the state in \(path)") }
      try measure("state", store, users, &result)
    } else {
      let directory = try WorkDirectory(in: arguments.text("directory"))
      defer { directory.remove() }
      try measureWorkload(directory, &result)
    }
    result.print(asJSON: arguments.flag("json"))
    return 0
  }

  private var options: SynthOptions {
    SynthOptions(
      events: arguments.integer("events") ?? 0, users: arguments.integer("users") ?? 0,
      shops: arguments.integer("shops") ?? 0, groups: arguments.integer("group-count") ?? 0)
  }

  private func measureWorkload(_ directory: WorkDirectory, _ result: inout CommandResult) throws {
    let configuration = try configuration(directory)
    let partitions = arguments.integer("partitions") ?? 1
    let recording = try Recording(options, .protobuf, partitions: partitions, path: directory.path + "/records")
    let clusterMap = try options.clusterMap()
    let identity = StateIdentity(
      configuration: configuration.stateConfiguration, clusterMap: clusterMap.hash,
      source: .kafka(clusterID: "", topic: "", partitions: partitions, partitioner: .murmur2))
    let store = try InterestStore.open(
      writing: directory.path + "/state", identity: identity, limits: configuration.storeLimits,
      holder: "interestd bench lookup")
    let users = UserList(synthetic: options.users)
    result.add("users", "users", .count(UInt64(users.count)))
    result.add("events", "behaviors", .count(UInt64(options.events)))
    var ingest = try MemoryIngest(
      configuration.lane(partitions: partitions, instance: ""), Pipeline(store: store, clusterMap: clusterMap))
    let hot = Int(Double(options.events) * Self.hotShare)
    var taken = 0
    try recording.forEach { (partition, key, value) throws in
      try ingest.take(partition: partition, key: key, value: value)
      taken += 1
      if taken == hot { try measure("hot", store, users, &result) }
    }
    try ingest.finish()
    try store.generation.compact()
    try measure("compacted", store, users, &result)
  }

  private func configuration(_ directory: WorkDirectory) throws -> DaemonConfiguration {
    let path = directory.path + "/config.yaml"
    try Data(SynthOptions.configurationText.utf8).write(to: URL(fileURLWithPath: path))
    var configuration = try DaemonConfiguration.load(path: path, environment: ProcessInfo.processInfo.environment)
    try configuration.apply(arguments)
    return configuration
  }

  /// With every answer made anew, then with all of them ready.
  private func measure(
    _ name: String, _ store: InterestStore, _ users: UserList, _ result: inout CommandResult
  ) throws {
    let query = try QueryOptions.query(QueryOptions.parameters(of: arguments))
    let benchmark = LookupBenchmark(
      store, users: users, query, arguments.text("form") == "json" ? .json : .protobuf,
      duration_s: Double(arguments.integer("seconds") ?? 1))
    let made = try benchmark.run()
    result.add("\(name)_answer_bytes", "\(name): bytes of an answer", .decimal(made.mean_bytes))
    add(made, name, "\(name), made anew", &result)
    let cache_bytes = (arguments.integer("cache-mb") ?? 0) << 20
    if cache_bytes > 0 {
      add(try benchmark.run(cache_bytes: cache_bytes), "\(name)_cached", "\(name), ready", &result)
    }
  }

  private func add(_ figures: LookupFigures, _ key: String, _ label: String, _ result: inout CommandResult) {
    result.add("\(key)_per_s", label, .rate(figures.perSecond, unit: "lookups/s"))
    result.add("\(key)_cpu_us", "  CPU, us", .decimal(figures.cpu_us))
    result.add("\(key)_p50_us", "  p50, us", .decimal(Double(figures.latency.quantile_ns(0.5)) / 1000))
    result.add("\(key)_p99_us", "  p99, us", .decimal(Double(figures.latency.quantile_ns(0.99)) / 1000))
  }
}
