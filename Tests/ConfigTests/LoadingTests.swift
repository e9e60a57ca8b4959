import DaemonConfig
import Foundation
import InterestModel
import TestKit
import Testing

/// One type, `click`.
let smallCatalog: BehaviorCatalog = {
  let entry = BehaviorCatalog.Entry(type: "click", code: 1, category: .weak)
  guard let catalog = try? BehaviorCatalog([entry]) else { preconditionFailure("one valid entry") }
  return catalog
}()

@Suite("Reading a configuration")
struct LoadingTests {
  @Test("a catalog alone is a whole configuration")
  func catalogAlone() throws {
    let yaml = "behaviors:\n  - { type: click, code: 1, category: weak }\n"
    let configuration = try DaemonConfiguration.parse(yaml: yaml, file: "c.yaml")
    #expect(configuration == DaemonConfiguration(behaviors: smallCatalog))
    #expect(
      configuration.stateConfiguration
        == StateConfiguration(catalog: smallCatalog, keptBehaviors: 32, windows_days: [1, 7, 30]))
    try configuration.validate()
  }

  @Test("every key is read into its place")
  func everyKey() throws {
    let yaml = """
      behaviors: [{ type: "pay: now", code: 255, category: payment }, { type: click, code: 1, category: weak }]
      cluster_map: ./groups.csv
      state: { directory: /var/lib/x, kept_behaviors: 255, windows_days: [32] }
      buffer: { events: 7, bytes: 1048577, age_ms: 10 }
      memory: { block_cache_bytes: 2097152 }
      ingest: { maximum_record_bytes: 2048, level0_files: 5, breaker_records: 6, breaker_percent: 7 }
      kafka:
        brokers: "a:9092,[::1]:9093,c"
        topic: t.1
        group: 42
        format: protobuf
        key: ignore
        partitioner: fnv1a
        max_skew_ms: 0
        properties: { client.rack: r1 }
      http:
        { listen: "0.0.0.0:0", allow_remote: true, advertise: "h-1.x:80", redirect: true, maximum_connections: 1,
          request_deadline_ms: 2, idle_timeout_ms: 3 }
      log: { level: debug, format: json }
      """
    var expected = DaemonConfiguration(
      behaviors: try BehaviorCatalog([
        .init(type: "click", code: 1, category: .weak), .init(type: "pay: now", code: 255, category: .payment),
      ]))
    expected.clusterMap = "./groups.csv"
    (expected.state.directory, expected.state.keptBehaviors, expected.state.windows_days) = ("/var/lib/x", 255, [32])
    (expected.buffer.events, expected.buffer.bytes, expected.buffer.age_ms) = (7, 1_048_577, 10)
    expected.memory.blockCache_bytes = 2_097_152
    (expected.ingest.maximumRecord_bytes, expected.ingest.level0Files) = (2048, 5)
    (expected.ingest.breakerRecords, expected.ingest.breakerPercent) = (6, 7)
    (expected.kafka.brokers, expected.kafka.topic, expected.kafka.group) = ("a:9092,[::1]:9093,c", "t.1", "42")
    (expected.kafka.format, expected.kafka.key, expected.kafka.maxSkew_ms) = (.protobuf, .ignore, 0)
    expected.kafka.partitioner = .fnv1a
    expected.kafka.properties["client.rack"] = "r1"
    (expected.http.listen, expected.http.allowRemote, expected.http.maximumConnections) = ("0.0.0.0:0", true, 1)
    (expected.http.advertise, expected.http.redirect) = ("h-1.x:80", true)
    (expected.http.requestDeadline_ms, expected.http.idleTimeout_ms) = (2, 3)
    (expected.log.level, expected.log.format) = (.debug, .json)
    let configuration = try DaemonConfiguration.parse(yaml: yaml, file: "c.yaml")
    #expect(configuration == expected)
    #expect(try DaemonConfiguration.parse(yaml: configuration.effectiveYAML, file: "again") == expected)
  }

  @Test("keys and sections left empty keep their defaults")
  func emptyKeys() throws {
    let yaml = "behaviors: [{ type: click, code: 1, category: weak }]\nkafka:\nstate:\n  directory:\nlog: ~\n"
    #expect(try DaemonConfiguration.parse(yaml: yaml, file: "c") == DaemonConfiguration(behaviors: smallCatalog))
  }

  /// Beside the repository, where the data that may not be bundled is.
  static let dataSets = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../shared/data").standardizedFileURL.path

  @Test(
    "a data set's behaviors.yaml is a whole configuration",
    .enabled(if: FileManager.default.fileExists(atPath: dataSets), "the shared data sets are not here"))
  func dataSetCatalogs() throws {
    for set in try FileManager.default.contentsOfDirectory(atPath: Self.dataSets) {
      let path = "\(Self.dataSets)/\(set)/behaviors.yaml"
      let configuration = try DaemonConfiguration.load(path: path, environment: [:])
      #expect(configuration == DaemonConfiguration(behaviors: configuration.behaviors))
    }
  }

  @Test("a file that cannot be read is refused with the reason")
  func unreadable() throws {
    let directory = TemporaryDirectory()
    let path = directory.file("none.yaml")
    let missing = #expect(throws: ConfigurationError.self) {
      try DaemonConfiguration.load(path: path, environment: [:])
    }
    #expect(missing?.description == "\(path): cannot be read: no such file or directory")
    let other = #expect(throws: ConfigurationError.self) {
      try DaemonConfiguration.load(path: directory.path, environment: [:])
    }
    #expect(other?.description == "\(directory.path): cannot be read: is a directory")
  }

  @Test("for a state that knows its behaviors a file may do without, and there need be none")
  func forState() throws {
    let directory = TemporaryDirectory()
    defer { withExtendedLifetime(directory) {} }
    let path = directory.file("c.yaml")
    try Data("state: { directory: here }\n".utf8).write(to: URL(filePath: path))
    let configuration = try DaemonConfiguration.loadForState(
      path: path, environment: ["INTERESTD_HTTP__LISTEN": "127.0.0.1:1"])
    #expect(configuration.state.directory == "here" && configuration.http.listen == "127.0.0.1:1")
    let none = try DaemonConfiguration.loadForState(path: nil, environment: ["INTERESTD_STATE__DIRECTORY": "there"])
    #expect(none.state.directory == "there")
    #expect(throws: ConfigurationError.self) { try DaemonConfiguration.load(path: path, environment: [:]) }
    try Data("behaviors: 5\n".utf8).write(to: URL(filePath: path))
    #expect(throws: ConfigurationError.self) { try DaemonConfiguration.loadForState(path: path, environment: [:]) }
  }

  @Test("a file of exactly the greatest size is read, one byte more is refused")
  func size() throws {
    let directory = TemporaryDirectory()
    defer { withExtendedLifetime(directory) {} }
    let path = directory.file("c.yaml")
    var text = "behaviors: [{ type: click, code: 1, category: weak }]\n#"
    text += String(repeating: "x", count: DaemonConfiguration.maximumFileBytes - text.utf8.count)
    try Data(text.utf8).write(to: URL(filePath: path))
    _ = try DaemonConfiguration.load(path: path, environment: [:])
    try Data((text + "x").utf8).write(to: URL(filePath: path))
    let error = #expect(throws: ConfigurationError.self) {
      try DaemonConfiguration.load(path: path, environment: [:])
    }
    #expect(error?.description == "\(path): is longer than 1048576 bytes: is it a configuration?")
  }

  @Test("what a flag set wrong is refused without a place")
  func validate() {
    var configuration = DaemonConfiguration(behaviors: smallCatalog)
    configuration.state.keptBehaviors = 0
    configuration.state.windows_days = [5, 3]
    configuration.http.listen = "0.0.0.0:80"
    configuration.kafka.topic = "a b"
    let error = #expect(throws: ConfigurationError.self) { try configuration.validate() }
    #expect(
      error?.description == """
        state.kept_behaviors: needs a whole number from 1 to 255, not '0'
        state.windows_days: needs a list of 1 to 8 whole numbers from 1 to 32, each larger than the last, not [5, 3]
        kafka.topic: needs a topic: at most 244 letters, digits, '.', '_' and '-', not 'a b'
        http.listen: '0.0.0.0:80' can be reached by other machines, and has neither TLS nor authentication: set \
        tls.certificate and tls.key, and auth.read_tokens_file or tls.client_ca; or listen on 127.0.0.1; or set http.allow_remote \
        to true
        """)
  }

  @Test("a command's needs that are not set are named with all ways to set them")
  func needs() throws {
    var configuration = DaemonConfiguration(behaviors: smallCatalog)
    configuration.clusterMap = "groups.csv"
    let error = #expect(throws: ConfigurationError.self) {
      try configuration.require([.topic, .stateDirectory, .clusterMap])
    }
    #expect(
      error?.description == """
        state.directory: is not set: give --state, the key, or INTERESTD_STATE__DIRECTORY
        kafka.topic: is not set: give --topic, the key, or INTERESTD_KAFKA__TOPIC
        """)
    try configuration.require([.clusterMap])
  }

  @Test("the memory budget grows with what caches and buffers have beyond their defaults, unless it is set")
  func memoryBudget() {
    var configuration = DaemonConfiguration(behaviors: smallCatalog)
    #expect(configuration.memoryBudget_bytes(answers: configuration.lookup.cache_bytes) == 512 << 20)
    #expect(configuration.memoryBudget_bytes(answers: configuration.servingCache_bytes) == 512 << 20)
    #expect(configuration.memoryBudget_bytes(answers: 1 << 30) == (512 + 768) << 20)
    configuration.memory.blockCache_bytes = 1 << 20
    #expect(configuration.memoryBudget_bytes(answers: 0) == 512 << 20)
    configuration.memory.blockCache_bytes = 196 << 20
    configuration.buffer.events = 2_000_000
    #expect(configuration.memoryBudget_bytes(answers: 0) == 612 << 20 + 144_000_000)
    configuration.buffer.bytes = 164 << 20
    #expect(configuration.memoryBudget_bytes(answers: 0) == 812 << 20 + 144_000_000)
    configuration.memory.budget_bytes = 1000
    #expect(configuration.memoryBudget_bytes(answers: 1 << 30) == 1000)
  }
}
