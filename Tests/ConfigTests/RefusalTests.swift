import DaemonConfig
import Testing

private let catalog = "behaviors: [{ type: click, code: 1, category: weak }]\n"

/// What is wrong with a file of these lines after a valid first one, as printed.
private func refusal(_ yaml: String) -> String? { refusalOfWhole(catalog + yaml) }

private func refusalOfWhole(_ yaml: String) -> String? {
  do throws(ConfigurationError) {
    _ = try DaemonConfiguration.parse(yaml: yaml, file: "c.yaml")
    return nil
  } catch {
    return error.description
  }
}

@Suite("What a configuration is refused for")
struct RefusalTests {
  @Test(
    "an unknown key is refused with its path, its line and the nearest name",
    arguments: [
      ("kafka: { brokrs: a }", "kafka.brokrs: unknown key; did you mean kafka.brokers?"),
      ("buffer: { age: 5 }", "buffer.age: unknown key; did you mean buffer.age_ms?"),
      ("brokers: a", "brokers: unknown key; did you mean kafka.brokers?"),
      ("format: json", "format: unknown key; did you mean kafka.format or log.format?"),
      ("kafak: {}", "kafak: unknown key; did you mean kafka?"),
      ("clustermap: x", "clustermap: unknown key; did you mean cluster_map?"),
      ("http: { xyzzy: 1 }", httpKeys),
      ("log: { listen: a }", "log.listen: unknown key; did you mean http.listen or grpc.listen or resp.listen?"),
      (
        "kafka: { sasl.password: hunter2 }",
        "kafka.sasl.password: unknown key; librdkafka's own properties go into the map kafka.properties"
      ),
      ("kafka.brokers: a", "kafka.brokers: unknown key; write brokers inside the map kafka"),
      (
        "qqqq: 1",
        "qqqq: unknown key; there are behaviors, cluster_map, state, buffer, memory, lookup, ingest, duplicates, kafka, dead_letters, tls, auth, http, grpc, resp, forward, log"
      ),
      (
        "\"\": 1",
        "'...': unknown key; there are behaviors, cluster_map, state, buffer, memory, lookup, ingest, duplicates, kafka, dead_letters, tls, auth, http, grpc, resp, forward, log"
      ),
    ])
  func unknownKey(line: String, message: String) {
    #expect(refusal(line) == "c.yaml:2: \(message)")
  }

  static let httpKeys =
    "http.xyzzy: unknown key; http has listen, allow_remote, tls, advertise, redirect, threads, maximum_connections, request_deadline_ms, idle_timeout_ms, stranger_timeout_ms"

  @Test(
    "a value of another type or out of range is refused with what it must be",
    arguments: [
      ("state: { kept_behaviors: 0 }", "state.kept_behaviors: needs a whole number from 1 to 255, not '0'"),
      ("state: { kept_behaviors: 256 }", "state.kept_behaviors: needs a whole number from 1 to 255, not '256'"),
      ("state: { kept_behaviors: 3.5 }", "state.kept_behaviors: needs a whole number from 1 to 255, not '3.5'"),
      ("state: { kept_behaviors: 010 }", "state.kept_behaviors: needs a whole number from 1 to 255, not '010'"),
      (
        "state: { kept_behaviors: \"8\" }", "state.kept_behaviors: needs a whole number from 1 to 255, not the text '8'"
      ),
      ("state: { kept_behaviors: [8] }", "state.kept_behaviors: needs a whole number from 1 to 255, not a list"),
      ("state: { kept_behaviors: {a: 8} }", "state.kept_behaviors: needs a whole number from 1 to 255, not a map"),
      (
        "state: { kept_behaviors: 99999999999999999999 }",
        "state.kept_behaviors: needs a whole number from 1 to 255, not '99999999999999999999'"
      ),
      ("state: { windows_days: 7 }", windows("not '7'")),
      ("state: { windows_days: [] }", windows("not []")),
      ("state: { windows_days: [7, 1] }", windows("not [7, 1]")),
      ("state: { windows_days: [7, 7] }", windows("not [7, 7]")),
      ("state: { windows_days: [1, 2, 3, 4, 5, 6, 7, 8, 9] }", windows("not [1, 2, 3, 4, 5, 6, 7, 8, 9]")),
      (
        "state: { windows_days: [1, 33] }",
        "state.windows_days[1]: needs a whole number from 1 to 32, not '33'"
      ),
      ("buffer: { events: 0 }", "buffer.events: needs a whole number from 1 to 16000000, not '0'"),
      (
        "buffer: { bytes: 64MiB }",
        "buffer.bytes: needs a whole number of bytes from 1048576 to 4294967295, not '64MiB'"
      ),
      ("buffer: { age_ms: 5s }", "buffer.age_ms: needs a whole number of milliseconds from 10 to 3600000, not '5s'"),
      ("ingest: { breaker_percent: 101 }", "ingest.breaker_percent: needs a whole number from 1 to 100, not '101'"),
      ("http: { allow_remote: yes }", "http.allow_remote: needs true or false, not 'yes'"),
      ("http: { allow_remote: \"true\" }", "http.allow_remote: needs true or false, not the text 'true'"),
      ("log: { level: loud }", "log.level: needs one of debug, info, warn, error, not 'loud'"),
      ("kafka: { format: avro }", "kafka.format: needs one of auto, json, protobuf, not 'avro'"),
      ("kafka: { group: \"\" }", "kafka.group: needs 1 to 255 bytes, not the text ''"),
      (
        "kafka: { brokers: \"a:9092,,b\" }",
        "kafka.brokers: needs brokers as host:port,host:port, not the text 'a:9092,,b'"
      ),
      ("kafka: { brokers: \"a:0\" }", "kafka.brokers: needs brokers as host:port,host:port, not the text 'a:0'"),
      ("kafka: { topic: a/b }", "kafka.topic: needs a topic: at most 244 letters, digits, '.', '_' and '-', not 'a/b'"),
      ("http: { listen: 8080 }", listen("'8080'")),
      ("http: { listen: \"a:99999\" }", listen("the text 'a:99999'")),
      ("http: { listen: \":80\" }", listen("the text ':80'")),
      ("http: { listen: \"::1:80\" }", listen("the text '::1:80'")),
      ("cluster_map: \"a\\0b\"", "cluster_map: needs a path of at most 4095 bytes, not the text 'a?b'"),
      (
        "kafka: 5",
        "kafka: needs a map of keys (brokers, topic, group, format, key, partitioner, max_skew_ms, properties), not a single value"
      ),
      (
        "kafka: [a]",
        "kafka: needs a map of keys (brokers, topic, group, format, key, partitioner, max_skew_ms, properties), not a list"
      ),
    ])
  func wrongValue(line: String, message: String) {
    #expect(refusal(line) == "c.yaml:2: \(message)")
  }

