import Kafka

extension DeadLetterTopic {
  /// What a dead letters' topic is made with, where it does not exist.
  public struct Creation: Sendable {
    /// As many as the source has.
    public var partitions: Int32
    public var retention_ms: Int
    /// Of each partition.
    public var retention_bytes: Int
    /// `max.message.bytes`.
    public var letter_bytes: Int

    public init(partitions: Int32, retention_ms: Int, retention_bytes: Int, letter_bytes: Int) {
      self.partitions = partitions
      self.retention_ms = retention_ms
      self.retention_bytes = retention_bytes
      self.letter_bytes = letter_bytes
    }

    var properties: [(name: String, value: String)] {
      [
        ("cleanup.policy", "delete"), ("retention.ms", "\(retention_ms)"), ("retention.bytes", "\(retention_bytes)"),
        ("max.message.bytes", "\(min(letter_bytes, Int(Int32.max)))"),
      ]
    }
  }

  /// Creates the topic where it is missing, and otherwise takes it as it is. May be called again after a `KafkaError` that
  /// `isRetryable`.
  ///
  /// - Throws: `KafkaError` where brokers do not answer, `IngestError` where the topic cannot be used.
  public static func prepare(
    _ name: String, _ creation: Creation, _ configuration: KafkaConfiguration, _ admin: Admin, timeout_ms: Int32
  ) throws -> DeadLetterTopic {
    // Creation first: a question about a topic that is missing would make brokers that may create one with their own retention.
    var refusal: KafkaError?
    do throws(KafkaError) {
      try admin.createTopic(
        name, partitions: creation.partitions, properties: creation.properties, timeout_ms: timeout_ms)
    } catch {
      if error.isRetryable { throw error }
      if !error.isTopicThereAlready { refusal = error }
    }
    let partitions: Int32
    do throws(KafkaError) {
      partitions = try admin.partitionCount(of: name, timeout_ms: timeout_ms)
    } catch {
      // The controller knows of a new topic before the broker that is asked.
      guard error.isUnknownTopic else { throw error.isNotAuthorized ? refused(name, error) : error }
      guard let refusal else { throw Unready(name: name) }
      throw refused(name, refusal)
    }
    let properties = (try? admin.topicProperties(name, timeout_ms: timeout_ms)) ?? [:]
    if let policy = properties["cleanup.policy"], policy.contains("compact") {
      throw IngestError(
        .kafka,
        "the dead letters' topic \(name) has cleanup.policy=\(policy), which would remove letters of one key: set it to delete, "
          + "name another with dead_letters.topic, or set dead_letters.to: file")
    }
    return DeadLetterTopic(
      name: name, partitions: partitions,
      letter_bytes: properties["max.message.bytes"].flatMap { Int($0) } ?? defaultLetter_bytes,
      configuration: configuration)
  }

  /// The topic was created a moment ago, and the brokers do not all know of it.
  public struct Unready: Error, CustomStringConvertible {
    let name: String
    public var description: String { "topic \(name) has been created and is not known to all brokers yet" }
  }

  private static func refused(_ name: String, _ error: KafkaError) -> IngestError {
    let hint =
      error.isNotAuthorized
      ? grant(name) : "create it by hand, with cleanup.policy=delete, or set dead_letters.to: file"
    return IngestError(
      .kafka,
      "the dead letters' topic \(name) does not exist and cannot be created: \(error.message) (\(error.name)); \(hint)")
  }
}
