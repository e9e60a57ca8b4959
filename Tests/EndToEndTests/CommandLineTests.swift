import Foundation
import TestKit
import Testing

@Suite("The command line", .executable)
struct CommandLineTests {
  private let folder = TemporaryDirectory()

  @Test("explains itself: all commands in the first help, each command in its own")
  func help() throws {
    let help = try Interestd.run("--help")
    #expect(help.error == "")
    let commands = ["ingest", "run", "serve", "lookup", "dump", "produce", "redrive", "erase", "synth", "config check"]
    for command in commands {
      #expect(help.text.contains(command), "\(command)")
      let own = try Interestd.start(command.split(separator: " ").map(String.init) + ["--help"]).wait()
      #expect(own.code == 0)
      #expect(own.text.hasPrefix("usage: interestd \(command)"), "\(own)")
      #expect(own.text.contains("interestd \(command) "), "an example")
      let prose = own.lines.filter { !$0.hasPrefix("  interestd ") }
      #expect(prose.allSatisfy { $0.count <= 100 }, "\(own)")
    }
    #expect(try Interestd.run("-h").text == help.text)
  }

  @Test("tells version, build and the formats that it reads")
  func version() throws {
    let text = try Interestd.run("--version").text
    #expect(text.hasPrefix("interestd "))
    for format in ["JSON", "Protobuf", ".jsonl.gz", ".binpb"] { #expect(text.contains(format)) }
  }

  @Test(
    "refuses what it does not know with exit code 2, names it and the nearest that it knows",
    arguments: [
      (["frobnicate"], "frobnicate"), ([], "name a command"), (["ingest", "--frob"], "--frob"),
      (["ingets"], "ingest"), (["dump", "--satte", "x"], "--state"), (["lookup", "--state", "s"], "USER"),
      (["lookup", "u1"], "--state"), (["lookup", "u1", "--state", "a", "--endpoint", "b"], "--endpoint"),
      (["produce", "--brokers", "a", "--topic", "t", "--format", "xml", "f.jsonl"], "xml"),
      (["synth", "--events", "many"], "many"), (["ingest", "--config"], "--config"),
    ])
  func refusals(arguments: [String], named: String) throws {
    let outcome = try Interestd.start(arguments).wait()
    #expect(outcome.code == 2)
    #expect(outcome.output.isEmpty)
    #expect(outcome.error.contains(named), "\(outcome)")
    #expect(outcome.error.split(separator: "\n").count <= 2, "\(outcome)")
  }

  @Test("says in one line what is missing, with exit code 1")
  func missing() throws {
    let sample = DataSet.sample
    let state = folder.file("state")
    let common = ["--config", sample.configuration, "--cluster-map", sample.clusterMap, "--state", state]
    let missing = folder.file("missing")
    let lines: [([String], String)] = [
      (["ingest"] + common + ["\(missing).jsonl"], "\(missing).jsonl"),
      (["ingest"] + common + [sample.clusterMap], ".jsonl"),
      (
        ["ingest", "--config", missing, "--cluster-map", sample.clusterMap, "--state", state, sample.behaviors], missing
      ),
      (
        ["ingest", "--config", sample.configuration, "--cluster-map", missing, "--state", state, sample.behaviors],
        missing
      ),
      (["ingest", "--config", sample.configuration, "--state", state, sample.behaviors], "cluster_map"),
      (["ingest", "--config", sample.configuration, "--cluster-map", sample.clusterMap, sample.behaviors], "state"),
      (["dump", "--state", missing], missing), (["lookup", "u1", "--state", missing], missing),
      (["serve", "--state", missing], missing), (["serve"], "--state"),
      (["lookup", "u1", "--endpoint", "http://127.0.0.1:1"], "127.0.0.1"),
      (["lookup", "u1", "--endpoint", "nonsense"], "nonsense"),
      (["run"] + common + ["--topic", "t"], "kafka.brokers"),
    ]
    for (arguments, named) in lines {
      let outcome = try Interestd.start(arguments).wait()
      #expect(outcome.code == 1, "\(arguments): \(outcome)")
      #expect(outcome.error.contains(named), "\(arguments): \(outcome)")
      #expect(outcome.error.split(separator: "\n").count == 1, "\(arguments): \(outcome)")
    }
    #expect(!FileManager.default.fileExists(atPath: missing), "nothing is made where nothing was")
  }

  @Test("prints the result of every command with --json as one object on one line, the last of standard output")
  func json() throws {
    let sample = DataSet.sample
    let state = folder.file("state")
    var outcomes = [
      try sample.ingest(into: state),
      try Interestd.run("lookup", "1062", "--state", state, "--json"),
      try Interestd.run("config", "check", "--config", sample.configuration, "--json"),
      try Interestd.run(
        "synth", "--events", "10", "--users", "2", "--shops", "3", "--cluster-map-out", folder.file("g.csv"),
        "--config-out", folder.file("c.yaml"), "--out", folder.file("b.jsonl"), "--json"),
      try Interestd.run(
        "synth", "--events", "10", "--users", "2", "--shops", "3", "--cluster-map-out", folder.file("g.csv"),
        "--config-out", folder.file("c.yaml"), "--out", "-", "--json"),
    ]
    let server = try Daemon(["serve", "--state", state])
    try server.awaitReady()
    outcomes.append(try Interestd.run("lookup", "1062", "--endpoint", server.url, "--json"))
    try server.stop()
    for outcome in outcomes {
      #expect(outcome.text.hasSuffix("}\n"), "\(outcome)")
      #expect(!outcome.text.hasSuffix("\n\n"), "\(outcome)")
      #expect(try !outcome.json().isEmpty)
    }
  }

  @Test("prints tables for people without --json")
  func tables() throws {
    let state = folder.file("state")
    let sample = DataSet.sample
    let summary = try Interestd.run(
      "ingest", "--config", sample.configuration, "--cluster-map", sample.clusterMap, "--state", state, sample.behaviors
    )
    for word in ["behaviors", "users", "group interests", "bad records", "events/s", "state"] {
      #expect(summary.text.contains(word), "\(word) in \(summary)")
    }
    let absent = try Interestd.run(
      "ingest", "--config", sample.configuration, "--cluster-map", folder.file("none"), "--state", state,
      sample.behaviors, expecting: 1)
    #expect(absent.error.hasSuffix("cannot read the cluster map \(folder.file("none")): no such file or directory\n"))
    let view = try Interestd.run("lookup", "1062", "--state", state, "--groups", "3")
    #expect(view.text.contains("user 1062"))
    #expect(view.text.contains("2017-09-29"), "times are dates: \(view)")
    #expect(view.text.contains("order"), "types have names: \(view)")
    #expect(!view.text.contains("{"))
    #expect(try Interestd.run("lookup", "nobody", "--state", state).text.contains("nobody"))
  }
}

@Suite("config check", .executable)
struct ConfigCheckTests {
  private let folder = TemporaryDirectory()