  static func windows(_ end: String) -> String {
    "state.windows_days: needs a list of 1 to 8 whole numbers from 1 to 32, each larger than the last, \(end)"
  }

  static func listen(_ end: String) -> String {
    "http.listen: needs host:port with a port up to 65535, as in 127.0.0.1:8080 or [::1]:8080, not \(end)"
  }

  @Test(
    "a catalog's fault is refused at the line of its entry",
    arguments: [
      (
        "- { type: a, code: 1, category: weak }\n- { type: a, code: 2, category: weak }", 3,
        "[1]: type 'a' is named twice"
      ),
      (
        "- { type: a, code: 1, category: weak }\n- { type: b, code: 1, category: weak }", 3,
        "[1]: code 1 is both 'a' and 'b'"
      ),
      ("- { type: $erase, code: 1, category: weak }", 2, "[0]: type '$erase': names that begin with $ are reserved"),
      ("- { type: a, code: 0, category: weak }", 2, "[0].code: needs a whole number from 1 to 255, not '0'"),
      ("- { type: a, code: 256, category: weak }", 2, "[0].code: needs a whole number from 1 to 255, not '256'"),
      (
        "- { type: a, code: 1, category: week }", 2,
        "[0].category: needs one of strong, weak, negative, payment, not 'week'"
      ),
      ("- { type: \"\", code: 1, category: weak }", 2, "[0].type: needs a name of 1 to 255 bytes, not the text ''"),
      ("- { type: a, code: 1 }", 2, "[0].category: is missing: needs one of strong, weak, negative, payment"),
      ("- { type: a, cod: 2, code: 1, category: weak }", 2, "[0].cod: unknown key; did you mean 'code'?"),
      ("- { type: a, zzz: 2, code: 1, category: weak }", 2, "[0].zzz: unknown key; it has type, code, category"),
      ("- click", 2, "[0]: needs { type, code, category }, not 'click'"),
      ("- { type: a, type: b, code: 1, category: weak }", 2, "[0].type: named twice, before at c.yaml:2"),
    ])
  func catalogFault(entries: String, line: Int, message: String) {
    #expect(refusalOfWhole("behaviors:\n" + entries) == "c.yaml:\(line): behaviors\(message)")
  }

  @Test(
    "a catalog that is missing, empty or no list is refused",
    arguments: [
      ("", "c.yaml: behaviors: is missing: needs \(catalogNeed)"),
      ("# nothing\n", "c.yaml: behaviors: is missing: needs \(catalogNeed)"),
      ("behaviors:\n", "c.yaml: behaviors: is missing: needs \(catalogNeed)"),
      ("behaviors: []\n", "c.yaml:1: behaviors: the behavior catalog is empty: name at least one type"),
      ("behaviors: { click: 1 }\n", "c.yaml:1: behaviors: needs \(catalogNeed), not a map"),
      ("- a\n", "c.yaml:1: needs a map of keys (behaviors, kafka, ...), not a list"),
      ("hello\n", "c.yaml:1: needs a map of keys (behaviors, kafka, ...), not a single value"),
    ])
  func noCatalog(yaml: String, message: String) {
    #expect(refusalOfWhole(yaml) == message)
  }

