import Kafka

/// A topic that takes bad records as letters (`LetterHeaders`), each on the partition of its number.
public struct DeadLetterTopic: Sendable {
  public var name: String
  /// Where these are fewer than the source's, its partition numbers are taken modulo.
  public var partitions: Int32
  /// The topic's `max.message.bytes`: a longer letter is cut.
  public var letter_bytes: Int
  /// Connection and librdkafka's own properties.
  public var configuration: KafkaConfiguration
  /// How long a lane waits where the queue of letters is full.
  public var fullQueue_ms = 60_000
  /// As `KafkaLaneSettings.endsProcess`.
  public var endsProcess = false

  /// What a key and headers may take beside the value of a source's longest record.
  public static let headroom_bytes = 65_536

  /// The brokers' default of `max.message.bytes`.
  public static let defaultLetter_bytes = 1_048_588

  public init(
    name: String, partitions: Int32, letter_bytes: Int = defaultLetter_bytes, configuration: KafkaConfiguration
  ) {
    self.name = name
    self.partitions = max(partitions, 1)
    self.letter_bytes = letter_bytes
    self.configuration = configuration
    // The group must not take the lane for dead while it waits.
    let poll_ms = configuration["max.poll.interval.ms"].flatMap { Int($0) } ?? 300_000
    fullQueue_ms = min(fullQueue_ms, poll_ms / 2)
  }

  /// Letters are retried for as long as it takes.
  var producerConfiguration: KafkaConfiguration {
    var producer = configuration
    for (name, value) in [
      ("enable.idempotence", "true"), ("acks", "all"), ("message.timeout.ms", "0"), ("linger.ms", "5"),
      // More would lose some (`Producer.defaults`).
      ("max.in.flight.requests.per.connection", "1"),
      ("message.max.bytes", "\(min(letter_bytes + Self.framing_bytes, 1_000_000_000))"),
      // A batch of many small letters must not be refused for its size.
      ("batch.size", "\(min(max(letter_bytes / 2, 1), 1_000_000))"),
      ("queue.buffering.max.kbytes", "\(65_536 + letter_bytes / 512)"),
    ] {
      producer.set(name, value)
    }
    return producer
  }

  /// What a batch adds to a record's bytes, at most.
  static let framing_bytes = 1024

  /// A letter that the topic takes: where it is too long its value is cut, and where that is not enough its key.
  func fit(
    _ headers: LetterHeaders, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?
  ) -> (headers: LetterHeaders, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?) {
    let headers_bytes = headers.fields.reduce(0) { $0 + $1.name.rawValue.utf8.count + $1.text.utf8.count + 8 }
    var room = max(letter_bytes - Self.framing_bytes - headers_bytes, 0)
    var letter = (headers: headers, key: key, value: value)
    if (key?.count ?? 0) + (value?.count ?? 0) <= room { return letter }
    if let key, key.count > room {
      letter.key = UnsafeRawBufferPointer(rebasing: key[..<room])
      letter.headers.key_bytes = key.count
    }
    room -= letter.key?.count ?? 0
    if let value, value.count > room {
      letter.value = UnsafeRawBufferPointer(rebasing: value[..<room])
      letter.headers.value_bytes = value.count
    }
    return letter
  }

  func error(_ error: KafkaError) -> IngestError {
    let hint: String
    if error.isNotAuthorized {
      hint = Self.grant(name)
    } else if error.isUnknownTopic {
      hint = "start again, which creates it, or set dead_letters.to: file"
    } else {
      hint = "look at the brokers' logs and the topic's configuration, or set dead_letters.to: file"
    }
    return IngestError(
      .kafka,
      "bad records cannot be written to the dead letters' topic \(name): \(error.message) (\(error.name)); \(hint). "
        + Self.consequence)
  }

  func error(_ what: String) -> IngestError {
    IngestError(
      .kafka, "bad records cannot be written to the dead letters' topic \(name): \(what). \(Self.consequence)")
  }

  static func grant(_ topic: String) -> String {
    "grant Create, Describe, DescribeConfigs and Write on topic \(topic) "
      + "(before Kafka 2.8 also IdempotentWrite on the cluster), or set dead_letters.to: file"
  }

  private static let consequence = "Nothing since the last flush was kept; started again, it goes on there"
}
