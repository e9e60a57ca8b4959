internal import CRdKafka

/// librdkafka's cluster in memory, on loopback, for tests (rdkafka_mock.h). Every topic asked for exists. It knows no admin requests.
public final class MockCluster: Sendable {
  /// The numbers of Kafka's requests (the protocol's API keys).
  public enum Request: Int16, Sendable {
    case produce = 0
    case fetch = 1
    case listOffsets = 2
    case metadata = 3
    case offsetCommit = 8
    case offsetFetch = 9
    case findCoordinator = 10
    case joinGroup = 11
    case heartbeat = 12
    case syncGroup = 14
    case initProducerID = 22
    case addPartitionsToTransaction = 24
    case addOffsetsToTransaction = 25
    case endTransaction = 26
    case commitOffsetsInTransaction = 28
  }

  // rdkafka_mock.h has no thread rules but that its calls are served by the cluster's own thread, so they come from any.
  private nonisolated(unsafe) let cluster: OpaquePointer
  private nonisolated(unsafe) let client: Client
  public let brokers: Int32
  public let bootstrap: String

  public init(brokers: Int32 = 1) throws(KafkaError) {
    client = try Client(RD_KAFKA_PRODUCER, KafkaConfiguration(), defaults: [("log_level", "2")], diagnostics: .silent)
    guard let cluster = rd_kafka_mock_cluster_new(client.handle, brokers) else {
      throw KafkaError(RD_KAFKA_RESP_ERR__FAIL, "start a mock cluster")
    }
    self.cluster = cluster
    self.brokers = brokers
    bootstrap = String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
  }

  deinit { rd_kafka_mock_cluster_destroy(cluster) }

  /// A topic of that many partitions, replicated to all brokers (three at most).
  public func createTopic(_ name: String, partitions: Int32) throws(KafkaError) {
    try KafkaError.check(
      rd_kafka_mock_topic_create(cluster, name, partitions, min(brokers, 3)), "create mock topic '\(name)'")
  }

  /// From now on the topic is answered for by this error; nil ends that. `UNKNOWN_TOPIC_OR_PART` (3) is a missing topic.
  public func setTopicError(_ name: String, code: Int32?) {
    rd_kafka_mock_topic_set_error(cluster, name, rd_kafka_resp_err_t(rawValue: code ?? 0))
  }

  /// The next requests of this kind are answered with these error codes, one each (Kafka's numbers, 0: none).
  public func pushErrors(_ request: Request, _ codes: [Int32]) {
    let errors = codes.map { rd_kafka_resp_err_t(rawValue: $0) }
    rd_kafka_mock_push_request_errors_array(cluster, request.rawValue, errors.count, errors)
  }

  /// Requests of this kind are answered as they should be again.
  public func clearErrors(_ request: Request) { rd_kafka_mock_clear_request_errors(cluster, request.rawValue) }

  /// Closes a broker's connections and refuses new ones. Brokers count from 1.
  public func setDown(broker: Int32) throws(KafkaError) {
    try KafkaError.check(rd_kafka_mock_broker_set_down(cluster, broker), "take mock broker \(broker) down")
  }

  public func setUp(broker: Int32) throws(KafkaError) {
    try KafkaError.check(rd_kafka_mock_broker_set_up(cluster, broker), "bring mock broker \(broker) up")
  }

  /// Adds this delay to each answer of a broker.
  public func setRoundTrip(broker: Int32, _ time_ms: Int32) throws(KafkaError) {
    try KafkaError.check(rd_kafka_mock_broker_set_rtt(cluster, broker, time_ms), "slow mock broker \(broker) down")
  }

  /// The broker that coordinates a consumer group.
  public func setCoordinator(group: String, broker: Int32) throws(KafkaError) {
    try KafkaError.check(
      rd_kafka_mock_coordinator_set(cluster, "group", group, broker), "choose the coordinator of group '\(group)'")
  }
}