  private func check(_ yaml: String, environment: [String: String] = [:]) throws -> Command.Outcome {
    try yaml.write(toFile: folder.file("c.yaml"), atomically: true, encoding: .utf8)
    return try Interestd.start(["config", "check", "--config", folder.file("c.yaml")], environment: environment).wait()
  }

  private static let behaviors = "behaviors:\n  - {type: click, code: 1, category: weak}\n"

  @Test("prints the effective configuration, which is a configuration itself")
  func effective() throws {
    let outcome = try check(
      Self.behaviors + "buffer: {events: 5000}\n", environment: ["INTERESTD_STATE__KEPT_BEHAVIORS": "9"])
    #expect(outcome.code == 0, "\(outcome)")
    #expect(outcome.text.contains("events: 5000"))
    #expect(outcome.text.contains("kept_behaviors: 9"))
    let again = try check(outcome.text)
    #expect(again.code == 0, "\(again)")
    #expect(again.text == outcome.text)
  }

  @Test("accepts the commented example and every data set's file")
  func examples() throws {
    try Interestd.run("config", "check", "--config", "\(Package.root)/Ops/interestd.example.yaml")
    for data in DataSet.all where data.isThere { try Interestd.run("config", "check", "--config", data.configuration) }
  }

  @Test(
    "refuses what is wrong with the key's path, its line and the nearest name",
    arguments: [
      ("bufer: {events: 5000}\n", "c.yaml:3", "buffer"), ("buffer: {event: 5000}\n", "c.yaml:3", "events"),
      ("state: {kept_behaviors: 0}\n", "c.yaml:3", "state.kept_behaviors"),
      ("http: {listen: 0.0.0.0:80}\n", "allow_remote", "http.listen"),
      ("kafka: {properties: {no.such.property: 1}}\n", "kafka.properties", "no.such.property"),
      ("kafka: {properties: {auto.offset.reset: earliest}}\n", "c.yaml:3", "auto.offset.reset"),
      ("log: {level: loud}\n", "c.yaml:3", "log.level"), ("log: [\n", "c.yaml:4", "flow"),
    ])
  func wrong(yaml: String, place: String, name: String) throws {
    let outcome = try check(Self.behaviors + yaml)
    #expect(outcome.code == 1)
    #expect(outcome.output.isEmpty)
    #expect(outcome.error.contains(place), "\(outcome)")
    #expect(outcome.error.contains(name), "\(outcome)")
  }

  @Test("refuses an unknown variable of the environment and names the nearest")
  func environment() throws {
    let outcome = try check(Self.behaviors, environment: ["INTERESTD_BUFFER__EVENT": "5000"])
    #expect(outcome.code == 1)
    #expect(outcome.error.contains("INTERESTD_BUFFER__EVENT"))
    #expect(outcome.error.contains("INTERESTD_BUFFER__EVENTS"))
  }

  @Test(
    "refuses files of certificates and tokens that are not there or of no use, all that are not there with their keys")
  func credentials() throws {
    let missing = try check(
      Self.behaviors + "tls: {certificate: /none/crt, key: /none/key}\nauth: {read_tokens_file: /none/tokens}\n")
    #expect(missing.code == 1)
    for (key, path) in [
      ("tls.certificate", "/none/crt"), ("tls.key", "/none/key"), ("auth.read_tokens_file", "/none/tokens"),
    ] {
      #expect(missing.error.contains("\(key): cannot read \(path): no such file or directory"), "\(missing)")
    }
    try "short".write(toFile: folder.file("tokens"), atomically: true, encoding: .utf8)
    let useless = try check(Self.behaviors + "auth: {read_tokens_file: \(folder.file("tokens"))}\n")
    #expect(useless.code == 1 && useless.error.contains("tokens:1: a token has 16 to 512 characters"), "\(useless)")
  }

  @Test("hides secrets wherever it prints them")
  func secrets() throws {
    let yaml =
      Self.behaviors
      + "kafka: {properties: {security.protocol: sasl_plaintext, sasl.mechanisms: PLAIN, sasl.username: me, sasl.password: hunter2}}\n"
    let outcome = try check(yaml)
    #expect(outcome.code == 0, "\(outcome)")
    #expect(!outcome.text.contains("hunter2"))
    #expect(outcome.text.contains("me"))
    let json = try Interestd.run("config", "check", "--config", folder.file("c.yaml"), "--json")
    #expect(!json.text.contains("hunter2"))
  }
}
