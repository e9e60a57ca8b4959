import Foundation
import Testing

@testable import DaemonConfig

@Suite("Printing a configuration")
struct PrintingTests {
  @Test("the defaults print as a canonical file that reads back to the same value")
  func canonical() throws {
    let configuration = DaemonConfiguration(behaviors: smallCatalog)
    #expect(
      configuration.effectiveYAML == """
        behaviors:
          - { type: click, code: 1, category: weak }
        cluster_map: ""
        state:
          directory: ""
          kept_behaviors: 32
          windows_days: [1, 7, 30]
          erasure_ms: 600000
          minimum_free_bytes: 536870912
        buffer:
          events: 1000000
          bytes: 67108864
          age_ms: 5000
        memory:
          budget_bytes: 0
          block_cache_bytes: 100663296
          waiting_output_bytes: 67108864
        lookup:
          cache_bytes: 234881024
          maximum_requests: 1024
          batch_users: 16000
          batch_bytes: 67108864
          batch_threads: 0
          drain_ms: 8000
        ingest:
          maximum_record_bytes: 1048576
          level0_files: 40
          breaker_records: 1000
          breaker_percent: 50
        duplicates:
          offsets: 1000000
          time_ms: 3600000
        kafka:
          brokers: ""
          topic: ""
          group: interestd
          format: auto
          key: user
          partitioner: murmur2
          max_skew_ms: 86400000
          properties: {}
        dead_letters:
          to: topic
          topic: ""
          retention_ms: 1209600000
          retention_bytes: 1073741824
        tls:
          certificate: ""
          key: ""
          client_ca: ""
        auth:
          read_tokens_file: ""
          admin_tokens_file: ""
          read_subjects: []
          admin_subjects: []
          metrics: admin
        http:
          listen: "127.0.0.1:8080"
          allow_remote: false
          tls: auto
          advertise: ""
          redirect: false
          threads: 0
          maximum_connections: 1024
          request_deadline_ms: 10000
          idle_timeout_ms: 60000
          stranger_timeout_ms: 10000
        grpc:
          listen: ""
          allow_remote: false
          tls: auto
          threads: 0
          maximum_connections: 1024
          maximum_calls: 4096
        resp:
          listen: ""
          allow_remote: false
          tls: auto
          threads: 0
          maximum_connections: 1024
          idle_timeout_ms: 600000
          stranger_timeout_ms: 10000
        forward:
          tls: auto
          ca: ""
          certificate: ""
          key: ""
          token_file: ""
        log:
          level: info
          format: logfmt

        """)
    #expect(try DaemonConfiguration.parse(yaml: configuration.effectiveYAML, file: "c") == configuration)
  }

  @Test(
    "texts that YAML would read as something else survive a round trip",
    arguments: [
      "no", "null", "~", "1e3", "0x1F", "- a", "a: b", "a #b", "#", "*a", "&a", "!a", "\"", "'", "\\", "{", "é", "日本 語",
      "\u{2028}x\u{2029}", "\u{FEFF}", "\u{1F600}", "a\u{A0}b", " lead", "trail ", "%a", "@a", "`a", "|", ">", "?", ":",
      String(repeating: "long ", count: 500), "/var/lib/interestd", "true", "2001-01-01",
    ])
  func difficultTexts(text: String) throws {
    var configuration = DaemonConfiguration(behaviors: smallCatalog)
    configuration.clusterMap = text
    configuration.kafka.properties["client.rack"] = text
    let yaml = configuration.effectiveYAML
    #expect(try DaemonConfiguration.parse(yaml: yaml, file: "c") == configuration, "\(yaml)")
    let json = try JSONSerialization.jsonObject(with: Data(configuration.effectiveJSON.utf8)) as? [String: Any]
    #expect(json?["cluster_map"] as? String == text)
  }

  @Test("a property of several lines survives a round trip")
  func severalLines() throws {
    var configuration = DaemonConfiguration(behaviors: smallCatalog)
    configuration.kafka.properties["security.protocol"] = "ssl"
    configuration.kafka.properties["ssl.certificate.pem"] = "-----BEGIN-----\n\tabc\r\n-----END-----\n"
    #expect(try DaemonConfiguration.parse(yaml: configuration.effectiveYAML, file: "c") == configuration)
  }

  @Test("JSON is one line with every key, in the file's order")
  func json() throws {
    let json = DaemonConfiguration(behaviors: smallCatalog).effectiveJSON
    #expect(!json.contains("\n"))
    #expect(json.hasPrefix(#"{"behaviors":[{"type":"click","code":1,"category":"weak"}],"cluster_map":"","state":{"#))
    let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
    for section in Schema.sections where !section.name.isEmpty {
      #expect(Set((object?[section.name] as? [String: Any])?.keys.map { $0 } ?? []) == Set(section.keys.map(\.name)))
    }
  }

  /// The repository's root, from this file's place in it.
  static let example = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Ops/interestd.example.yaml")

  @Test("the example file is what the keys' documentation makes, and its values are the defaults")
  func exampleFile() throws {
    let text = try String(contentsOf: Self.example, encoding: .utf8)
    #expect(text == DaemonConfiguration.exampleYAML, "write DaemonConfiguration.exampleYAML to \(Self.example.path)")
    let configuration = try DaemonConfiguration.parse(yaml: text, file: "example")
    #expect(configuration == DaemonConfiguration(behaviors: configuration.behaviors))
    try configuration.validate()
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 })
  }

  @Test("every key stands in the example under a comment, and every key of the example is read")
  func exampleKeys() throws {
    let lines = try String(contentsOf: Self.example, encoding: .utf8).split(separator: "\n")
    var section = ""
    var keys: [String] = []
    for (index, line) in lines.enumerated() {
      let name = line.prefix { $0 != ":" }.trimmingCharacters(in: .whitespaces)
      if line.hasPrefix("#") || line.hasPrefix("  #") || line.hasPrefix("  -") || name == line { continue }
      if !line.hasPrefix(" ") { section = line.hasSuffix(":") && name != "behaviors" ? name : "" }
      if name == section { continue }
      keys.append(section.isEmpty ? name : "\(section).\(name)")
      #expect(lines[index - 1].trimmingCharacters(in: .whitespaces).hasPrefix("# "), "\(name) has no comment")
    }
    #expect(keys == Schema.keys.map(\.path))
  }

  @Test("every key is documented, named once, and has its own variable")
  func documentation() {
    #expect(Schema.keys.allSatisfy { $0.documentation.count > 20 && !$0.need.isEmpty })
    #expect(Set(Schema.keys.map(\.path)).count == Schema.keys.count)
    #expect(Set(Schema.keys.map(\.environmentName)).count == Schema.keys.count)
  }
}
