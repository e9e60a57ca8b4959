internal import CRdKafka

/// Topics, made and looked at. Every call waits for its answer, at most `timeout_ms`. Owned by one thread.
public final class Admin {
  let client: Client

  public init(_ configuration: KafkaConfiguration, diagnostics: KafkaDiagnostics = .silent) throws(KafkaError) {
    client = try Client(RD_KAFKA_PRODUCER, configuration, defaults: [], diagnostics: diagnostics)
  }

  /// Leaves the handle to the end of the process, where destroying it could wait for brokers that are gone.
  public func abandon() { client.abandon() }

  public func clusterID(timeout_ms: Int32) throws(KafkaError) -> String { try client.clusterID(timeout_ms: timeout_ms) }

  /// A topic that is missing is an error that says how to create it.
  public func partitionCount(of topic: String, timeout_ms: Int32) throws(KafkaError) -> Int32 {
    try client.partitionCount(of: topic, timeout_ms: timeout_ms)
  }

  /// `replication`: copies of each partition, -1 for the brokers' default. `properties` are the topic's (`cleanup.policy`, ...).
  public func createTopic(
    _ name: String, partitions: Int32, replication: Int32 = -1, properties: [(name: String, value: String)] = [],
    timeout_ms: Int32
  ) throws(KafkaError) {
    let operation = "create topic '\(name)'"
    var (topic, message) = withErrorText { rd_kafka_NewTopic_new(name, partitions, replication, $0, $1) }
    guard topic != nil else { throw KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, operation, message: message) }
    defer { rd_kafka_NewTopic_destroy(topic) }
    for property in properties {
      try KafkaError.check(rd_kafka_NewTopic_set_config(topic, property.name, property.value), operation)
    }
    try perform(operation, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms: timeout_ms) { options, queue in
      rd_kafka_CreateTopics(client.handle, &topic, 1, options, queue)
    } read: { event throws(KafkaError) in
      var count = 0
      let results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
      try Self.check(topics: results, count, operation)
    }
  }

  public func deleteTopic(_ name: String, timeout_ms: Int32) throws(KafkaError) {
    let operation = "delete topic '\(name)'"
    var topic = rd_kafka_DeleteTopic_new(name)
    defer { rd_kafka_DeleteTopic_destroy(topic) }
    try perform(operation, RD_KAFKA_ADMIN_OP_DELETETOPICS, timeout_ms: timeout_ms) { options, queue in
      rd_kafka_DeleteTopics(client.handle, &topic, 1, options, queue)
    } read: { event throws(KafkaError) in
      var count = 0
      let results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count)
      try Self.check(topics: results, count, operation)
    }
  }

  /// The topic's properties with their values in force, defaults included; those that a broker hides are left out.
  public func topicProperties(_ name: String, timeout_ms: Int32) throws(KafkaError) -> [String: String] {
    let operation = "read the configuration of topic '\(name)'"
    var resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name)
    defer { rd_kafka_ConfigResource_destroy(resource) }
    var properties: [String: String] = [:]
    try perform(operation, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms: timeout_ms) { options, queue in
      rd_kafka_DescribeConfigs(client.handle, &resource, 1, options, queue)
    } read: { event throws(KafkaError) in
      var count = 0
      let results = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count)
      guard count == 1, let found = results?[0] else { return }
      let text = rd_kafka_ConfigResource_error_string(found).map { String(cString: $0) }
      let code = rd_kafka_ConfigResource_error(found)
      if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(code, operation, message: text) }
      var entryCount = 0
      let entries = rd_kafka_ConfigResource_configs(found, &entryCount)
      for index in 0..<entryCount {
        guard let entry = entries?[index], let value = rd_kafka_ConfigEntry_value(entry) else { continue }
        properties[String(cString: rd_kafka_ConfigEntry_name(entry))] = String(cString: value)
      }
    }
    return properties
  }

  /// Deletes each partition's records before the offset (`Consumer.end`: all). Returns the first offsets left.
  @discardableResult
  public func deleteRecords(
    topic: String, before offsets: [PartitionOffset], timeout_ms: Int32
  ) throws(KafkaError) -> [PartitionOffset] {
    let operation = "delete records of topic '\(topic)'"
    let list = PartitionList(topic: topic, offsets)
    var request = rd_kafka_DeleteRecords_new(list.raw)
    defer { rd_kafka_DeleteRecords_destroy(request) }
    var left: [PartitionOffset] = []
    try perform(operation, RD_KAFKA_ADMIN_OP_DELETERECORDS, timeout_ms: timeout_ms) { options, queue in
      rd_kafka_DeleteRecords(client.handle, &request, 1, options, queue)
    } read: { event throws(KafkaError) in
      guard let result = rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event)) else {
        return
      }
      let elements = PartitionList.elements(of: result)
      try PartitionList.check(elements, operation)
      left = elements.map { PartitionOffset($0) }
    }
    return left
  }

  private static func check(
    topics results: UnsafeMutablePointer<OpaquePointer?>?, _ count: Int, _ operation: String
  ) throws(KafkaError) {
    for index in 0..<count {
      guard let result = results?[index] else { continue }
      let code = rd_kafka_topic_result_error(result)
      if code == RD_KAFKA_RESP_ERR_NO_ERROR { continue }
      throw KafkaError(
        code, operation, message: rd_kafka_topic_result_error_string(result).map { String(cString: $0) })
    }
  }

  /// Sends one request and hands its answer to `read`.
  private func perform(
    _ operation: String, _ kind: rd_kafka_admin_op_t, timeout_ms: Int32,
    _ send: (_ options: OpaquePointer, _ queue: OpaquePointer) -> Void,
    read: (_ event: OpaquePointer) throws(KafkaError) -> Void
  ) throws(KafkaError) {
    guard let options = rd_kafka_AdminOptions_new(client.handle, kind), let queue = rd_kafka_queue_new(client.handle)
    else { throw KafkaError(RD_KAFKA_RESP_ERR__FAIL, operation) }
    defer {
      rd_kafka_AdminOptions_destroy(options)
      rd_kafka_queue_destroy(queue)
    }
    let (code, message) = withErrorText { rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, $0, $1) }
    if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(code, operation, message: message) }
    // Brokers answer a creation or deletion only when it is done, where they are given a time for it.
    let finishes = kind != RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS
    if finishes { _ = withErrorText { rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, $0, $1) } }
    send(options, queue)
    // librdkafka itself reports the timeout; a second more is for its timers.
    guard let event = rd_kafka_queue_poll(queue, timeout_ms + 1_000) else {
      throw KafkaError(
        RD_KAFKA_RESP_ERR__TIMED_OUT, operation, message: "no broker answered within \(timeout_ms) ms")
    }
    defer { rd_kafka_event_destroy(event) }
    let failure = rd_kafka_event_error(event)
    if failure != RD_KAFKA_RESP_ERR_NO_ERROR {
      throw KafkaError(failure, operation, message: rd_kafka_event_error_string(event).map { String(cString: $0) })
    }
    try read(event)
  }
}
