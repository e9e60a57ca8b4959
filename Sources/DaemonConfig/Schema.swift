/// Every key there is, in the order in which a configuration is printed. Defaults stand in `DaemonConfiguration`.
enum Schema {
  static let sections: [Section] = [
    top, state, buffer, memory, lookup, ingest, duplicates, kafka, deadLetters, tls, auth, http, grpc, resp, forward,
    log,
  ]

  static let keys: [Key] = sections.flatMap(\.keys)

  private static let top = Section(
    "", "",
    [
      Key(
        "behaviors", \.behaviors, .catalog,
        """
        The behavior types: the name events carry, the code that states store (1 to 255, never to be given to another type), and \
        the category it counts in. The only key without a default. Types may be added later, not changed.
        """),
      Key(
        "cluster_map", \.clusterMap, .path,
        """
        The cluster map: a CSV file with the header shop_id,group_id. A shop it does not name is in group 0. \
        Flag: --cluster-map. Relative paths begin at the working directory.
        """),
    ])

  private static let state = Section(
    "state", "What is kept of a user. A state directory remembers kept_behaviors and windows_days, and refuses others.",
    [
      Key("state.directory", \.state.directory, .path, "Where states are kept; one process opens it. Flag: --state."),
      Key(
        "state.kept_behaviors", \.state.keptBehaviors, .integer(1...255),
        "How many of a group's most recent behaviors are kept one by one; older ones only count in the statistics."),
      Key(
        "state.windows_days", \.state.windows_days, .ascending(1...32, atMost: 8),
        "Events are also counted in these windows, in days back from the user's newest event."),
      Key(
        "state.erasure_ms", \.state.erasure_ms, .integer(1000...2_592_000_000, "of milliseconds"),
        "An erased user is gone from lookups at once, and from the disk within this time."),
      Key(
        "state.minimum_free_bytes", \.state.minimumFree_bytes, .integer(0...(1 << 50), "of bytes"),
        "Ingestion pauses while the volume has less room than this; lookups go on. 0: never."),
    ])

  private static let buffer = Section(
    "buffer",
    "The fold buffer: events wait in it until one of the three is reached, then they are written as one sorted file.",
    [
      Key(
        "buffer.events", \.buffer.events, .integer(1...16_000_000),
        "Events per buffer. Each takes 48 bytes, and two buffers exist while one is being written."),
      Key(
        "buffer.bytes", \.buffer.bytes, .integer((1 << 20)...(4 << 30) - 1, "of bytes"),
        "Memory for user ids and for states folded in place, beside the events."),
      Key(
        "buffer.age_ms", \.buffer.age_ms, .integer(10...3_600_000, "of milliseconds"),
        "How long the oldest event waits. A crash repeats at most this much work; a smaller value writes more files."),
    ])

  private static let memory = Section(
    "memory", "Memory apart from the buffers.",
    [
      Key(
        "memory.budget_bytes", \.memory.budget_bytes, .integer(0...(1 << 40), "of bytes"),
        """
        Resident memory that the process is to stay under: ready answers (lookup.cache_bytes) make room when buffers, event ids, blocks or \
        replies take more, until 16 MiB of them are left, or a sixteenth of lookup.cache_bytes where that is more. 0: 512 MiB, and what \
        caches and buffers are larger than their defaults.
        """),
      Key(
        "memory.block_cache_bytes", \.memory.blockCache_bytes, .integer((1 << 20)...(1 << 40), "of bytes"),
        "RocksDB's cache of blocks, shared by everything that reads states."),
      Key(
        "memory.waiting_output_bytes", \.memory.waitingOutput_bytes, .integer((32 << 20)...(1 << 40), "of bytes"),
        """
        Replies that wait for clients to take them, of each of the ports http, grpc and resp. Beyond it long replies and late ones \
        are refused, and those clients disconnected for whom most waits. The longest reply, a batch of 24 MiB, has to have room.
        """),
    ])

