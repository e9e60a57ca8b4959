import Bytes
import Glibc
import HTTP
import Ingest
import InterestCodec
import InterestStore
import Network
import Serving
import Synchronization
import Telemetry
import Threads

/// Writes `/metrics`: everything is read when it is asked for. The names are part of the product.
final class DaemonMetrics: Sendable {
  private let service: LookupService
  private let security: Security
  private let network = Late<NetworkTotals>()
  private let ingestion = Late<IngestCounters>()
  private let resp = Late<RESPFacts>()
  private let grpc = Late<GRPCEndpoint>()
  let answers = AnswerCounters()

  let contentType = MetricsWriter.contentType

  init(_ service: LookupService, _ security: Security) {
    self.service = service
    self.security = security
  }

  func setNetwork(_ counters: NetworkTotals) { network.set(counters) }

  func setRESP(_ facts: RESPFacts) { resp.set(facts) }

  func setGRPC(_ endpoint: GRPCEndpoint) { grpc.set(endpoint) }

  func setIngestion(_ counters: IngestCounters) { ingestion.set(counters) }

  func write(to output: inout ByteBuffer) {
    var writer = MetricsWriter()
    writer.gauge(
      "interestd_build_info", "Constant 1; the labels tell the version.", 1,
      [
        "version": Version.number, "commit": Version.commit,
      ])
    writer.gauge("interestd_ready", "1 where /readyz answers 200.", service.missing == nil ? 1 : 0)
    writeProcess(&writer)
    writeServing(&writer)
    writeProblems(&writer)
    if let backend = service.backend {
      writeState(&writer, backend)
      if let topology = backend.topology {
        writer.gauge(
          "interestd_topology_age_seconds", "Since the group last told who owns which partition.",
          Double(topology.age_ns) / 1e9)
      }
      if let board = backend.board, let counters = ingestion.value { writeIngestion(&writer, counters, board) }
    }
    writer.write(to: &output)
  }

  private func writeServing(_ writer: inout MetricsWriter) {
    writer.summary("interestd_lookup_duration_seconds", "Time to answer a sequence lookup.", service.lookups.snapshot)
    let users = service.users.values
    for (user, count) in [("known", users.known), ("unknown", users.unknown)] {
      writer.counter(
        "interestd_lookups_total", "Sequence lookups answered from here, by whether the user is known.", count,
        ["user": user])
    }
    for (code, count) in answers.all {
      writer.counter("interestd_http_responses_total", "HTTP replies by status class.", count, ["code": code])
    }
    for outcome in ForwardOutcome.allCases {
      writer.counter(
        "interestd_forwarded_lookups_total", "Lookups of users of other instances, by what became of them.",
        service.forwards.count(of: outcome), ["outcome": outcome.rawValue])
    }
    writeWork(&writer)
    writeRESP(&writer)
    if let grpc = grpc.value {
      grpc.write(to: &writer)
      writeAcceptPauses(&writer, "grpc", grpc.server.counters.values.acceptPauses)
    }
    if let cache = service.cache { writeCache(&writer, cache.figures) }
    security.write(to: &writer)
    guard let values = network.value?.values else { return }
    writer.gauge("interestd_connections", "Open connections.", Double(values.open))
    writer.counter("interestd_connections_accepted_total", "Connections accepted.", values.accepted)
    writeAcceptPauses(&writer, "http", values.acceptPauses)
    writer.counter("interestd_connections_shed_total", Self.shed, values.shed)
    writer.counter(
      "interestd_requests_expired_total", "Requests not complete within their deadline.", values.requestsExpired)
    writer.counter("interestd_tls_handshakes_total", "TLS handshakes completed over HTTP's port.", values.handshakes)
    writer.counter(
      "interestd_tls_handshakes_failed_total", "Those that were not: no certificate, nothing in common, too slow.",
      values.handshakesFailed)
    writer.counter("interestd_received_bytes_total", "Bytes received.", values.received_bytes)
    writer.counter("interestd_sent_bytes_total", "Bytes sent.", values.sent_bytes)
  }

