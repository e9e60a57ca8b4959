import Kafka
import Testing
import Threads

@Suite("A consumer")
struct ConsumerTests {
  let cluster: MockCluster

  init() throws {
    cluster = try MockCluster()
    try cluster.createTopic("events", partitions: 3)
  }

  @Test("delivers keys, values, their absence and their emptiness, with offsets and times")
  func contents() throws {
    let before_ms = WallClock.now_ms
    let producer = try Producer(cluster.configuration())
    let topic = try producer.topic("events")
    let sent: [(String?, String?)] = [("u1", "one"), (nil, "no key"), ("u2", nil), (nil, nil), ("", ""), ("u3", "é")]
    for (key, value) in sent { try producer.send(topic, partition: 1, key: key, value: value) }
    try producer.flush(timeout_ms: 10_000)

    let consumer = try cluster.reader("events")
    try consumer.assign([PartitionOffset(partition: 1, offset: 0)])
    var records: [Record] = []
    var times_ms: [Int64] = []
    #expect(
      consumer.poll(until: { records.count == sent.count }) {
        records.append(Record($0))
        times_ms.append($0.timestamp_ms)
      })
    #expect(
      records
        == sent.enumerated().map { Record(partition: 1, offset: Int64($0), key: $1.0, value: $1.1) })
    #expect(times_ms.allSatisfy { (before_ms...WallClock.now_ms).contains($0) })
  }

  @Test("lends headers, null ones too, and none where there are none")
  func headers() throws {
    let producer = try Producer(cluster.configuration())
    let topic = try producer.topic("events")
    let value: [UInt8] = [1, 2, 3]
    try value.withUnsafeBytes {
      try producer.send(
        topic, partition: 0, key: nil, value: $0, headers: [.init("reason", $0), .init("empty", nil)])
      try producer.send(topic, partition: 0, key: nil, value: $0)
    }
    try producer.flush(timeout_ms: 10_000)
    let consumer = try cluster.reader("events")
    try consumer.assign([PartitionOffset(partition: 0, offset: 0)])
    var seen: [[String]] = []
    #expect(
      consumer.poll(until: { seen.count == 2 }) { message in
        var headers: [String] = []
        message.forEachHeader { name, value in headers.append("\(name)=\(value.map { "\(Array($0))" } ?? "null")") }
        seen.append(headers)
      })
    #expect(seen == [["reason=[1, 2, 3]", "empty=null"], []])
  }

  @Test("fetches on as soon as its bounded queue has room")
  func refill() throws {
    // Each fetch of the mock's brings a batch, after which the queue is full: left to itself, librdkafka 2.0.2 waits a second each time.
    let batches = 60
    let producer = try Producer(cluster.configuration([("batch.num.messages", "100"), ("linger.ms", "1000")]))
    let topic = try producer.topic("events")
    for _ in 0..<100 * batches { try producer.send(topic, partition: 0, key: "k", value: "v") }
    try producer.flush(timeout_ms: 10_000)
    let consumer = try cluster.reader("events", [("queued.min.messages", "50")])
    try consumer.assign([PartitionOffset(partition: 0, offset: 0)])
    var count = 0
    #expect(consumer.poll(until: { count == 100 * batches }) { _ in count += 1 })
  }

  @Test("tells the end of each partition, an empty one too, after its records")
  func ends() throws {
    try cluster.fill("events", partition: 2, count: 5)
    let consumer = try cluster.reader("events")
    try consumer.assign((0..<3).map { PartitionOffset(partition: $0, offset: 0) })
    var ends: [Int32: Int64] = [:]
    var recordsOfTwo = 0
    var recordsAtEnd = -1
    #expect(
      consumer.poll(until: { ends.count == 3 }) { _ in
        recordsOfTwo += 1
      } event: { event in
        guard case .endOfPartition(let partition, let offset) = event else { return }
        ends[partition] = offset
        if partition == 2 { recordsAtEnd = recordsOfTwo }
      })
    #expect(ends == [0: 0, 1: 0, 2: 5])
    #expect(recordsAtEnd == 5)
  }

  @Test("goes on from the offset it is given, and elsewhere after a seek")
  func resumes() throws {
    try cluster.fill("events", count: 100)
    let consumer = try cluster.reader("events")
    let records = try consumer.readToEnd([PartitionOffset(partition: 0, offset: 97)])
    #expect(records.map(\.offset) == [97, 98, 99])
    #expect(try consumer.position(0) == 100)
    try consumer.seek([PartitionOffset(partition: 0, offset: 98)], timeout_ms: 10_000)
    var again: [Int64] = []
    #expect(consumer.poll(until: { again.count >= 2 }) { again.append($0.offset) })
    #expect(again == [98, 99])
  }

  @Test("a batch is never longer than its limit")
  func batches() throws {
    try cluster.fill("events", count: 100)
    let consumer = try Consumer(topic: "events", cluster.configuration([("group.id", "g")]), batchLimit: 7)
    try consumer.assign([PartitionOffset(partition: 0, offset: 0)])
    var total = 0
    var longest = 0
    let deadline_ns = MonotonicClock.now_ns + 20_000_000_000
    while total < 100 && MonotonicClock.now_ns < deadline_ns {
      let count = consumer.poll(timeout_ms: 100, { _ in }, event: { _ in })
      longest = max(longest, count)
      total += count
    }
    #expect(total == 100)
    #expect(longest == 7)
  }

  @Test("an offset that the log does not hold is an error of that partition, and the others go on")
  func outOfRange() throws {
    try cluster.fill("events", partition: 0, count: 3)
    try cluster.fill("events", partition: 1, count: 3)
    let consumer = try cluster.reader("events")
    try consumer.assign([PartitionOffset(partition: 0, offset: 50), PartitionOffset(partition: 1, offset: 0)])
    var failure: (Int32, KafkaError)?
    var records = 0
    #expect(
      consumer.poll(until: { failure != nil && records == 3 }) { _ in
        records += 1
      } event: {
        if case .partitionFailed(let partition, let error) = $0 { failure = (partition, error) }
      })
    #expect(failure?.0 == 0)
    #expect(failure?.1.isOffsetOutOfRange == true)
    #expect(failure?.1.name == "_AUTO_OFFSET_RESET")
    #expect(failure?.1.description.hasPrefix("cannot read partition 0 of topic 'events': ") == true)
  }

  @Test("knows the ends of a log from a broker")
  func watermarks() throws {
    try cluster.fill("events", partition: 1, count: 42)
    let consumer = try cluster.reader("events")
    let ends = try consumer.watermarks([2, 1], timeout_ms: 10_000)
    #expect(ends.map(\.partition) == [2, 1])
    #expect(ends.map(\.low) == [0, 0])
    #expect(ends.map(\.high) == [0, 42])
    #expect(consumer.lastKnownEnd(1) == nil)
    _ = try consumer.readToEnd([PartitionOffset(partition: 1, offset: 0)])
    #expect(consumer.lastKnownEnd(1) == 42)
  }

  @Test("delivers nothing of a paused partition until it is resumed, then all of it")
  func pauses() throws {
    try cluster.fill("events", partition: 0, count: 10)
    try cluster.fill("events", partition: 1, count: 10)
    let consumer = try cluster.reader("events")
    try consumer.assign([PartitionOffset(partition: 0, offset: 0), PartitionOffset(partition: 1, offset: 0)])
    try consumer.pause([0])
    var offsets: [Int32: [Int64]] = [:]
    func take(_ message: borrowing Message) { offsets[message.partition, default: []].append(message.offset) }
    #expect(consumer.poll(until: { offsets[1]?.count == 10 }) { take($0) })
    #expect(offsets[0] == nil)
    try consumer.resume([0])
    #expect(consumer.poll(until: { offsets[0]?.count == 10 }) { take($0) })
    #expect(offsets == [0: Array(0..<10), 1: Array(0..<10)])
  }

  @Test("reads back what was committed, with its metadata, and nothing for other partitions")
  func commits() throws {
    let consumer = try cluster.reader("events")
    try consumer.commit([PartitionOffset(partition: 0, offset: 7, metadata: "base=3")], timeout_ms: 10_000)
    #expect(
      try consumer.committed([0, 1], timeout_ms: 10_000)
        == [PartitionOffset(partition: 0, offset: 7, metadata: "base=3")])

    try consumer.commit([PartitionOffset(partition: 1, offset: 9)])
    var outcome: ConsumerEvent?
    #expect(
      consumer.poll(until: { outcome != nil }, event: { if case .committed = $0 { outcome = $0 } }))
    guard case .committed(let offsets, nil) = outcome else {
      Issue.record("\(String(describing: outcome))")
      return
    }
    #expect(offsets.map(\.partition) == [1])
    #expect(try consumer.committed([1], timeout_ms: 10_000).map(\.offset) == [9])
  }

  @Test("a refused commit is told with its code")
  func refusedCommit() throws {
    let consumer = try cluster.reader("events")
    try consumer.commit([PartitionOffset(partition: 0, offset: 1)], timeout_ms: 10_000)
    cluster.pushErrors(.offsetCommit, [29])
    let error = #expect(throws: KafkaError.self) {
      try consumer.commit([PartitionOffset(partition: 0, offset: 2)], timeout_ms: 10_000)
    }
    #expect(error?.name == "TOPIC_AUTHORIZATION_FAILED")
    #expect(try consumer.committed([0], timeout_ms: 10_000).map(\.offset) == [1])
  }

  @Test("names the cluster, counts partitions, and says how to create a missing topic")
  func metadata() throws {
    let consumer = try cluster.reader("events")
    #expect(try consumer.clusterID(timeout_ms: 10_000).isEmpty == false)
    #expect(try consumer.partitionCount(timeout_ms: 10_000) == 3)
    cluster.setTopicError("nowhere", code: 3)
    let other = try cluster.reader("nowhere")
    let error = #expect(throws: KafkaError.self) { try other.partitionCount(timeout_ms: 10_000) }
    #expect(error?.isUnknownTopic == true)
    #expect(error?.description.contains("'nowhere'") == true)
    #expect(error?.hint.contains("--create --topic nowhere") == true)
  }
}
