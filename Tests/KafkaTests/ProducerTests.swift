import Bytes
import Kafka
import TestKit
import Testing
import Threads

@Suite("A producer")
struct ProducerTests {
  let cluster: MockCluster

  init() throws {
    cluster = try MockCluster(brokers: 3)
    try cluster.createTopic("events", partitions: 8)
  }

  @Test("delivers every record once and in order although requests fail on the way")
  func idempotence() throws {
    // NOT_LEADER_FOR_PARTITION, REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS
    cluster.pushErrors(.produce, [6, 7, 19, 6])
    let producer = try Producer(cluster.configuration([("linger.ms", "0"), ("retry.backoff.ms", "10")]))
    let topic = try producer.topic("events")
    for index in 0..<1_000 { try producer.send(topic, partition: 3, key: "u", value: "\(index)") }
    try producer.flush(timeout_ms: 30_000)
    #expect(producer.counts == DeliveryCounts(sent: 1_000, delivered: 1_000))
    let records = try cluster.reader("events").readToEnd([PartitionOffset(partition: 3, offset: 0)])
    #expect(records.map(\.value) == (0..<1_000).map { "\($0)" })
  }

  /// What librdkafka calls a partitioner, and our function for it.
  enum Named: String, CaseIterable {
    case byDefault = ""
    case murmur2, murmur2_random, consistent, consistent_random, fnv1a, fnv1a_random

    func partition(_ key: UnsafeRawBufferPointer, _ count: Int32) -> Int32 {
      switch self {
      case .byDefault, .murmur2, .murmur2_random: murmur2Partition(key, count: count)
      case .consistent, .consistent_random: crc32Partition(key, count: count)
      case .fnv1a, .fnv1a_random: fnv1aPartition(key, count: count)
      }
    }
  }

  @Test(
    "chooses the partition that its partitioner's function tells, the Java client's by default",
    arguments: Named.allCases)
  func partitions(named: Named) throws {
    var generator = SeededGenerator(seed: 11)
    let keys = (0..<500).map { _ in
      String(
        decoding: (0..<Int.random(in: 1...40, using: &generator)).map { _ in
          UInt8.random(in: 32...126, using: &generator)
        }, as: UTF8.self)
    }
    let property = named == .byDefault ? [] : [(name: "partitioner", value: named.rawValue)]
    let producer = try Producer(cluster.configuration(property))
    let topic = try producer.topic("events")
    for key in keys { try producer.send(topic, key: key, value: "v") }
    try producer.flush(timeout_ms: 10_000)
    let records = try cluster.reader("events").readToEnd((0..<8).map { PartitionOffset(partition: $0, offset: 0) })
    #expect(records.count == keys.count)
    for record in records {
      let key = Array((record.key ?? "").utf8)
      #expect(key.withUnsafeBytes { named.partition($0, 8) } == record.partition)
    }
    #expect(Set(records.map(\.partition)).count == 8)
  }

  @Test("waits while its queue is full, and then goes on")
  func backpressure() throws {
    let producer = try Producer(
      cluster.configuration([("queue.buffering.max.messages", "10"), ("linger.ms", "1")]))
    let topic = try producer.topic("events")
    for index in 0..<500 {
      try producer.send(topic, key: "u\(index)", value: "v")
      #expect(producer.counts.pending <= 10)
    }
    try producer.flush(timeout_ms: 10_000)
    #expect(producer.counts.delivered == 500)
  }

