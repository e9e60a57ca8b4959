import Kafka
import Testing

@Suite("A Kafka configuration")
struct ConfigurationTests {
  @Test("a property that librdkafka does not know is refused by name")
  func unknown() {
    let error = #expect(throws: KafkaError.self) { try KafkaConfiguration([("bootstrap.server", "h:1")]).validate() }
    #expect(error?.description.contains("'bootstrap.server'") == true)
    #expect(error?.description.contains("No such configuration property") == true)
  }

  @Test("a value out of range is refused with name and value")
  func badValue() {
    let error = #expect(throws: KafkaError.self) { try KafkaConfiguration([("fetch.wait.max.ms", "soon")]).validate() }
    #expect(error?.description.contains("'fetch.wait.max.ms'") == true)
  }

  @Test("contradictory properties are refused when a client is made")
  func contradiction() {
    let error = #expect(throws: KafkaError.self) {
      try Producer(KafkaConfiguration([("bootstrap.servers", "127.0.0.1:1"), ("acks", "1")]))
    }
    #expect(error?.description.contains("acks") == true)
  }

  @Test(
    "secrets are never shown, neither in descriptions nor in errors",
    arguments: [
      "sasl.password", "ssl.key.password", "ssl.keystore.password", "sasl.oauthbearer.client.secret", "ssl.key.pem",
      "sasl.jaas.config", "Some.Token",
    ])
  func secrets(name: String) {
    let configuration = KafkaConfiguration([("client.id", "me"), (name, "hunter2")])
    #expect(configuration.description == "client.id=me, \(name)=[hidden]")
    do throws(KafkaError) { try configuration.validate() } catch {
      #expect(!error.description.contains("hunter2"))
    }
  }

  @Test("of equal names the last counts")
  func order() throws {
    var configuration = KafkaConfiguration([("client.id", "a")])
    configuration.set("client.id", "b")
    #expect(configuration["client.id"] == "b")
    #expect(configuration["group.id"] == nil)
    try configuration.validate()
  }
}

@Suite("Diagnostics")
struct DiagnosticsTests {
  @Test("errors of the handle go to the sink by name, and log lines with their level")
  func unreachable() throws {
    let seen = Collected()
    let diagnostics = KafkaDiagnostics { level, facility, _ in
      seen.add("log \(level) \(facility)")
    } error: {
      seen.add("error \($0.name)")
    }
    // Port 1 of loopback: nobody listens there.
    let producer = try Producer(
      KafkaConfiguration([
        ("bootstrap.servers", "127.0.0.1:1"), ("reconnect.backoff.max.ms", "100"), ("debug", "broker"),
      ]),
      diagnostics: diagnostics)
    for _ in 0..<100 where !seen.contains("error _ALL_BROKERS_DOWN") { producer.poll(timeout_ms: 100) }
    #expect(seen.contains("error _TRANSPORT"))
    #expect(seen.contains("log 7 CONNECT"))
    #expect(seen.contains("error _ALL_BROKERS_DOWN"))
  }

  @Test("admin requests that a cluster does not answer are errors within their time")
  func admin() throws {
    let cluster = try MockCluster()
    let admin = try Admin(cluster.configuration())
    #expect(try admin.partitionCount(of: "any", timeout_ms: 10_000) > 0)
    let error = #expect(throws: KafkaError.self) {
      try admin.createTopic("new", partitions: 2, replication: 1, timeout_ms: 1_000)
    }
    #expect(error?.description.hasPrefix("cannot create topic 'new': ") == true)
    #expect(throws: KafkaError.self) { try admin.deleteTopic("new", timeout_ms: 1_000) }
    #expect(throws: KafkaError.self) { try admin.topicProperties("new", timeout_ms: 1_000) }
    #expect(throws: KafkaError.self) {
      try admin.deleteRecords(topic: "new", before: [PartitionOffset(partition: 0, offset: 1)], timeout_ms: 1_000)
    }
    let refused = #expect(throws: KafkaError.self) {
      try admin.createTopic("new", partitions: -3, replication: 1, timeout_ms: 1_000)
    }
    #expect(refused?.message.contains("num_partitions") == true)
  }
}
