import DaemonConfig
import Testing

private let catalog = "behaviors: [{ type: click, code: 1, category: weak }]\n"

private func parsed(_ environment: [String: String], _ yaml: String = "") throws -> DaemonConfiguration {
  try DaemonConfiguration.parse(yaml: catalog + yaml, file: "c.yaml", environment: environment)
}

private func refusal(_ environment: [String: String], _ yaml: String = "") -> String? {
  #expect(throws: ConfigurationError.self) { try parsed(environment, yaml) }?.description
}

@Suite("Overrides by the environment")
struct EnvironmentTests {
  @Test("a variable overrides the file, and every type of value can be given")
  func overrides() throws {
    let configuration = try parsed(
      [
        "INTERESTD_KAFKA__BROKERS": "a:1,b:2", "INTERESTD_CLUSTER_MAP": "/x #1: *y",
        "INTERESTD_STATE__KEPT_BEHAVIORS": " 8 ",
        "INTERESTD_STATE__WINDOWS_DAYS": "[2, 4]", "INTERESTD_HTTP__ALLOW_REMOTE": "true",
        "INTERESTD_LOG__LEVEL": "error", "INTERESTD_STATE__DIRECTORY": "\" x \"", "PATH": "/bin", "interestd_x": "1",
      ], "kafka: { brokers: c, topic: t }\nstate:\ncluster_map: 5\n")
    #expect(configuration.kafka.brokers == "a:1,b:2")
    #expect(configuration.kafka.topic == "t")
    #expect(configuration.clusterMap == "/x #1: *y")
    #expect(configuration.state.keptBehaviors == 8)
    #expect(configuration.state.windows_days == [2, 4])
    #expect(configuration.state.directory == " x ")
    #expect(configuration.http.allowRemote)
    #expect(configuration.log.level == .error)
  }

  @Test("an empty variable leaves the key as it is")
  func empty() throws {
    let configuration = try parsed(
      ["INTERESTD_KAFKA__TOPIC": "", "INTERESTD_KAFKA__GROUP": "  "], "kafka: { topic: t }")
    #expect(configuration.kafka.topic == "t")
    #expect(configuration.kafka.group == "interestd")
  }

  @Test("a quoted empty text empties a key")
  func quotedEmpty() throws {
    #expect(try parsed(["INTERESTD_KAFKA__TOPIC": "\"\""], "kafka: { topic: t }").kafka.topic.isEmpty)
  }

  @Test("the catalog can be given whole")
  func catalogOverride() throws {
    let configuration = try DaemonConfiguration.parse(
      yaml: "", file: "c", environment: ["INTERESTD_BEHAVIORS": "[{ type: click, code: 1, category: weak }]"])
    #expect(configuration.behaviors == smallCatalog)
  }

  @Test("librdkafka's properties are added one by one, their values taken as they are")
  func properties() throws {
    let configuration = try parsed(
      [
        "INTERESTD_KAFKA__PROPERTIES__SASL_PASSWORD": "[\"#: &* ",
        "INTERESTD_KAFKA__PROPERTIES__GROUP_INSTANCE_ID": "7",
        "INTERESTD_KAFKA__PROPERTIES": "{ security.protocol: sasl_ssl, group.instance.id: 6 }",
      ], "kafka: { properties: { client.rack: r } }")
    #expect(
      configuration.kafka.properties.all.map { "\($0.name)=\($0.value)" }
        == ["group.instance.id=7", "sasl.password=[\"#: &* ", "security.protocol=sasl_ssl"])
    let kept = try parsed(["INTERESTD_KAFKA__PROPERTIES__DEBUG": "all"], "kafka: { properties: { client.rack: r } }")
    #expect(kept.kafka.properties.all.map(\.name) == ["client.rack", "debug"])
  }

  @Test("a property that the daemon owns is refused from the environment too")
  func ownedProperty() {
    #expect(
      refusal(["INTERESTD_KAFKA__PROPERTIES__GROUP_ID": "x"])
        == "INTERESTD_KAFKA__PROPERTIES__GROUP_ID: kafka.properties.group.id: is set by kafka.group")
  }

  @Test(
    "a variable of ours that is no key is refused with the nearest one",
    arguments: [
      ("INTERESTD_KAFKA__BROKRES", "no key has this variable; did you mean INTERESTD_KAFKA__BROKERS?"),
      ("INTERESTD_KAFKA_BROKERS", "no key has this variable; did you mean INTERESTD_KAFKA__BROKERS?"),
      ("INTERESTD_kafka__brokers", "no key has this variable; variables are named INTERESTD_SECTION__KEY"),
      ("INTERESTD_HTTP_LISTEN", "no key has this variable; did you mean INTERESTD_HTTP__LISTEN?"),
      ("INTERESTD_", "no key has this variable; variables are named INTERESTD_SECTION__KEY"),
      ("INTERESTD_CLUSTERMAP", "no key has this variable; did you mean INTERESTD_CLUSTER_MAP?"),
    ])
  func unknownVariable(name: String, message: String) {
    #expect(refusal([name: "x"]) == "\(name): \(message)")
  }

  @Test("what Kubernetes sets for services of our name is nobody's mistake")
  func kubernetes() throws {
    let configuration = try parsed([
      "INTERESTD_SERVICE_HOST": "10.0.0.1", "INTERESTD_SERVICE_PORT": "80", "INTERESTD_SERVICE_PORT_HTTP": "80",
      "INTERESTD_PORT": "tcp://10.0.0.1:80", "INTERESTD_PORT_80_TCP": "tcp://10.0.0.1:80",
      "INTERESTD_PORT_80_TCP_PROTO": "tcp", "INTERESTD_READ_SERVICE_HOST": "10.0.0.2",
      "INTERESTD_READ_PORT_80_TCP_ADDR": "10.0.0.2",
    ])
    #expect(configuration == DaemonConfiguration(behaviors: smallCatalog))
  }

  @Test("a wrong value is refused with the variable's name, after the file's own problems")
  func wrongValue() {
    #expect(
      refusal(["INTERESTD_BUFFER__AGE_MS": "5s", "INTERESTD_STATE__WINDOWS_DAYS": "[1,"], "log: { level: x }\n") == """
        c.yaml:2: log.level: needs one of debug, info, warn, error, not 'x'
        INTERESTD_STATE__WINDOWS_DAYS: not valid YAML: did not find expected node content, while parsing a flow node
        INTERESTD_BUFFER__AGE_MS: buffer.age_ms: needs a whole number of milliseconds from 10 to 3600000, not '5s'
        """)
  }

  @Test("an override in a section that is no map in the file does not hide that")
  func brokenSection() {
    #expect(refusal(["INTERESTD_LOG__LEVEL": "info"], "log: 5\n")?.hasPrefix("c.yaml:2: log: needs a map") == true)
  }

  @Test("a contradiction that the environment brings is told at its variable")
  func contradiction() {
    #expect(refusal(["INTERESTD_HTTP__LISTEN": "0.0.0.0:1"])?.hasPrefix("INTERESTD_HTTP__LISTEN: http.listen:") == true)
  }
}
