import Foundation
import TestKit
import Testing

/// More than an instance may have under way, by real clients of every protocol.
@Suite(
  "An instance with too much to do", .executable,
  .disabled(if: PythonPrograms.missing != nil, "\(PythonPrograms.missing ?? "")"))
struct OverloadTests {
  private let folder = TemporaryDirectory()

  private func serve(_ environment: [String: String] = [:]) throws -> (server: Daemon, line: String) {
    let state = folder.file("state")
    try DataSet.sample.ingest(into: state)
    let server = try Daemon(
      ["serve", "--state", state, "--grpc", "127.0.0.1:0", "--resp", "127.0.0.1:0"], environment: environment)
    try server.awaitReady()
    let resp = try server.port(of: "resp")
    return (server, "whole http=\(server.address) grpc=\(server.grpc) resp=127.0.0.1:\(resp)")
  }

  @Test(
    "refuses at once what is beyond its limits, on every protocol, and answers the others",
    arguments: [
      (["INTERESTD_LOOKUP__MAXIMUM_REQUESTS": "1"], "1 requests wait for other instances or long batches"),
      (["INTERESTD_LOOKUP__BATCH_USERS": "1000"], "the batches under way have as many users as they may: 1000"),
    ])
  func refusals(limits: [String: String], text: String) throws {
    let (server, line) = try serve(
      limits.merging(["INTERESTD_LOOKUP__CACHE_BYTES": "0", "INTERESTD_LOOKUP__BATCH_THREADS": "1"]) { $1 })
    try PythonPrograms.run("overload.py", ["crowd", line, text])
    #expect(try server.sum("interestd_requests_waiting") == 0 && server.sum("interestd_batch_users") == 0)
    try server.stop()
  }

  @Test("that stops under load cuts no answer short, and lets nobody in any more", arguments: ["http", "resp"])
  func drains(protocolName: String) throws {
    let (server, line) = try serve()
    try PythonPrograms.run("overload.py", ["drain", line, "\(server.command.processID)", protocolName])
    #expect(try server.command.wait(within: 10).code == 0)
  }

  @Test("that stops waits for a client that takes its replies slowly", arguments: ["http", "resp"])
  func slowReader(protocolName: String) throws {
    let (server, line) = try serve()
    try PythonPrograms.run("overload.py", ["slow", line, "\(server.command.processID)", protocolName])
    #expect(try server.command.wait(within: 10).code == 0)
  }

  @Test("answers clients that end their side before they have been answered", arguments: ["http", "resp"])
  func halfClosed(protocolName: String) throws {
    let (server, line) = try serve()
    try PythonPrograms.run("overload.py", ["ended", line, protocolName])
    try server.stop()
  }

  @Test("of descriptors answers who is there, rests, and lets others in when there is room")
  func descriptors() throws {
    let (server, line) = try serve()
    let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(server.command.processID)/fd").count
    try Command("prlimit", ["--pid", "\(server.command.processID)", "--nofile=\(open + 20)"]).wait(within: 10)
    try PythonPrograms.run("overload.py", ["descriptors", line, "\(server.command.processID)"])
    try server.stop()
  }

  @Test("asks for as many open files as it may have, as every command does that reads a state")
  func raisesLimit() throws {
    let state = folder.file("state")
    let data = try DataSet.synthetic(in: folder, events: 40_000).data
    try data.ingest(into: state, environment: ["INTERESTD_BUFFER__EVENTS": "1024"])
    let files = try FileManager.default.contentsOfDirectory(atPath: "\(state)/db")
    try #require(files.count { $0.hasSuffix(".sst") } > 1, "\(files)")
    let command = try Command(
      "bash", ["-c", #"ulimit -Sn 8 && exec "$0" "$@""#, Package.executable, "dump", "--state", state])
    let outcome = try command.wait()
    #expect(outcome.code == 0, "\(outcome.error)")
    #expect(outcome.output == (try dump(state)))
  }

  @Test("is warned of where it cannot have as many open files as connections, and runs all the same")
  func openFiles() throws {
    let state = folder.file("state")
    try DataSet.sample.ingest(into: state)
    let command = try Command(
      "sh",
      [
        "-c", #"ulimit -n 100 && exec "$0" "$@""#, Package.executable, "serve", "--state", state, "--http",
        "127.0.0.1:0",
      ])
    #expect(eventually { command.error.contains("message=listening") }, "\(command.error)")
    #expect(
      command.error.contains("fewer open files than its connections may take") && command.error.contains("limit=100"))
    command.send(SIGTERM)
    #expect(try command.wait().code == 0)
  }
}
