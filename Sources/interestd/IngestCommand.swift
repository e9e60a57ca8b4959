import CommandLineArguments
import DaemonConfig
import Glibc
import Ingest
import Inputs
import InterestCodec
import InterestStore
import Network
import Synchronization
import Threads

/// `interestd ingest`
struct IngestCommand {
  private let arguments: ParsedArguments

  init(_ arguments: ParsedArguments) { self.arguments = arguments }

  func run() throws -> Int32 {
    let interruption = try Interruption()
    let configuration = try DaemonConfiguration.load(arguments, needs: [.clusterMap, .stateDirectory])
    let inputs = try arguments.arguments("INPUT").map {
      try Input($0, standardInputName: arguments.text("input-name"))
    }
    let clusterMap = try ClusterMap.load(configuration.clusterMap)
    let identity = StateIdentity(
      configuration: configuration.stateConfiguration, clusterMap: clusterMap.hash, source: .files)
    let store = try InterestStore.open(
      writing: configuration.state.directory, identity: identity, limits: configuration.storeLimits,
      holder: "interestd ingest")
    let started_ns = MonotonicClock.now_ns
    let report = try ingest(inputs, configuration, Pipeline(store: store, clusterMap: clusterMap), interruption)
    let elapsed_s = Double(MonotonicClock.now_ns - started_ns) / 1e9
    if arguments.flag("compact") { try store.generation.compact() }
    try show(report, elapsed_s: elapsed_s, store)
    for input in report.incomplete {
      Terminal.complain("the last line is not complete, and left for a later run: \(input)")
    }
    report.failures.forEach(Terminal.complain)
    if report.isStopped { Terminal.complain("stopped; run again to go on") }
    return report.failures.isEmpty && !report.isStopped ? 0 : 1
  }

  private func ingest(
    _ inputs: [Input], _ configuration: DaemonConfiguration, _ pipeline: Pipeline, _ interruption: Interruption
  ) throws -> FileIngestReport {
    var options = FileIngest.Options()
    options.record_bytes = configuration.ingest.maximumRecord_bytes
    options.breakerRecords = configuration.ingest.breakerRecords
    options.breakerPercent = configuration.ingest.breakerPercent
    options.duplicates = configuration.duplicates.limits
    options.minimumFree_bytes = UInt64(configuration.state.minimumFree_bytes)
    var bar = ProgressBar(now_ns: MonotonicClock.now_ns)
    defer { bar.clear() }
    return try FileIngest(pipeline, options: options, isCancelled: { interruption.hasCome }).run(inputs) {
      bar.update($0, used_bytes: $1, size_bytes: $2, records: $3, now_ns: MonotonicClock.now_ns)
    }
  }

  private func show(_ report: FileIngestReport, elapsed_s: Double, _ store: InterestStore) throws {
    var users: UInt64 = 0
    var groups: UInt64 = 0
    try store.generation.forEachUser { _, state in
      users += 1
      groups += UInt64(StateLayout.groupCount(of: state))
    }
    var result = CommandResult()
    result.add("behaviors", "behaviors", .count(report.behaviors))
    result.add("bad_records", "bad records", .count(report.badRecords))
    result.add("duplicates", "duplicates", .count(report.duplicates))
    if report.erasures > 0 { result.add("erasures", "erasures", .count(report.erasures)) }
    result.add("unmapped", "of unmapped shops", .count(report.unmapped))
    result.add("skipped_bytes", "ingested before", .bytes(report.skipped_bytes))
    result.add("users", "users in the state", .count(users))
    result.add("groups", "group interests", .count(groups))
    result.add("state_bytes", "state", .bytes(store.generation.stored_bytes))
    result.add("seconds", "seconds", .decimal(elapsed_s))
    result.add(
      "events_per_s", "speed",
      .rate(Double(report.behaviors + report.badRecords + report.duplicates) / elapsed_s, unit: "events/s"))
    if report.badRecords > 0 { result.add("dead_letters", "dead letters", .text(store.directory.deadLetters)) }
    if !report.incomplete.isEmpty { result.add("incomplete", "incomplete", .list(report.incomplete)) }
    if !report.failures.isEmpty { result.add("failures", "failures", .list(report.failures)) }
    result.print(asJSON: arguments.flag("json"))
  }
}

/// SIGTERM and SIGINT as a flag, for commands that end at the next record. A second one ends the process at once. To be made before
/// anything that starts threads, as these inherit what signals they take.
final class Interruption: Sendable {
  private let signals: TerminationSignals
  private let flag = Atomic<Bool>(false)

  var hasCome: Bool { flag.load(ordering: .relaxed) }

  init() throws {
    signals = try TerminationSignals()
    let waiting = Threads.Thread(name: "signals") { [self] in
      _ = signals.wait()
      flag.store(true, ordering: .relaxed)
      _ = signals.wait()
      _exit(130)
    }
    waiting.detach()
  }
}
