internal import CRdKafka

/// A consumer of one topic: a member of a group after `subscribe`, on its own without.
///
/// Owned by one thread, which makes every call, from `init` to the last release: librdkafka 2.0.2 loses or repeats records where
/// batches are consumed beside a pause, seek or change of assignment. The class is not Sendable for that reason.
///
/// `deinit` destroys the handle without leaving the group; `close` leaves it. Destroying waits for librdkafka's threads: 1.5 to 2 s
/// were seen with brokers that are gone or silent; where even that is too long, `abandon` the consumer before. A member that the group
/// has never given anything to, be it nothing, is abandoned in any case.
public final class Consumer {
  public let topic: String
  let client: Client
  /// All partitions, callbacks and errors arrive here.
  private let queue: OpaquePointer
  /// Outcomes of asynchronous commits.
  let commits: OpaquePointer
  private let batch: UnsafeMutablePointer<UnsafeMutablePointer<rd_kafka_message_t>?>
  private let batchLimit: Int
  private var waking: FetchWaking
  var isClosing = false
  /// The group's last rebalance, until `assign` or `unassign` answers it.
  var unanswered: ConsumerEvent?
  private var isMember = false
  /// Whether the group has ever given an assignment, be it empty.
  var wasAssigned = false

  /// What applies where the configuration says nothing else: positions and commits are the caller's, and a position that the log
  /// does not hold is an error.
  static let defaults = [
    ("enable.auto.commit", "false"), ("enable.auto.offset.store", "false"), ("enable.partition.eof", "true"),
    ("auto.offset.reset", "error"), ("partition.assignment.strategy", "cooperative-sticky"),
  ]

  /// `batchLimit`: how many records one `poll` gives at most. Nothing is asked of a broker yet.
  public init(
    topic: String, _ configuration: KafkaConfiguration, diagnostics: KafkaDiagnostics = .silent,
    batchLimit: Int = 10_000
  ) throws(KafkaError) {
    precondition(batchLimit > 0)
    self.topic = topic
    self.batchLimit = batchLimit
    client = try Client(
      RD_KAFKA_CONSUMER, configuration, defaults: Self.defaults, optional: [FetchWaking.backoff],
      diagnostics: diagnostics,
      prepare: { rd_kafka_conf_set_rebalance_cb($0, Self.onRebalance) })
    // Errors and statistics of the handle arrive on the consumer's queue as well.
    try KafkaError.check(rd_kafka_poll_set_consumer(client.handle), "start a consumer")
    guard let queue = rd_kafka_queue_get_consumer(client.handle), let commits = rd_kafka_queue_new(client.handle) else {
      throw KafkaError(RD_KAFKA_RESP_ERR__UNKNOWN_GROUP, "start a consumer", hint: "set group.id")
    }
    self.queue = queue
    self.commits = commits
    batch = .allocate(capacity: batchLimit)
    waking = FetchWaking(client.handle)
  }

  deinit {
    // Between the answers to JoinGroup and to its first SyncGroup, librdkafka before 2.3 has a cooperative-sticky assignor without a
    // state, and destroying the handle fails an assertion (confluentinc/librdkafka issue 4312): the process would be aborted.
    if isMember && !wasAssigned { client.abandon() }
    rd_kafka_queue_destroy(commits)
    rd_kafka_queue_destroy(queue)
    batch.deallocate()
  }

  /// Joins the group of `group.id`; partitions come as `ConsumerEvent.assigned`.
  public func subscribe() throws(KafkaError) {
    let list = PartitionList(topic: topic, [RD_KAFKA_PARTITION_UA])
    isMember = true
    try KafkaError.check(rd_kafka_subscribe(client.handle, list.raw), "subscribe to topic '\(topic)'")
  }

  /// Waits until a batch is full or `timeout_ms` has passed and lends each record to `body`, in the order of its partition. Ends of
  /// partitions and errors come in their place between records; changes of the assignment and outcomes of commits after all of
  /// the batch, so that records of a revoked partition never follow its revocation. Both closures may call the consumer, but not
  /// `poll` nor `close`. Polling also keeps the membership alive (`max.poll.interval.ms`).
  /// - Returns: the number of records.
  @discardableResult
  public func poll(
    timeout_ms: Int32, _ body: (borrowing Message) -> Void, event: (ConsumerEvent) -> Void
  ) -> Int {
    let count = take(from: queue, timeout_ms: timeout_ms, body, event: event)
    if count > 0 { waking.wake(client.handle, queue) }
    takeCommits(event)
    takeRebalances(event)
    return count
  }

  func take(
    from queue: OpaquePointer, timeout_ms: Int32, _ body: (borrowing Message) -> Void, event: (ConsumerEvent) -> Void
  ) -> Int {
    let count = rd_kafka_consume_batch_queue(queue, timeout_ms, batch, batchLimit)
    if count < 0 { event(.failed(KafkaError(rd_kafka_last_error(), "poll topic '\(topic)'"))) }
    var records = 0
    for index in 0..<max(count, 0) {
      let raw = batch[index].unsafelyUnwrapped  // librdkafka filled `count` of them
      if raw.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR {
        body(Message(raw))
        records &+= 1
      } else {
        event(describe(raw))
      }
      rd_kafka_message_destroy(raw)
    }
    return records
  }

  private func describe(_ raw: UnsafeMutablePointer<rd_kafka_message_t>) -> ConsumerEvent {
    let message = raw.pointee
    if message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF {
      return .endOfPartition(message.partition, offset: message.offset)
    }
    let text = rd_kafka_message_errstr(raw).map { String(cString: $0) }
    if message.partition >= 0 && message.rkt != nil {
      return .partitionFailed(
        message.partition,
        KafkaError(message.err, "read partition \(message.partition) of topic '\(topic)'", message: text))
    }
    let operation = "consume topic '\(topic)'"
    if message.err == RD_KAFKA_RESP_ERR__FATAL, let error = Client.fatalError(of: client.handle, operation) {
      return .failed(error)
    }
    return .failed(KafkaError(message.err, operation, message: text))
  }

  /// The cluster's id; asks a broker where none has been heard yet.
  public func clusterID(timeout_ms: Int32) throws(KafkaError) -> String { try client.clusterID(timeout_ms: timeout_ms) }

  /// How many partitions the topic has. A topic that is missing is an error that says how to create it.
  public func partitionCount(timeout_ms: Int32) throws(KafkaError) -> Int32 {
    try client.partitionCount(of: topic, timeout_ms: timeout_ms)
  }

  /// Leaves the handle, its memory and its threads to the end of the process, where destroying it could take too long.
  public func abandon() { client.abandon() }
}
