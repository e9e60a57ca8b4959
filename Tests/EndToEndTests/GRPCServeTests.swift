import Foundation
import TestKit
import Testing

/// Programs of Tests/Python, which need packages of the Python Package Index: `Ops/install test` puts them into .build/python.
enum PythonPrograms {
  private static let python = "\(Package.root)/.build/python/bin/python3"

  /// Why they cannot be run.
  static let missing: String? =
    access(python, X_OK) == 0 ? nil : "needs grpcio and its like in .build/python: run Ops/install test"

  static func start(_ program: String, _ arguments: [String]) throws -> Command {
    try Command(python, ["-B", "\(Package.root)/Tests/Python/\(program)"] + arguments)
  }

  @discardableResult
  static func run(
    _ program: String, _ arguments: [String], within seconds: Double = 120,
    at location: SourceLocation = #_sourceLocation
  ) throws -> String {
    let command = try start(program, arguments)
    let outcome = try command.wait(within: seconds)
    try #require(outcome.code == 0, "'\(command.line)': \(outcome)", sourceLocation: location)
    return outcome.text
  }
}

@Suite(
  "gRPC by real clients", .executable,
  .disabled(if: PythonPrograms.missing != nil, "\(PythonPrograms.missing ?? "")"))
struct GRPCServeTests {
  private let folder = TemporaryDirectory()
  private let sample = DataSet.sample

  /// The sample's state, and its dump in a file.
  private func state(_ name: String) throws -> String {
    let state = folder.file(name)
    try sample.ingest(into: state)
    try dump(state).write(to: URL(filePath: "\(state).dump"))
    return state
  }

  private func serve(_ state: String, _ environment: [String: String] = [:]) throws -> Daemon {
    let server = try Daemon(
      ["serve", "--state", state, "--cluster-map", sample.clusterMap, "--grpc", "127.0.0.1:0"],
      environment: environment)
    try server.awaitReady()
    return server
  }

  @Test(
    "grpcio gets what it should",
    arguments: [
      "sequences", "batches", "groups", "describe", "errors", "compression", "health", "reflection", "deadlines",
      "parallel", "metrics",
    ])
  func calls(check: String) throws {
    let state = try state("state")
    let server = try serve(state)
    try PythonPrograms.run("grpc_calls.py", [check, server.grpc, server.address, "\(state).dump"])
    try server.stop()
  }

  @Test("over TLS grpcio gets the same with a token, and nothing but health without one")
  func secure() throws {
    let certificates = try Certificates()
    let pair = try certificates.issue("server")
    let tokens = folder.file("tokens")
    try "a-token-of-16-bytes\n".write(toFile: tokens, atomically: true, encoding: .utf8)
    chmod(tokens, 0o600)
    let state = try state("state")
    let server = try serve(
      state,
      [
        "INTERESTD_TLS__CERTIFICATE": pair.certificate, "INTERESTD_TLS__KEY": pair.key,
        "INTERESTD_AUTH__READ_TOKENS_FILE": tokens, "INTERESTD_HTTP__TLS": "none",
      ])
    let common = [server.grpc, server.address, "\(state).dump", certificates.authority]
    for check in ["sequences", "parallel", "reflection"] {
      try PythonPrograms.run("grpc_calls.py", [check] + common + ["a-token-of-16-bytes"])
    }
    try PythonPrograms.run("grpc_calls.py", ["unauthenticated"] + common)
    try PythonPrograms.run("grpc_calls.py", ["unauthenticated"] + common + ["a-token-of-nobody"])
    try server.stop()
  }

  @Test("an instance that stops under load fails no call of a client that knows another")
  func drain() throws {
    let first = try serve(try state("first"))
    let second = try serve(try state("second"))
    try PythonPrograms.run("grpc_drain.py", [first.grpc, "\(first.command.processID)", second.grpc])
    #expect(try first.command.wait(within: 10).code == 0)
    try second.stop()
  }

  @Test(
    "abuse costs little memory, and others are answered",
    arguments: [
      "resets", "continuation", "bombs", "halves", "settings", "pings", "deaf_pings", "empty", "windows", "deaf",
      "connections",
    ])
  func abuse(kind: String) throws {
    let server = try serve(try state("state"))
    try PythonPrograms.run("grpc_abuse.py", [kind, server.grpc, "\(server.command.processID)", "2"])
    try server.reach("the end of all calls") { try server.sum("interestd_grpc_calls") == 0 }
    try server.stop()
  }

  @Test("a client that takes all descriptors keeps nobody from being answered who is there, or comes when it has gone")
  func descriptors() throws {
    let server = try serve(try state("state"))
    // Those that the daemon has, and a few more.
    let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(server.command.processID)/fd").count
    try Command("prlimit", ["--pid", "\(server.command.processID)", "--nofile=\(open + 20)"]).wait(within: 10)
    try PythonPrograms.run("grpc_abuse.py", ["connections", server.grpc, "\(server.command.processID)", "2"])
    try PythonPrograms.run("grpc_abuse.py", ["pings", server.grpc, "\(server.command.processID)", "1"])
    try server.stop()
  }

  @Test("the schemas that reflection tells are those of Schemas")
  func descriptorsOfSchemas() throws {
    let check = try Command("python3", ["-B", "\(Package.root)/Schemas/embed_descriptors.py", "--check"])
    let outcome = try check.wait(within: 60)
    #expect(outcome.code == 0, "\(outcome)")
  }
}
