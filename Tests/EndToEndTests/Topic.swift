import Foundation
import Kafka
import Synchronization
import TestKit

/// A topic of a broker, of which no other test knows.
struct Topic {
  let name: String
  let bootstrap: String

  private static let count = Atomic<Int>(0)

  /// On the shared broker, unless another is given.
  init(partitions: Int32 = 8, of broker: KafkaBroker? = nil, _ properties: [(name: String, value: String)] = []) throws
  {
    let broker = try broker ?? KafkaBroker.shared.get()
    name = "behaviors-\(Self.count.add(1, ordering: .relaxed).newValue)"
    bootstrap = broker.bootstrap
    let admin = try Admin(KafkaConfiguration([("bootstrap.servers", bootstrap)]))
    try admin.createTopic(name, partitions: partitions, properties: properties, timeout_ms: 30_000)
    // The controller has it at once, the broker a moment later.
    let isKnown = eventually { (try? admin.partitionCount(of: name, timeout_ms: 5000)) == partitions }
    if !isKnown { throw Command.Failure(description: "topic \(name) does not appear") }
  }

  private init(name: String, bootstrap: String) {
    self.name = name
    self.bootstrap = bootstrap
  }

  /// Where the daemon puts bad records.
  var dead: Topic { Topic(name: "\(name).dead", bootstrap: bootstrap) }

  var flags: [String] { ["--brokers", bootstrap, "--topic", name] }

  /// `interestd produce`, to its end.
  @discardableResult
  func produce(
    _ files: String..., format: String = "json", flags: [String] = [], expecting code: Int32 = 0
  ) throws -> Command.Outcome {
    let command = try Interestd.start(["produce", "--format", format, "--json"] + self.flags + flags + files)
    let outcome = try command.wait(within: 120)
    if outcome.code != code { throw Command.Failure(description: "'\(command.line)': \(outcome)") }
    return outcome
  }

  /// Records as they are.
  func publish(_ records: [(partition: Int32?, key: [UInt8]?, value: [UInt8]?)]) throws {
    let producer = try Producer(
      KafkaConfiguration([("bootstrap.servers", bootstrap), ("message.max.bytes", "16000000")]))
    let topic = try producer.topic(name)
    for record in records {
      try record.key.withLent { key in
        try record.value.withLent { value in
          try producer.send(topic, partition: record.partition, key: key, value: value)
        }
      }
    }
    try producer.flush(timeout_ms: 30_000)
  }

  /// What a group has committed, by partition.
  func committed(by group: String, partitions: Int32 = 8) throws -> [Int32: Int64] {
    let consumer = try Consumer(
      topic: name, KafkaConfiguration([("bootstrap.servers", bootstrap), ("group.id", group)]))
    let offsets = try consumer.committed((0..<partitions).map { $0 }, timeout_ms: 10_000)
    return Dictionary(uniqueKeysWithValues: offsets.map { ($0.partition, $0.offset) })
  }
}

extension [UInt8]? {
  fileprivate func withLent<Result>(_ body: (UnsafeRawBufferPointer?) throws -> Result) rethrows -> Result {
    guard let self else { return try body(nil) }
    return try self.withUnsafeBytes { try body($0) }
  }
}

extension Topic {
  /// Everything that `DataSet.synthetic` of so many events and 2,000 users makes, bad records included.
  func publishAll(of data: DataSet, events: Int = 100_000, _ shares: String...) throws {
    let arguments =
      ["synth", "--events", "\(events)", "--users", "2000", "--shops", "3000", "--group-count", "100", "--json"]
      + ["--cluster-map-out", "/dev/null", "--config-out", "/dev/null"]
    let outcome = try Interestd.start(arguments + shares + flags).wait()
    if outcome.code != 0 { throw Command.Failure(description: "\(outcome)") }
  }

  /// Of partition 0.
  func deleteRecords(before offset: Int64) throws {
    let admin = try Admin(KafkaConfiguration([("bootstrap.servers", bootstrap)]))
    try admin.deleteRecords(
      topic: name, before: [PartitionOffset(partition: 0, offset: offset)], timeout_ms: 10_000)
  }
}

/// A record as it lies in a topic.
struct TopicRecord {
  var partition: Int32
  var timestamp_ms: Int64
  var offset: Int64
  /// Null ones are empty.
  var key: [UInt8]
  var value: [UInt8]
  var headers: [String: String] = [:]
}

extension Topic {
  /// All records, each partition in its order.
  func records() throws -> [TopicRecord] {
    let consumer = try Consumer(
      topic: name, KafkaConfiguration([("bootstrap.servers", bootstrap), ("group.id", "test-reader")]))
    let count = try consumer.partitionCount(timeout_ms: 10_000)
    try consumer.assign((0..<count).map { PartitionOffset(partition: $0, offset: Consumer.beginning) })
    var records: [TopicRecord] = []
    var ended: Set<Int32> = []
    let isRead = eventually {
      consumer.poll(timeout_ms: 100) { message in
        var record = TopicRecord(
          partition: message.partition, timestamp_ms: message.timestamp_ms, offset: message.offset,
          key: message.key.map(Array.init) ?? [], value: message.value.map(Array.init) ?? [])
        message.forEachHeader { record.headers[$0] = $1.map { String(decoding: $0, as: UTF8.self) } ?? "" }
        records.append(record)
      } event: {
        if case .endOfPartition(let partition, _) = $0 { ended.insert(partition) }
      }
      return ended.count == Int(count)
    }
    if !isRead { throw Command.Failure(description: "topic \(name) is not read to its end: \(ended.sorted())") }
    return records
  }

  /// Asks how many records there are, over all partitions.
  func end() throws -> () throws -> Int64 {
    let consumer = try Consumer(
      topic: name, KafkaConfiguration([("bootstrap.servers", bootstrap), ("group.id", "test-reader")]))
    let partitions = (0..<(try consumer.partitionCount(timeout_ms: 10_000))).map { $0 }
    return { try consumer.watermarks(partitions, timeout_ms: 5000).reduce(0) { $0 + $1.high } }
  }
}
