internal import CRdKafka

/// What librdkafka or a broker refused, with librdkafka's code (`rd_kafka_resp_err_t`: negative codes are the client's own).
public struct KafkaError: Error, Equatable, Sendable, CustomStringConvertible {
  public let code: Int32
  /// The code's name as librdkafka has it: `_TRANSPORT`, `UNKNOWN_TOPIC_OR_PART`.
  public let name: String
  /// What was being done, as the rest of "cannot ...".
  public let operation: String
  public let message: String
  /// What to do about it; empty where nobody knows better than the message.
  public let hint: String
  /// Whether the same call may succeed later.
  public let isRetryable: Bool
  /// Whether the handle is of no use any more: a new one is needed.
  public let isFatal: Bool
  /// Whether the transaction under way can only be aborted; then it may be tried again from its beginning.
  public let requiresAbort: Bool

  public var description: String {
    "cannot \(operation): \(message) (\(name))" + (hint.isEmpty ? "" : "; \(hint)")
  }

  init(
    _ code: rd_kafka_resp_err_t, _ operation: String, message: String? = nil, hint: String = "",
    isRetryable: Bool? = nil, isFatal: Bool? = nil, requiresAbort: Bool = false
  ) {
    self.code = code.rawValue
    name = String(cString: rd_kafka_err2name(code))
    self.operation = operation
    self.message = message ?? String(cString: rd_kafka_err2str(code))
    self.hint = hint
    self.isRetryable = isRetryable ?? Self.passing.contains(code.rawValue)
    self.isFatal = isFatal ?? (code == RD_KAFKA_RESP_ERR__FATAL)
    self.requiresAbort = requiresAbort
  }

  /// Takes the error object over and frees it.
  init(consuming error: OpaquePointer, _ operation: String, hint: String = "") {
    let code = rd_kafka_error_code(error)
    self.init(
      code, operation, message: String(cString: rd_kafka_error_string(error)), hint: hint,
      isRetryable: rd_kafka_error_is_retriable(error) != 0 || Self.passing.contains(code.rawValue),
      isFatal: rd_kafka_error_is_fatal(error) != 0 || code == RD_KAFKA_RESP_ERR__FATAL,
      requiresAbort: rd_kafka_error_txn_requires_abort(error) != 0)
    rd_kafka_error_destroy(error)
  }

  static func check(_ code: rd_kafka_resp_err_t, _ operation: @autoclosure () -> String) throws(KafkaError) {
    if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(code, operation()) }
  }

  static func check(consuming error: OpaquePointer?, _ operation: @autoclosure () -> String) throws(KafkaError) {
    if let error { throw KafkaError(consuming: error, operation()) }
  }

  /// Codes that pass: a broker, a leader or a coordinator that is not there at the moment, and full queues.
  private static let passing: Set<Int32> = Set(
    [
      RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__TIMED_OUT,
      RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, RD_KAFKA_RESP_ERR__QUEUE_FULL, RD_KAFKA_RESP_ERR__RESOLVE,
      RD_KAFKA_RESP_ERR__WAIT_COORD, RD_KAFKA_RESP_ERR__WAIT_CACHE,
      RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST, RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED,
      RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
      RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
      RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
      RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
      RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
      RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
      RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT,
      // Fewer brokers at the moment than a new topic is to have copies.
      RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR,
    ].map(\.rawValue))
}

extension KafkaError {
  /// Of something that waits on brokers, and has waited long enough.
  public static func noProgress(_ operation: String) -> KafkaError {
    KafkaError(
      RD_KAFKA_RESP_ERR__TIMED_OUT, operation, message: "no broker answers",
      hint: "check bootstrap.servers and that the brokers are reachable")
  }

  /// Whether a partition's log does not hold the offset asked for: it was trimmed, or cut short.
  public var isOffsetOutOfRange: Bool {
    code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE.rawValue || code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET.rawValue
  }

  public var isUnknownTopic: Bool {
    code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC.rawValue || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART.rawValue
  }

  /// Whether the brokers' access control refused it.
  public var isNotAuthorized: Bool {
    [
      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ].contains { code == $0.rawValue }
  }

  public var isTopicThereAlready: Bool { code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS.rawValue }

  /// Whether a producer's queue has no room at the moment.
  public var isQueueFull: Bool { code == RD_KAFKA_RESP_ERR__QUEUE_FULL.rawValue }

  /// Whether a record was given up with its transaction, for whatever befell that.
  var isPurged: Bool {
    code == RD_KAFKA_RESP_ERR__PURGE_QUEUE.rawValue || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT.rawValue
  }

  /// Whether a newer producer with the same `transactional.id` has taken over.
  public var isFenced: Bool {
    [
      RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
    ].contains { code == $0.rawValue }
  }

  public var isTimeout: Bool {
    code == RD_KAFKA_RESP_ERR__TIMED_OUT.rawValue || code == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE.rawValue
  }
}
