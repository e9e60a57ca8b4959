import DaemonConfig
import Testing

private let catalog = "behaviors: [{ type: click, code: 1, category: weak }]\n"

private func parsed(_ properties: String, kafka: String = "") throws -> DaemonConfiguration {
  try DaemonConfiguration.parse(yaml: catalog + "kafka:\n\(kafka)  properties:\n\(properties)", file: "c.yaml")
}

@Suite("librdkafka's own properties")
struct KafkaPropertiesTests {
  @Test("names and values pass through as they are written, in order of name")
  func passThrough() throws {
    let properties = try parsed(
      "    queued.min.messages: 0100\n    group.instance.id: \"a b\"\n    enable.idempotence: yes\n    debug: ''\n"
    ).kafka.properties
    #expect(properties.all.map(\.name) == ["debug", "enable.idempotence", "group.instance.id", "queued.min.messages"])
    #expect(properties.all.map(\.value) == ["", "yes", "a b", "0100"])
    #expect(properties["debug"]?.isEmpty == true)
    #expect(properties["nothing"] == nil)
  }

  @Test(
    "a property that the daemon owns is refused with the reason or the key to use",
    arguments: [
      ("bootstrap.servers", "is set by kafka.brokers"),
      ("metadata.broker.list", "is set by kafka.brokers"),
      ("group.id", "is set by kafka.group"),
      ("client.id", "is the instance's address: set http.advertise"),
      ("partitioner", "is set by kafka.partitioner"),
      ("enable.auto.commit", "is the daemon's: it commits what its state holds, nothing else"),
      ("auto.commit.enable", "is the daemon's: it commits what its state holds, nothing else"),
      ("enable.auto.offset.store", "is the daemon's: offsets are stored with the state"),
      ("auto.offset.reset", "is the daemon's: always 'error', so that lost history is seen and never skipped"),
      ("enable.partition.eof", "is the daemon's: a partition's end tells when it is ready"),
      (
        "partition.assignment.strategy",
        "is the daemon's: cooperative-sticky, so that a rebalance moves few partitions"
      ),
      ("rebalance_cb", "is a function of the program, not a setting"),
    ])
  func owned(name: String, reason: String) {
    let error = #expect(throws: ConfigurationError.self) { try parsed("    \(name): hunter2\n") }
    #expect(error?.description == "c.yaml:4: kafka.properties.\(name): \(reason)")

    var configuration = DaemonConfiguration(behaviors: smallCatalog)
    configuration.kafka.properties[name] = "hunter2"
    let later = #expect(throws: ConfigurationError.self) { try configuration.validate() }
    #expect(later?.description == "kafka.properties.\(name): \(reason)")
  }

  @Test(
    "what cannot be a property is refused without quoting it",
    arguments: [
      ("    sasl.password: [hunter2]\n", "sasl.password: needs a single value, not a list"),
      ("    sasl.password: {hunter2: 1}\n", "sasl.password: needs a single value, not a map"),
      ("    sasl.password:\n", "sasl.password: has no value: write \"\" for an empty one"),
      (
        "    sasl.password=hunter2: 1\n",
        "'sasl.password...': a property's name is 1 to 255 letters, digits, '.', '_' and '-'"
      ),
      ("    sasl.password: \"hunter2\\0\"\n", "sasl.password: holds a NUL character"),
      (
        "    sasl.password: <redacted>\n",
        "sasl.password: is <redacted>: a printed configuration holds no secrets, set the real value"
      ),
    ])
  func malformed(yaml: String, message: String) {
    let error = #expect(throws: ConfigurationError.self) { try parsed(yaml) }
    #expect(error?.description == "c.yaml:4: kafka.properties.\(message)")
  }

