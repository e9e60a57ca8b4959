public import InterestModel

/// All that the daemon can be told, decoded once from one YAML file and the environment. What each key means, its default and its
/// bounds stand in `Schema`, and from there in `Ops/interestd.example.yaml`.
///
/// Flags override plain properties; whoever sets one calls `validate()` before using the tree.
public struct DaemonConfiguration: Equatable, Sendable {
  public var behaviors: BehaviorCatalog
  /// Path of the cluster map; empty: not set.
  public var clusterMap = ""
  public var state = State()
  public var buffer = Buffer()
  public var memory = Memory()
  public var lookup = Lookup()
  public var ingest = Ingest()
  public var duplicates = Duplicates()
  public var kafka = Kafka()
  public var deadLetters = DeadLetters()
  public var tls = TLS()
  public var auth = Auth()
  public var http = HTTP()
  public var resp = RESP()
  public var grpc = GRPC()
  public var forward = Forward()
  public var log = Log()

  /// The defaults, with the one thing that has none.
  public init(behaviors: BehaviorCatalog) { self.behaviors = behaviors }

  public struct State: Equatable, Sendable {
    /// Empty: not set.
    public var directory = ""
    public var keptBehaviors = 32
    public var erasure_ms = 600_000
    public var minimumFree_bytes = 512 << 20
    public var windows_days = [1, 7, 30]
    public init() {}
  }

  public struct Buffer: Equatable, Sendable {
    public var events = 1_000_000
    public var bytes = 64 << 20
    public var age_ms = 5000
    public init() {}
  }

  public struct Memory: Equatable, Sendable {
    /// 0: see `memoryBudget_bytes`.
    public var budget_bytes = 0
    public var blockCache_bytes = Memory.defaultBlockCache_bytes
    public static var defaultBlockCache_bytes: Int { 96 << 20 }
    public var waitingOutput_bytes = 64 << 20
    public init() {}
  }

  public struct Lookup: Equatable, Sendable {
    /// 0: no answers are kept. See `servingCache_bytes`.
    public var cache_bytes = Lookup.defaultCache_bytes
    public static var defaultCache_bytes: Int { 224 << 20 }
    public var maximumRequests = 1024
    public var batchUsers = 16_000
    public var batch_bytes = 64 << 20
    /// 0: as many as there are processors, 4 at most.
    public var batchThreads = 0
    public var drain_ms = 8_000
    public init() {}
  }

  public struct Ingest: Equatable, Sendable {
    public var maximumRecord_bytes = 1 << 20
    public var level0Files = 40
    public var breakerRecords = 1000
    public var breakerPercent = 50
    public init() {}
  }

  public struct Duplicates: Equatable, Sendable {
    public var offsets = 1_000_000
    public var time_ms = 3_600_000
    public init() {}
  }

  public struct Kafka: Equatable, Sendable {
    /// Empty: not set.
    public var brokers = ""
    /// Empty: not set.
    public var topic = ""
    public var group = "interestd"
    public var format = RecordFormat.auto
    public var key = RecordKey.user
    public var partitioner = RecordPartitioner.murmur2
    public var maxSkew_ms = 86_400_000
    public var properties = KafkaProperties()
    public init() {}
  }

  /// Where bad records of a topic go.
  public struct DeadLetters: Equatable, Sendable {
    public var sink = DeadLetterSink.topic
    /// Empty: `kafka.topic` with `.dead` behind it.
    public var topic = ""
    public var retention_ms = 14 * 86_400_000
    /// Of each partition.
    public var retention_bytes = 1 << 30
    public init() {}
  }

  public struct HTTP: Equatable, Sendable {
    /// `host:port`, an IPv6 host in brackets; port 0: any free one.
    public var listen = "127.0.0.1:8080"
    public var allowRemote = false
    public var tls = ListenerTLS.auto
    /// `host:port` by which others reach this instance; empty: the address of `listen`.
    public var advertise = ""
    public var redirect = false
    /// Network loops, each on a thread of its own; 0: by whether answers are kept ready.
    public var threads = 0
    public var maximumConnections = 1024
    public var requestDeadline_ms = 10_000
    public var idleTimeout_ms = 60_000
    public var strangerTimeout_ms = 10_000
    public init() {}
  }

  public struct GRPC: Equatable, Sendable {
    /// Like `http.listen`; empty: gRPC is not spoken.
    public var listen = ""
    public var allowRemote = false
    public var tls = ListenerTLS.auto
    /// Network loops, each on a thread of its own; 0: by whether answers are kept ready.
    public var threads = 0
    public var maximumConnections = 1024
    public var maximumCalls = 4096
    public init() {}
  }

  public struct RESP: Equatable, Sendable {
    /// Like `http.listen`; empty: RESP is not spoken.
    public var listen = ""
    public var allowRemote = false
    public var tls = ListenerTLS.auto
    /// Network loops, each on a thread of its own; 0: by whether answers are kept ready.
    public var threads = 0
    public var maximumConnections = 1024
    public var idleTimeout_ms = 600_000
    public var strangerTimeout_ms = 10_000
    public init() {}
  }

  public struct Log: Equatable, Sendable {
    public var level = LogLevel.info
    public var format = LogFormat.logfmt
    public init() {}
  }

  /// How a Kafka record's value is read (DESIGN.md section 4).
  public enum RecordFormat: String, CaseIterable, Sendable {
    /// Told per record, by its first byte.
    case auto
    case json, protobuf
  }

  /// What a Kafka record's key is to the daemon.
  public enum RecordKey: String, CaseIterable, Sendable {
    /// The user id: a record whose key differs is bad.
    case user
    case ignore
  }

  public enum DeadLetterSink: String, CaseIterable, Sendable {
    case topic
    /// `dead-letters.jsonl` in the state directory.
    case file
  }

  /// How the producers choose a record's partition by its key.
  public enum RecordPartitioner: String, CaseIterable, Sendable {
    /// The Java client's default.
    case murmur2
    /// librdkafka's default.
    case crc32
    /// Sarama's default.
    case fnv1a
  }

  public enum LogLevel: String, CaseIterable, Sendable {
    case debug, info, warn, error
  }

  public enum LogFormat: String, CaseIterable, Sendable {
    case logfmt, json
  }
}

extension DaemonConfiguration {
  /// The dead letters' topic that goes with `kafka.topic`.
  public var deadLetterTopic: String { deadLetters.topic.isEmpty ? "\(kafka.topic).dead" : deadLetters.topic }

  /// What `serve` keeps of ready answers: it has no fold buffers, and where nothing else is asked for, more room.
  public var servingCache_bytes: Int {
    lookup.cache_bytes == Lookup.defaultCache_bytes ? 256 << 20 : lookup.cache_bytes
  }

  /// What the process is to stay under, with a cache of so many bytes of ready answers: 512 MiB where nothing else is said, and what
  /// caches and buffers are larger than their defaults.
  public func memoryBudget_bytes(answers: Int) -> Int {
    if memory.budget_bytes > 0 { return memory.budget_bytes }
    let more = [
      answers - (256 << 20), memory.blockCache_bytes - Memory.defaultBlockCache_bytes,
      // Two of them, and one more being sorted.
      3 * 48 * (buffer.events - Buffer().events), 2 * (buffer.bytes - Buffer().bytes),
    ]
    return more.reduce(512 << 20) { $0 + max($1, 0) }
  }

  /// What states are folded and read by. Of a tree that `validate()` accepts.
  public var stateConfiguration: StateConfiguration {
    StateConfiguration(catalog: behaviors, keptBehaviors: state.keptBehaviors, windows_days: state.windows_days)
  }
}