  private func writeWork(_ writer: inout MetricsWriter) {
    writer.gauge(
      "interestd_requests_waiting", "Requests that wait for other instances or long batches.",
      Double(service.admission.underWay))
    writer.gauge("interestd_batch_users", "Users of batches that are to be looked up.", Double(service.pool.users))
    writer.gauge(
      "interestd_batch_bytes", "Answers of batches that are not written into a reply yet.",
      Double(service.pool.held_bytes))
    for (limit, count) in [
      ("requests", service.admission.refused), ("batch_users", service.pool.refused),
      ("batch_bytes", service.pool.crowdedOut),
    ] {
      writer.counter(
        "interestd_refused_requests_total", "Requests refused because too much was under way, by the limit.", count,
        ["limit": limit])
    }
  }

  static var shed: StaticString { "Connections ended because too much output waited, and most of it for their peers." }

  private func writeRESP(_ writer: inout MetricsWriter) {
    guard let facts = resp.value, let network = facts.network else { return }
    for (name, count) in facts.counters.byCommand where count > 0 {
      writer.counter("interestd_resp_commands_total", "RESP commands.", count, ["command": name])
    }
    writer.summary(
      "interestd_resp_duration_seconds", "From commands' coming until their replies are made.",
      facts.counters.durations.snapshot)
    writer.counter("interestd_resp_errors_total", "RESP replies that were errors.", facts.counters.errors)
    writer.counter(
      "interestd_resp_protocol_errors_total", "RESP connections ended because of what they sent.",
      facts.counters.protocolErrors)
    writer.gauge("interestd_resp_connections", "Open RESP connections.", Double(network.open))
    writer.counter("interestd_resp_connections_accepted_total", "RESP connections accepted.", network.accepted)
    writeAcceptPauses(&writer, "resp", network.acceptPauses)
    writer.counter("interestd_resp_connections_shed_total", Self.shed, network.shed)
    writer.counter("interestd_resp_received_bytes_total", "Bytes received over RESP.", network.received_bytes)
    writer.counter("interestd_resp_sent_bytes_total", "Bytes sent over RESP.", network.sent_bytes)
  }

  private func writeAcceptPauses(_ writer: inout MetricsWriter, _ port: String, _ count: UInt64) {
    writer.counter(
      "interestd_accept_pauses_total",
      "How often a port let new connections wait: it has as many as it may, or the process no descriptors.", count,
      ["port": port])
  }

  private func writeCache(_ writer: inout MetricsWriter, _ figures: AnswerCache.Figures) {
    writer.counter("interestd_answer_cache_hits_total", "Lookups answered from ready answers.", figures.hits)
    writer.counter("interestd_answer_cache_misses_total", "Lookups that had to be made.", figures.misses)
    writer.counter(
      "interestd_answer_cache_stale_total", "Misses whose ready answer was there and did not hold any more.",
      figures.stale)
    writer.counter(
      "interestd_answer_cache_evictions_total", "Ready answers given up for want of room.", figures.evictions)
    writer.gauge("interestd_answer_cache_answers", "Ready answers.", Double(figures.answers))
    writer.gauge("interestd_answer_cache_bytes", "Memory of ready answers.", Double(figures.bytes))
    writer.gauge(
      "interestd_answer_cache_limit_bytes", "What ready answers may take at the moment of memory.budget_bytes.",
      Double(figures.limit_bytes))
  }

  private func writeState(_ writer: inout MetricsWriter, _ backend: LookupService.Backend) {
    let generation = backend.store.generation
    writer.gauge("interestd_generation", "The generation that lookups are answered from.", Double(generation.number))
    writer.gauge("interestd_state_bytes", "Bytes of the files that hold the states.", Double(generation.stored_bytes))
    let cache = backend.store.blockCache
    writer.gauge(
      "interestd_block_cache_used_bytes", "Memory of blocks of these files.", Double(cache.used_bytes))
    writer.gauge(
      "interestd_block_cache_pinned_bytes", "Of these, what stays: above all the files' indices and filters.",
      Double(cache.pinned_bytes))
    writer.gauge(
      "interestd_event_ids_bytes", "Bytes of the files that hold event ids, about.",
      Double(generation.duplicateIDs_bytes))
    writer.counter(
      "interestd_read_errors_total", "Lookups that failed because stored bytes could not be read.",
      service.readErrors.count)
    writer.counter(
      "interestd_damaged_merges_total", "Merges that met bytes which cannot be read.", generation.damagedMerges)
    writer.gauge(
      "interestd_erasures_pending", "Erased users whose bytes may still be on the disk.",
      Double(generation.pendingErasures))
    writer.gauge("interestd_level0_files", "Files not yet compacted.", Double(generation.level0Files))
    for (level, count) in generation.levelFiles.enumerated() {
      writer.gauge("interestd_level_files", "Files by RocksDB's levels.", Double(count), ["level": "\(level)"])
    }
  }