  @Test("gives up waiting for a full queue after its time, without having taken the record")
  func fullQueue() throws {
    for broker in 1...3 { try cluster.setDown(broker: Int32(broker)) }
    let producer = try Producer(cluster.configuration([("queue.buffering.max.messages", "10")]))
    let topic = try producer.topic("events")
    for _ in 0..<10 { try producer.send(topic, key: "u", value: "v") }
    let start_ns = MonotonicClock.now_ns
    let error = #expect(throws: KafkaError.self) {
      try producer.send(topic, key: "u", value: "v", timeout_ms: 300)
    }
    #expect((300_000_000...3_000_000_000).contains(MonotonicClock.now_ns - start_ns))
    #expect(error?.name == "_QUEUE_FULL")
    #expect(error?.isRetryable == true)
    #expect(producer.counts.sent == 10)
  }

  @Test("a flush without brokers ends in time, with how many records are open")
  func unfinishedFlush() throws {
    for broker in 1...3 { try cluster.setDown(broker: Int32(broker)) }
    let producer = try Producer(cluster.configuration())
    let topic = try producer.topic("events")
    for _ in 0..<3 { try producer.send(topic, key: "u", value: "v") }
    let start_ns = MonotonicClock.now_ns
    let error = #expect(throws: KafkaError.self) { try producer.flush(timeout_ms: 300) }
    #expect(MonotonicClock.now_ns - start_ns < 3_000_000_000)
    #expect(error?.isTimeout == true)
    #expect(error?.message.contains("3 of 3") == true)
  }

  @Test("one record that a broker refuses makes the flush fail, with that record's reason")
  func refusedRecord() throws {
    // TOPIC_AUTHORIZATION_FAILED
    cluster.pushErrors(.produce, [29])
    let producer = try Producer(cluster.configuration([("linger.ms", "0")]))
    let topic = try producer.topic("events")
    try producer.send(topic, partition: 0, key: "u", value: "refused")
    while producer.counts.pending > 0 { producer.poll(timeout_ms: 100) }
    #expect(throws: KafkaError.self) { try producer.flush(timeout_ms: 10_000) }
    #expect(producer.counts.failed == 1)
    #expect(producer.counts.firstError?.name == "TOPIC_AUTHORIZATION_FAILED")
  }

  @Test("a producer that the cluster does not admit has a fatal error, told by what follows")
  func fatal() throws {
    // CLUSTER_AUTHORIZATION_FAILED
    cluster.pushErrors(.initProducerID, [31])
    let producer = try Producer(cluster.configuration([("linger.ms", "0")]))
    let topic = try producer.topic("events")
    // The refusal comes on librdkafka's own threads: before the first record, or after it.
    let first = Result { try producer.send(topic, partition: 0, key: "u", value: "v") }
    while producer.fatalError == nil { producer.poll(timeout_ms: 100) }
    if case .failure(let error) = first { #expect((error as? KafkaError)?.isFatal == true) }
    let flush = #expect(throws: KafkaError.self) { try producer.flush(timeout_ms: 10_000) }
    let send = #expect(throws: KafkaError.self) { try producer.send(topic, partition: 0, key: "u", value: "v") }
    #expect(flush?.isFatal == true)
    #expect(send?.isFatal == true)
  }

  @Test("a record that is too large, or for a partition that is not there, is refused at once or reported")
  func impossible() throws {
    let producer = try Producer(cluster.configuration([("message.max.bytes", "1000")]))
    let topic = try producer.topic("events")
    let large = #expect(throws: KafkaError.self) {
      try producer.send(topic, key: "u", value: String(repeating: "x", count: 2_000))
    }
    #expect(large?.name == "MSG_SIZE_TOO_LARGE")
    #expect(large?.description.contains("topic 'events'") == true)
    #expect(try producer.partitionCount(of: "events", timeout_ms: 10_000) == 8)
    #expect(throws: KafkaError.self) {
      try producer.send(topic, partition: 12, key: "u", value: "v")
      try producer.flush(timeout_ms: 10_000)
    }
  }
}

@Suite("Java's partitioner")
struct PartitionerTests {
  @Test(
    "hashes as org.apache.kafka.common.utils.UtilsTest expects",
    arguments: [
      ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
      ("a-little-bit-longer-string", -1_486_304_829),
      ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
    ] as [(String, Int32)])
  func murmur(key: String, expected: Int32) {
    let bytes = Array(key.utf8)
    #expect(bytes.withUnsafeBytes { Int32(bitPattern: murmur2($0)) } == expected)
    #expect(bytes.withUnsafeBytes { murmur2Partition($0, count: 1_000) } == (expected & 0x7fff_ffff) % 1_000)
  }
}