  private static let lookup = Section(
    "lookup", "How lookups are answered, whatever protocol they come by.",
    [
      Key(
        "lookup.cache_bytes", \.lookup.cache_bytes, .integer(0...(1 << 40), "of bytes"),
        """
        Memory for answers that are ready to be sent again while nothing of their user has changed. 0: none are kept. Not set, \
        interestd serve takes 268435456. Flag: --cache-mb.
        """),
      Key(
        "lookup.maximum_requests", \.lookup.maximumRequests, .integer(1...1_000_000),
        """
        Requests at a time, over all protocols, that wait for other instances or for a long batch. Further ones are refused at \
        once: 503 with Retry-After, RESOURCE_EXHAUSTED, BUSY.
        """),
      Key(
        "lookup.batch_users", \.lookup.batchUsers, .integer(1000...10_000_000),
        "Users that batches under way may still have to be looked up. Further batches of more than 32 are refused likewise."
      ),
      Key(
        "lookup.batch_bytes", \.lookup.batch_bytes, .integer((24 << 20)...(1 << 40), "of bytes"),
        "Answers that batches under way may have together. A batch whose answers find no room any more is refused likewise."
      ),
      Key(
        "lookup.batch_threads", \.lookup.batchThreads, .integer(0...64),
        "Threads that look up the users of batches of more than 32. 0: as many as there are processors, 4 at most."),
      Key(
        "lookup.drain_ms", \.lookup.drain_ms, .integer(0...3_600_000, "of milliseconds"),
        """
        So long after a SIGTERM requests that have come are answered and clients take their replies; what is left then is cut off. It ends \
        when all are done, and a client that takes nothing for 2 s is not waited for.
        """),
    ])

  private static let ingest = Section(
    "ingest", "How events are taken in, from files and from Kafka.",
    [
      Key(
        "ingest.maximum_record_bytes", \.ingest.maximumRecord_bytes, .integer(1024...(128 << 20), "of bytes"),
        "A longer record is bad: it goes to the dead letters without being decoded."),
      Key(
        "ingest.level0_files", \.ingest.level0Files, .integer(4...10_000),
        "Ingestion waits while RocksDB has more files than this to compact: lookups read all of them."),
      Key(
        "ingest.breaker_records", \.ingest.breakerRecords, .integer(1...1_000_000_000),
        "Bad records never stop ingestion before so many records have been read."),
      Key(
        "ingest.breaker_percent", \.ingest.breakerPercent, .integer(1...100),
        "More bad records than these, in percent, stop ingestion with an error: the input is not what it should be."),
    ])

  private static let duplicates = Section(
    "duplicates",
    "A behavior is a duplicate when an earlier record of the same user and event_id lies within both bounds. It is not counted.",
    [
      Key(
        "duplicates.offsets", \.duplicates.offsets, .integer(0...2_000_000),
        "So many offsets of the partition (in files: records). Up to 21 MB of memory per million. 0: nothing is a duplicate."
      ),
      Key(
        "duplicates.time_ms", \.duplicates.time_ms, .integer(0...315_360_000_000, "of milliseconds"),
        "So far apart in record timestamps at most; files have none."),
    ])

  private static let kafka = Section(
    "kafka", "Where behaviors come from when the daemon runs.",
    [
      Key(
        "kafka.brokers", \.kafka.brokers, .brokers,
        "The brokers to ask first, as host:port,host:port. Flag: --brokers."),
      Key(
        "kafka.topic", \.kafka.topic, .topic,
        "The topic of behaviors. Flag: --topic."),
      Key(
        "kafka.group", \.kafka.group, .text("1 to 255 bytes") { (1...255).contains($0.utf8.count) },
        """
        The consumer group: instances of one group share the partitions. Each topic wants a group of its own, as all \
        members of a group wait for one that is gone, until its session ends. Flag: --group.
        """),
      Key(
        "kafka.format", \.kafka.format, .choice,
        "What a record's value is; auto tells it per record by its first byte."),
      Key(
        "kafka.key", \.kafka.key, .choice,
        "user: a record whose key is not its user_id is bad, because a user must stay in one partition. ignore: do not look."
      ),
      Key(
        "kafka.partitioner", \.kafka.partitioner, .choice,
        """
        How the producers choose a partition by the key, so that a lookup knows where a user is: murmur2 (the Java client), crc32 \
        (librdkafka's default, consistent_random) or fnv1a (Sarama's default). Part of what a state is: another needs a new state \
        directory. Without meaning where key is ignore.
        """),
      Key(
        "kafka.max_skew_ms", \.kafka.maxSkew_ms, .integer(0...31_536_000_000, "of milliseconds"),
        "An event may be so much later than its record's timestamp; beyond it, it is bad."),
      Key(
        "kafka.properties", \.kafka.properties, .properties,
        """
        librdkafka's own properties, passed through, as in { security.protocol: sasl_ssl, group.instance.id: feeder-1 }. \
        Secrets are better given by the environment: INTERESTD_KAFKA__PROPERTIES__SASL_PASSWORD is sasl.password. \
        Those that the daemon depends on (bootstrap.servers, group.id, client.id, partitioner, enable.auto.commit, \
        enable.auto.offset.store, auto.offset.reset, enable.partition.eof, partition.assignment.strategy) are refused.
        """),
    ])