  private func writeProblems(_ writer: inout MetricsWriter) {
    let (board, obstacle) = (service.backend?.board, service.obstacle)
    if board == nil && obstacle == nil { return }
    let found = Set((board?.allProblems ?? []).map(\.problem.rawValue) + (obstacle == nil ? [] : ["start"]))
    for name in ["start"] + PartitionBoard.Problem.allCases.map(\.rawValue) {
      writer.gauge(
        "interestd_problem", "1 where this keeps ingestion from going on.", found.contains(name) ? 1 : 0,
        ["problem": name])
    }
  }

  private func writeIngestion(_ writer: inout MetricsWriter, _ counters: IngestCounters, _ board: PartitionBoard) {
    writer.counter("interestd_behaviors_total", "Behaviors folded.", counters.behaviors)
    writer.counter(
      "interestd_unmapped_behaviors_total", "Behaviors of shops not in the cluster map.", counters.unmapped)
    writer.counter(
      "interestd_duplicates_total", "Behaviors not folded: an earlier record had their user and event id.",
      counters.duplicates)
    writer.gauge(
      "interestd_event_ids", "Event ids by which duplicates are told, as of the last flush.", Double(counters.eventIDs))
    writer.gauge(
      "interestd_event_ids_memory_bytes", "Memory of these ids.", Double(counters.eventIDs_bytes))
    writer.counter("interestd_erasures_total", "Erase records applied.", counters.erasures)
    for reason in BadRecord.Reason.allCases {
      writer.counter(
        "interestd_bad_records_total", "Records put to the dead letters.", counters.bad(reason),
        ["reason": reason.rawValue])
    }
    writer.gauge(
      "interestd_dead_letters_unacknowledged", "Bad records that the dead letters' topic has not acknowledged.",
      Double(counters.lettersWaiting))
    writer.counter(
      "interestd_misplaced_users_total", "Users met on another partition than lookups ask.", counters.misplacedUsers)
    writer.counter(
      "interestd_refetched_gaps_total", "Gaps in a log behind which records were read again.", counters.refetches)
    writer.counter("interestd_flushes_total", "Buffers written.", counters.flushes)
    writer.counter("interestd_flushed_bytes_total", "Bytes of the files that flushes wrote.", counters.flushed_bytes)
    for status in board.all { write(&writer, status) }
  }

  private func write(_ writer: inout MetricsWriter, _ status: PartitionStatus) {
    let partition = "\(status.partition)"
    writer.gauge(
      "interestd_partition_applied_offset", "The next offset to apply.", Double(status.applied),
      ["partition": partition])
    writer.gauge(
      "interestd_partition_durable_offset", "The next offset to read after a crash.", Double(status.durable),
      ["partition": partition])
    writer.gauge(
      "interestd_partition_end_offset", "The log's end as last heard.", Double(status.end), ["partition": partition])
    writer.gauge(
      "interestd_partition_lag_events", "Records between applied and end.", Double(status.lag), ["partition": partition]
    )
    writer.gauge(
      "interestd_partition_last_applied_timestamp_seconds", "When a record was last applied; 0: not yet.",
      Double(status.lastApplied_ms) / 1000, ["partition": partition])
    writer.gauge(
      "interestd_partition_last_event_timestamp_seconds", "The event time of the last behavior applied; 0: none yet.",
      Double(status.lastEvent_ms) / 1000, ["partition": partition])
    for state in PartitionState.allCases {
      writer.gauge(
        "interestd_partition_state", "1 for the state that the partition is in.", state == status.state ? 1 : 0,
        ["partition": partition, "state": state.rawValue])
    }
  }

  private func writeProcess(_ writer: inout MetricsWriter) {
    writer.counter(
      "process_cpu_seconds_total", "CPU time of the process.", Double(CPUClock.process_ns) / 1e9)
    if let resident = ProcessMemory.resident_bytes {
      writer.gauge("process_resident_memory_bytes", "Resident memory.", Double(resident))
    }
  }
}

/// What is known after the handlers are made: the server's counters once it listens, ingestion's once there is a state.
private final class Late<Value: Sendable>: @unchecked Sendable {  // guarded by `mutex`
  private let mutex = Mutex()
  private var known: Value?

  func set(_ value: Value) { mutex.withLock { known = value } }

  var value: Value? { mutex.withLock { known } }
}
