import Kafka
import Threads

/// A record as a test compares it.
struct Record: Equatable {
  var partition: Int32
  var offset: Int64
  var key: String?
  var value: String?

  init(partition: Int32, offset: Int64, key: String?, value: String?) {
    self.partition = partition
    self.offset = offset
    self.key = key
    self.value = value
  }

  init(_ message: borrowing Message) {
    partition = message.partition
    offset = message.offset
    key = message.key.map { String(decoding: $0, as: UTF8.self) }
    value = message.value.map { String(decoding: $0, as: UTF8.self) }
  }
}

extension MockCluster {
  func configuration(_ properties: [(name: String, value: String)] = []) -> KafkaConfiguration {
    KafkaConfiguration([("bootstrap.servers", bootstrap)] + properties)
  }

  /// A consumer outside of any group.
  func reader(_ topic: String, _ properties: [(name: String, value: String)] = []) throws -> Consumer {
    try Consumer(topic: topic, configuration([("group.id", "reader")] + properties))
  }

  /// A consumer that has joined a group, or is about to. The mock's rebalances take the session's timeout less a second.
  func member(_ topic: String, group: String, _ properties: [(name: String, value: String)] = []) throws -> Consumer {
    let times = [(name: "session.timeout.ms", value: "3000"), (name: "heartbeat.interval.ms", value: "200")]
    let consumer = try Consumer(topic: topic, configuration([("group.id", group)] + times + properties))
    try consumer.subscribe()
    return consumer
  }

  /// Values "0", "1", ... into one partition, delivered.
  func fill(_ topic: String, partition: Int32 = 0, count: Int) throws {
    let producer = try Producer(configuration())
    let reference = try producer.topic(topic)
    for index in 0..<count { try producer.send(reference, partition: partition, key: "k", value: "\(index)") }
    try producer.flush(timeout_ms: 10_000)
  }
}

extension Producer {
  func send(_ topic: Topic, partition: Int32? = nil, key: String?, value: String?, timeout_ms: Int = 10_000) throws {
    try Array((key ?? "").utf8).withUnsafeBytes { keyBytes in
      try Array((value ?? "").utf8).withUnsafeBytes { valueBytes in
        try send(
          topic, partition: partition, key: key == nil ? nil : keyBytes, value: value == nil ? nil : valueBytes,
          timeout_ms: timeout_ms)
      }
    }
  }
}

extension Consumer {
  /// Polls until `isDone` or the time is over; false then.
  func poll(
    within seconds: Double = 20, until isDone: () -> Bool, _ body: (borrowing Message) -> Void = { _ in },
    event: (ConsumerEvent) -> Void = { _ in }
  ) -> Bool {
    let deadline_ns = MonotonicClock.now_ns + UInt64(seconds * 1e9)
    while !isDone() {
      if MonotonicClock.now_ns > deadline_ns { return false }
      poll(timeout_ms: 20, body, event: event)
    }
    return true
  }

  /// The records of the given partitions from the given offsets to the ends of the partitions.
  func readToEnd(_ offsets: [PartitionOffset]) throws -> [Record] {
    try assign(offsets)
    var records: [Record] = []
    var ended: Set<Int32> = []
    var errors: [KafkaError] = []
    let finished = poll(until: { ended.count == offsets.count || !errors.isEmpty }) {
      records.append(Record($0))
    } event: { event in
      switch event {
      case .endOfPartition(let partition, _): ended.insert(partition)
      case .partitionFailed(_, let error), .failed(let error): errors.append(error)
      default: break
      }
    }
    if let error = errors.first { throw error }
    if !finished { throw Unfinished(read: records.count, ended: ended.sorted()) }
    return records
  }

  /// Joins the group and takes what it gives, each partition from its beginning.
  func takeAssigned(_ event: ConsumerEvent) throws {
    guard case .assigned(let partitions) = event else { return }
    try assign(partitions.map { PartitionOffset(partition: $0, offset: Consumer.beginning) })
  }
}

struct Unfinished: Error {
  let read: Int
  let ended: [Int32]
}
