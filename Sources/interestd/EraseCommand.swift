import Bytes
import CommandLineArguments
import DaemonConfig
import InterestCodec
import InterestModel
import InterestStore
import Kafka
import Threads

/// `interestd erase`
struct EraseCommand {
  private let arguments: ParsedArguments
  private static var request_ms: Int32 { 10_000 }
  private static var flush_ms: Int32 { 60_000 }

  init(_ arguments: ParsedArguments) { self.arguments = arguments }

  func run() throws -> Int32 {
    let users = arguments.arguments("USER")
    for user in users where !(1...Behavior.maximumIDLength).contains(user.utf8.count) {
      throw SetupError("'\(user.prefix(32))' is no user id: it has \(user.utf8.count) bytes, and 1 to 255 are allowed")
    }
    let configuration = try DaemonConfiguration.load(arguments, needs: [.brokers, .topic])
    let producer = try Producer(configuration.connection.choosing(configuration.partitioner), keepsDeliveries: true)
    defer { producer.abandon() }
    let partitions = try producer.partitionCount(of: configuration.kafka.topic, timeout_ms: Self.request_ms)
    let source = StateSource.kafka(
      clusterID: "", topic: configuration.kafka.topic, partitions: Int(partitions),
      partitioner: configuration.partitioner)
    let topic = try producer.topic(configuration.kafka.topic)
    var failure: KafkaError?
    do throws(KafkaError) {
      for (number, user) in users.enumerated() {
        try send(user, number, in: source, as: configuration.kafka.format, producer, topic)
      }
      try producer.flush(timeout_ms: Self.flush_ms)
    } catch { failure = error }
    let deliveries = producer.takeDeliveries().filter { $0.error == nil }
      .sorted { ($0.tag, $0.partition) < ($1.tag, $1.partition) }
    show(deliveries, users, configuration.kafka.topic)
    if let failure { Terminal.complain("not every erase record was delivered: \(failure)") }
    return failure == nil ? 0 : 1
  }

  /// To every partition that may hold behaviors of the user.
  private func send(
    _ user: String, _ tag: Int, in source: StateSource, as format: DaemonConfiguration.RecordFormat,
    _ producer: Producer, _ topic: Producer.Topic
  ) throws(KafkaError) {
    let value = Self.record(user, as: format)
    var key = ByteBuffer()
    key.append(user)
    for partition in source.partitions(of: key.bytes) {
      try producer.send(topic, partition: Int32(partition), key: key.bytes, value: value.bytes, tag: tag)
    }
  }

  private static func record(_ user: String, as format: DaemonConfiguration.RecordFormat) -> ByteBuffer {
    var texts = ByteBuffer()
    texts.append(user)
    texts.append("$erase")
    var fields = BehaviorFields()
    fields.user = UnsafeRawBufferPointer(rebasing: texts.bytes[..<user.utf8.count])
    fields.type = UnsafeRawBufferPointer(rebasing: texts.bytes[user.utf8.count...])
    fields.time_ms = WallClock.now_ms
    var record = ByteBuffer()
    if format == .protobuf {
      BehaviorWriter.appendProtobuf(fields, to: &record)
    } else {
      BehaviorWriter.appendJSONLine(fields, to: &record)
      record.truncate(to: record.count - 1)
    }
    return record
  }

  private func show(_ deliveries: [Delivery], _ users: [String], _ topic: String) {
    if arguments.flag("json") { return showJSON(deliveries, users, topic) }
    for delivery in deliveries {
      print("user \(users[delivery.tag]): topic \(topic), partition \(delivery.partition), offset \(delivery.offset)")
    }
    if !deliveries.isEmpty { print("It takes effect when the daemon has applied these records.") }
  }

  private func showJSON(_ deliveries: [Delivery], _ users: [String], _ topic: String) {
    var output = ByteBuffer()
    output.append(#"{"topic":"#)
    output.append(jsonString: topic)
    output.append(#","records":["#)
    for (index, delivery) in deliveries.enumerated() {
      output.append(index == 0 ? #"{"user_id":"# : #",{"user_id":"#)
      output.append(jsonString: users[delivery.tag])
      output.append(#","partition":"#)
      output.append(decimal: Int64(delivery.partition))
      output.append(#","offset":"#)
      output.append(decimal: delivery.offset)
      output.append("}")
    }
    output.append("]}")
    print(String(decoding: output.bytes, as: UTF8.self))
  }
}