  private static let deadLetters = Section(
    "dead_letters",
    "Where bad records of a topic go, with their origin, reason and original bytes. Those of files go to dead-letters.jsonl in the "
      + "state directory.",
    [
      Key(
        "dead_letters.to", \.deadLetters.sink, .choice,
        "topic: a topic of their own, from which interestd redrive sends them back. file: dead-letters.jsonl in the state directory."
      ),
      Key(
        "dead_letters.topic", \.deadLetters.topic, .deadLetterTopic,
        """
        The dead letters' topic; empty: the name of kafka.topic with .dead behind it. It takes the letters of one topic only. Where it \
        does not exist it is created with as many partitions as kafka.topic, cleanup.policy=delete and the retention below.
        """),
      Key(
        "dead_letters.retention_ms", \.deadLetters.retention_ms, .integer(60_000...315_576_000_000, "of milliseconds"),
        "How long a dead letters' topic that is created keeps letters; an existing one keeps its own retention."),
      Key(
        "dead_letters.retention_bytes", \.deadLetters.retention_bytes, .integer((1 << 20)...(1 << 40), "of bytes"),
        "How much each partition of a dead letters' topic that is created keeps."),
    ])

  private static let http = Section(
    "http", "The HTTP endpoint: lookups, health, metrics.",
    [
      Key("http.listen", \.http.listen, .listen, "Address and port; port 0 takes any free one. Flag: --http."),
      Key(
        "http.allow_remote", \.http.allowRemote, .bool,
        """
        Whether listen may be an address that other machines reach although the port has no TLS, or asks nobody who they are. With \
        TLS and authentication (tls, auth) it may be anyway.
        """),
      Key(
        "http.tls", \.http.tls, .choice,
        """
        auto: TLS where tls.certificate is set, and clients must have a certificate where tls.client_ca is. server: TLS, and clients \
        need no certificate. none: clear text.
        """),
      Key(
        "http.advertise", \.http.advertise, .advertised,
        """
        The address, as host:port, by which clients and the group's other instances reach this one: its member's client id in \
        Kafka. Empty: the address it listens on; of all interfaces (0.0.0.0, [::]) the host's name.
        """),
      Key(
        "http.redirect", \.http.redirect, .bool,
        "Whether a lookup of a user of another instance is answered with its address (307) instead of being forwarded to it."
      ),
      Key(
        "http.threads", \.http.threads, .integer(0...256),
        "Threads that serve connections, which are spread over them and stay where they are. 0: one where answers are kept ready "
          + "(lookup.cache_bytes), otherwise as many as there are processors, 4 at most."),
      Key(
        "http.maximum_connections", \.http.maximumConnections, .integer(1...1_000_000),
        "Connections at a time; further ones wait to be accepted."),
      Key(
        "http.request_deadline_ms", \.http.requestDeadline_ms, .integer(1...3_600_000, "of milliseconds"),
        "From a request's first byte to its last; a slower client is disconnected."),
      Key(
        "http.idle_timeout_ms", \.http.idleTimeout_ms, .integer(1...86_400_000, "of milliseconds"),
        "How long a connection may stay open without a request."),
      Key(
        "http.stranger_timeout_ms", \.http.strangerTimeout_ms, .integer(1...86_400_000, "of milliseconds"),
        """
        The same for one that has had no request yet; where auth is configured, none that needs a right and was let in. It keeps those \
        who say nothing from taking up the connections.
        """),
    ])

  private static let log = Section(
    "log", "Log lines, on standard error.",
    [
      Key("log.level", \.log.level, .choice, "The least important lines to print."),
      Key("log.format", \.log.format, .choice, "logfmt (key=value) or one JSON object a line."),
    ])
}
