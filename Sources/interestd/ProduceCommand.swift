import Bytes
import CommandLineArguments
import DaemonConfig
import Foundation
import Inputs
import InterestCodec
import InterestModel
import InterestStore
import Kafka
import Threads

/// `interestd produce`
struct ProduceCommand {
  private let arguments: ParsedArguments
  private static var request_ms: Int32 { 10_000 }

  init(_ arguments: ParsedArguments) { self.arguments = arguments }

  func run() throws -> Int32 {
    let interruption = try Interruption()
    let inputs = try arguments.arguments("INPUT").map { try Input($0) }
    let topic = arguments.text("topic") ?? ""
    var publisher = try Publisher(
      KafkaConfiguration.publisher(arguments), topic: topic,
      format: arguments.text("format") == "protobuf" ? .protobuf : .json)
    let started_ns = MonotonicClock.now_ns
    var bar = ProgressBar(now_ns: started_ns)
    var bad: UInt64 = 0
    for input in inputs where !interruption.hasCome { try publish(input, &publisher, &bad, &bar, interruption) }
    bar.clear()
    let (counts, failure) = publisher.finish()
    let elapsed_s = Double(MonotonicClock.now_ns - started_ns) / 1e9
    var result = CommandResult()
    result.add("delivered", "delivered", .count(UInt64(counts.delivered)))
    result.add("failed", "failed", .count(UInt64(counts.sent - counts.delivered)))
    result.add("bad_records", "bad records, not sent", .count(bad))
    result.add("seconds", "seconds", .decimal(elapsed_s))
    result.add("events_per_s", "speed", .rate(Double(counts.delivered) / elapsed_s, unit: "events/s"))
    result.print(asJSON: arguments.flag("json"))
    if let failure { Terminal.complain("\(failure)") }
    if interruption.hasCome { Terminal.complain("stopped before the end") }
    return counts.delivered == counts.sent && bad == 0 && !interruption.hasCome ? 0 : 1
  }

  private func publish(
    _ input: Input, _ publisher: inout Publisher, _ bad: inout UInt64, _ bar: inout ProgressBar,
    _ interruption: Interruption
  ) throws {
    var reader = try RecordReader(input, isInterrupted: { interruption.hasCome })
    let format: EventFormat = input.format.framing == .lines ? .json : .protobuf
    while let frame = try reader.next(), !interruption.hasCome {
      let refusal =
        frame.isOversized
        ? BadRecord(.recordTooLarge, "the record has \(frame.length) bytes")
        : try publisher.send(frame.bytes, as: format)
      if let refusal {
        bad += 1
        if bad <= 10 { Terminal.complain("\(input.name), record \(frame.number), is not sent: \(refusal)") }
      }
      if frame.number % 4096 == 0 {
        let (used_bytes, size_bytes) = reader.progress
        bar.update(
          input.name, used_bytes: used_bytes, size_bytes: size_bytes, records: frame.number,
          now_ns: MonotonicClock.now_ns)
      }
    }
  }
}

extension KafkaConfiguration {
  /// Of a configuration file's `kafka.properties`, where one is given, and the flags.
  static func publisher(_ arguments: ParsedArguments) throws -> KafkaConfiguration {
    let brokers = arguments.text("brokers") ?? ""
    let hasFile = arguments.command.options.contains { $0.name == "config" } && arguments.isGiven("config")
    var connection = KafkaConfiguration([("bootstrap.servers", brokers), ("client.id", "interestd")])
    var partitioner = arguments.text("partitioner").flatMap { Partitioner(rawValue: $0) }
    if hasFile {
      let configuration = try DaemonConfiguration.load(arguments)
      connection = configuration.connection
      if !arguments.isGiven("partitioner") { partitioner = configuration.partitioner }
    }
    return connection.choosing(partitioner ?? .murmur2)
  }

  /// With librdkafka's name for a partitioner. Records without a key, as the bad ones of `synth`, go anywhere.
  func choosing(_ partitioner: Partitioner) -> KafkaConfiguration {
    var configuration = self
    switch partitioner {
    case .crc32: configuration.set("partitioner", "consistent_random")
    case .fnv1a: configuration.set("partitioner", "fnv1a_random")
    case .murmur2, .none: configuration.set("partitioner", "murmur2_random")
    }
    return configuration
  }
}

/// Publishes behaviors keyed by user id, and counts what was delivered.
struct Publisher: ~Copyable {
  private let producer: Producer
  private let topic: Producer.Topic
  private let format: EventFormat
  private var json = BehaviorReader(format: .json)
  private var protobuf = BehaviorReader(format: .protobuf)
  private var fields = BehaviorFields()
  private var value = ByteBuffer()

  /// Of waiting for the last deliveries.
  private static var flush_ms: Int32 { 120_000 }
  private static var request_ms: Int32 { 10_000 }

  /// The topic must exist: otherwise the error says how to make it.
  init(_ configuration: KafkaConfiguration, topic: String, format: EventFormat) throws {
    let producer = try Producer(configuration)
    _ = try producer.partitionCount(of: topic, timeout_ms: Self.request_ms)
    self.topic = try producer.topic(topic)
    self.producer = producer
    self.format = format
  }

  /// Queues a record, or says why it is none. A record that is in the wanted format already is passed on as it is.
  mutating func send(_ record: UnsafeRawBufferPointer, as given: EventFormat) throws -> BadRecord? {
    let event = EventRecord(value: record)
    if let bad = given == .json ? json.read(event, into: &fields) : protobuf.read(event, into: &fields) { return bad }
    if given == format {
      try producer.send(topic, key: fields.user, value: record)
      return nil
    }
    value.clear()
    if format == .json {
      BehaviorWriter.appendJSONLine(fields, to: &value)
      value.truncate(to: value.count - 1)
    } else {
      BehaviorWriter.appendProtobuf(fields, to: &value)
    }
    try producer.send(topic, key: fields.user, value: value.bytes)
    return nil
  }

  /// Queues a record as it is, whatever it is.
  func send(key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?) throws {
    try producer.send(topic, key: key, value: value)
  }

  /// Waits for the deliveries; the error tells why not all of them happened.
  func finish() -> (counts: DeliveryCounts, error: KafkaError?) {
    var failure: KafkaError?
    do throws(KafkaError) { try producer.flush(timeout_ms: Self.flush_ms) } catch { failure = error }
    return (producer.counts, failure)
  }
}
