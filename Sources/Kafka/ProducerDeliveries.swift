internal import CRdKafka

/// What has become of the records handed to a producer.
public struct DeliveryCounts: Equatable, Sendable {
  /// Taken over by `send`.
  public internal(set) var sent = 0
  /// Acknowledged by all in-sync replicas.
  public internal(set) var delivered = 0
  public internal(set) var failed = 0
  /// Of the failed ones.
  public internal(set) var firstError: KafkaError?

  public init(sent: Int = 0, delivered: Int = 0, failed: Int = 0) {
    self.sent = sent
    self.delivered = delivered
    self.failed = failed
  }

  /// Neither delivered nor failed yet.
  public var pending: Int { sent - delivered - failed }
}

/// What has become of one record, for producers that keep it.
public struct Delivery: Sendable {
  /// The number given to `send`.
  public let tag: Int
  public let partition: Int32
  /// Where it lies; meaningless where there is an error.
  public let offset: Int64
  /// Nil: acknowledged by all in-sync replicas.
  public let error: KafkaError?
}

extension Callbacks {
  func count(_ message: rd_kafka_message_t) {
    let isDelivered = message.err == RD_KAFKA_RESP_ERR_NO_ERROR
    var failure: KafkaError?
    if isDelivered {
      deliveries.delivered += 1
    } else {
      let topic = message.rkt.map { String(cString: rd_kafka_topic_name($0)) } ?? ""
      failure = KafkaError(message.err, "deliver a record to topic '\(topic)'")
      deliveries.failed += 1
      if deliveries.firstError == nil { deliveries.firstError = failure }
    }
    guard keepsDeliveries else { return }
    keptDeliveries.append(
      Delivery(
        tag: Int(bitPattern: message._private), partition: message.partition, offset: message.offset, error: failure))
  }
}