  @Test("no secret reaches an error, whatever is wrong around it")
  func secretsStayOutOfErrors() {
    let wrong = [
      "kafka: { properties: hunter2 }", "kafka: { properties: [hunter2] }", "kafka: hunter2", "kafka: [hunter2]",
      "sasl.password: hunter2", "kafka: { sasl.password: hunter2 }", "kafka: { properties: { sasl.password=hunter2 } }",
      "kafka: { properties: { sasl.password: hunter2, sasl.password: hunter2 } }",
      "kafka: { properties: { sasl.password: hunter2: 5 } }", "kafka: { properties: { sasl.password: *hunter2 } }",
      "kafka: { properties: { sasl.password: &hunter2 a } }", "kafka: { properties: { sasl.password: !hunter2 a } }",
      "kafka: { properties: { sasl.password: 'hunter2 } }", "kafka: { properties: { sasl.password: hunter2 } }",
    ]
    for line in wrong {
      let error = #expect(throws: ConfigurationError.self, "\(line)") {
        try DaemonConfiguration.parse(yaml: catalog + line, file: "c.yaml")
      }
      #expect(error?.description.contains("hunter2") == false, "\(line)")
    }
    let error = #expect(throws: ConfigurationError.self) {
      try DaemonConfiguration.parse(
        yaml: catalog, file: "c.yaml",
        environment: [
          "INTERESTD_KAFKA__PROPERTIES__SASL_PASSWORD": "hunter2", "INTERESTD_KAFKA__PROPERTIES": "hunter2",
          "INTERESTD_KAFKA__PROPERTEIS__SASL_PASSWORD": "hunter2", "INTERESTD_KAFKA": "hunter2",
        ])
    }
    #expect(error?.description.contains("hunter2") == false)
  }

  @Test("security settings that librdkafka would ignore in silence are refused")
  func ignoredSecurity() throws {
    let error = #expect(throws: ConfigurationError.self) { try parsed("    sasl.username: a\n") }
    #expect(
      error?.description
        == "c.yaml:3: kafka.properties.sasl.username: has no effect while kafka.properties.security.protocol is "
        + "'plaintext': set it to sasl_ssl or sasl_plaintext")
    #expect(throws: ConfigurationError.self) {
      try parsed("    security.protocol: sasl_plaintext\n    ssl.ca.location: /ca\n")
    }
    _ = try parsed("    security.protocol: SASL_SSL\n    ssl.ca.location: /ca\n    sasl.username: a\n")
    _ = try parsed("    sasl.username: a\n", kafka: "  brokers: SASL_SSL://b:9093\n")
  }

  @Test(
    "secrets are told by their names",
    arguments: [
      ("sasl.password", true), ("ssl.key.password", true), ("ssl.keystore.password", true), ("ssl.key.pem", true),
      ("sasl.jaas.config", true), ("sasl.oauthbearer.config", true), ("sasl.oauthbearer.client.secret", true),
      ("SASL.PASSWORD", true), ("ssl_key", true), ("sasl.username", false), ("ssl.key.location", false),
      ("ssl.certificate.pem", false), ("group.instance.id", false), ("security.protocol", false),
    ])
  func secretNames(name: String, isSecret: Bool) {
    #expect(KafkaProperties.isSecret(name) == isSecret)
  }

  @Test("no way of printing a configuration shows a secret")
  func redaction() throws {
    let configuration = try parsed(
      "    sasl.password: hunter2\n    sasl.username: ann\n    ssl.key.pem: \"\"\n    security.protocol: sasl_ssl\n")
    var dumped = ""
    dump(configuration, to: &dumped)
    let prints = [
      "\(configuration)", String(reflecting: configuration), dumped, configuration.effectiveYAML,
      configuration.effectiveJSON, "\(configuration.kafka.properties.all)", String(reflecting: configuration.kafka),
    ]
    for text in prints {
      #expect(!text.contains("hunter2"))
      #expect(text.contains("<redacted>"))
      #expect(text.contains("ann"))
    }
    #expect(configuration.effectiveYAML.contains("    sasl.password: \"<redacted>\"\n"))
    #expect(configuration.effectiveYAML.contains("    ssl.key.pem: \"\"\n"))
    #expect(configuration.effectiveJSON.contains("\"sasl.password\":\"<redacted>\""))
  }
}