  static let catalogNeed = "a list of behavior types, as in [{ type: click, code: 1, category: weak }]"

  @Test(
    "YAML that a configuration has no use for is refused",
    arguments: [
      ("kafka:\n  topic: a\n  topic: b", "c.yaml:4: kafka.topic: named twice, before at c.yaml:3"),
      ("kafka: {}\nkafka: {}", "c.yaml:3: kafka: named twice, before at c.yaml:2"),
      ("cluster_map: *x", "c.yaml:2: aliases (*name) are not read: write the value itself"),
      ("cluster_map: &x a", "c.yaml:2: anchors (&name) are not read: write the value where it belongs"),
      ("cluster_map: !!str a", "c.yaml:2: tags (!name) are not read: leave it out"),
      ("? [a, b]\n: 1", "c.yaml:2: a key is a single name, not a list"),
      ("---\ncluster_map: a", "c.yaml:2: a second document begins here: a configuration is one"),
      (
        "kafka:\n\ttopic: a",
        "c.yaml:3: not valid YAML: found character that cannot start any token, while scanning for the next token; "
          + "indent with spaces, not tabs"
      ),
      ("kafka: { topic: a", "c.yaml:3: not valid YAML: did not find expected ',' or '}', while parsing a flow mapping"),
      ("cluster_map: \"\u{1}\"", "c.yaml:2: not readable text: control characters are not allowed"),
    ])
  func uselessYAML(lines: String, message: String) {
    #expect(refusal(lines) == message)
  }

  @Test("bytes that are not UTF-8 are refused with their line")
  func notUTF8() {
    let error = #expect(throws: ConfigurationError.self) {
      try DaemonConfiguration.parse(bytes: Array(catalog.utf8) + Array("# \n# ".utf8) + [0xFF, 0x0A], file: "c.yaml")
    }
    #expect(error?.description == "c.yaml:3: not readable text: invalid leading utf-8 octet")
  }

  @Test(
    "listening for other machines contradicts allow_remote: false; what a name resolves to is not known here",
    arguments: [
      ("0.0.0.0:80", true), ("[::]:80", true), ("10.0.0.1:80", true), ("[::ffff:10.0.0.1]:80", true),
      ("[fe80::1]:80", true),
      ("127.0.0.1:80", false), ("127.9.9.9:0", false), ("[::1]:80", false), ("[0:0::1]:80", false),
      ("[::ffff:127.0.0.1]:80", false), ("localhost:80", false), ("example.org:80", false),
    ])
  func remoteListening(address: String, isRemote: Bool) {
    let message =
      "c.yaml:3: http.listen: '\(address)' can be reached by other machines, and has neither TLS nor authentication: set tls.certificate and tls.key, and "
      + "auth.read_tokens_file or tls.client_ca; or listen on 127.0.0.1; or set http.allow_remote to true"
    #expect(refusal("http:\n  listen: \"\(address)\"\n") == (isRemote ? message : nil))
    #expect(refusal("http:\n  listen: \"\(address)\"\n  allow_remote: true\n") == nil)
  }

  @Test(
    "an advertised address is one that others can connect to, or none",
    arguments: [
      ("", true), ("10.0.0.5:8080", true), ("[2001:db8::1]:80", true), ("ranker-3.example:8080", true),
      ("10.0.0.5:0", false), ("10.0.0.5", false), ("[fe80::1%eth0]:80", false), ("a b:80", false), ("::1:80", false),
    ])
  func advertising(address: String, isTaken: Bool) {
    let message =
      "c.yaml:2: http.advertise: needs host:port with a port from 1 to 65535, as in 10.0.0.5:8080 or "
      + "ranker-3.example:8080; or nothing, not the text '\(address)'"
    #expect(refusal("http: {advertise: \"\(address)\"}\n") == (isTaken ? nil : message))
  }

  @Test("everything wrong is told at once, in the order of lines, twenty problems at most")
  func allProblems() {
    let several = refusal("kafka:\n  topic: [a]\n  group: \"\"\nlog: { level: x }\nnope1: 1\n")
    #expect(
      several?.split(separator: "\n").map { $0.prefix(9) } == ["c.yaml:3:", "c.yaml:4:", "c.yaml:5:", "c.yaml:6:"])
    let many = refusal((0..<30).map { "zzzzzzz\($0): 1\n" }.joined())?.split(separator: "\n")
    #expect(many?.count == 21)
    #expect(many?.last == "and 10 more")
  }

  @Test("what a message quotes is one short line")
  func shortQuotes() {
    let long = String(repeating: "x", count: 500)
    #expect(
      refusal("log: { level: \"a\\nb\\u2028c\(long)\" }")
        == "c.yaml:2: log.level: needs one of debug, info, warn, error, not the text "
        + "'a?b?c\(String(repeating: "x", count: 55))...'")
    #expect(refusal("\"a\\nb\(long)\": 1")?.contains("'a...': unknown key") == true)
  }
}
