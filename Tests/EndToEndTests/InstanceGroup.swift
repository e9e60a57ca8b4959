import Foundation
import TestKit
import Testing

/// Instances of one group over a topic of real behaviors, beside an instance that has all of them: what is right.
final class InstanceGroup {
  let topic: Topic
  let data = DataSet.sample
  let folder = TemporaryDirectory()
  private(set) var instances: [String: Daemon] = [:]
  private let reference: Daemon
  private let events: Int

  init(partitions: Int32 = 6) throws {
    let state = folder.file("whole")
    try data.ingest(into: state)
    try dump(state).write(to: URL(filePath: folder.file("dump")))
    reference = try Daemon(
      ["serve", "--state", state, "--cluster-map", data.clusterMap] + Self.ports, environment: [:])
    try reference.awaitReady()
    topic = try Topic(partitions: partitions)
    events = try topic.produce(data.behaviors).number("delivered")
    try Self.line("whole", reference).write(toFile: folder.file("reference"), atomically: true, encoding: .utf8)
  }

  private static let ports = ["--grpc", "127.0.0.1:0", "--resp", "127.0.0.1:0"]

  private static func line(_ name: String, _ daemon: Daemon) throws -> String {
    let resp = try daemon.port(of: "resp")
    return "\(name) http=\(daemon.address) grpc=\(daemon.grpc) resp=127.0.0.1:\(resp)\n"
  }

  /// Starts an instance with a state of its own, or again with the one that it had.
  @discardableResult
  func start(_ name: String, _ environment: [String: String] = [:], session_ms: Int = 4000) throws -> Daemon {
    let own = ["INTERESTD_BUFFER__AGE_MS": "100"]
    let daemon = try Daemon(
      data, topic, state: folder.file(name), environment: own.merging(environment) { $1 }, flags: Self.ports,
      session_ms: session_ms)
    instances[name] = daemon
    try tell()
    return daemon
  }

  /// Forgets an instance; it may still run.
  func remove(_ name: String) throws -> Daemon {
    let removed = instances.removeValue(forKey: name)
    try tell()
    return try #require(removed)
  }

  /// Writes for the clients who is there.
  private func tell() throws {
    let lines = try instances.sorted { $0.key < $1.key }.map { try Self.line($0.key, $0.value) }
    try lines.joined().write(toFile: folder.file("instances"), atomically: true, encoding: .utf8)
  }

  /// Waits until all instances are ready, tell the same owners, and each has a partition.
  ///
  /// - Parameter get: Asks an instance for a path.
  func settle(_ get: (Daemon, String) throws -> String? = InstanceGroup.body) throws {
    struct Told: Decodable, Equatable {
      struct Partition: Decodable, Equatable { var owner: String? }
      var partitions: [Partition]
    }
    let addresses = Set(instances.values.map(\.address))
    for instance in instances.values {
      try instance.reach("agreement on owners", within: 90) {
        let told = try instances.values.map { daemon in
          try get(daemon, "/v1/topology").map { try JSONDecoder().decode(Told.self, from: Data($0.utf8)) }
        }
        guard let first = told.first else { return false }
        return told.allSatisfy { $0 != nil && $0 == first }
          && Set(first?.partitions.map(\.owner) ?? []) == addresses
      }
      try instance.reach("ready", within: 90) { try get(instance, "/readyz") != nil }
    }
  }

  static func body(_ daemon: Daemon, _ path: String) throws -> String? {
    let reply = try daemon.get(path)
    return reply.status == 200 ? reply.body : nil
  }

  /// Of the programs of Tests/Python that ask instances.
  private func arguments(_ check: String) -> [String] {
    [check, folder.file("instances"), folder.file("reference"), folder.file("dump")]
  }

  func check(_ check: String, _ more: String..., at location: SourceLocation = #_sourceLocation) throws {
    try PythonPrograms.run("instances.py", arguments(check) + more, at: location)
  }

  /// Clients of all protocols ask every instance while `body` changes the group; what they counted.
  ///
  /// - Parameters:
  ///   - torn: The instance whose answers may be cut short.
  ///   - body: What it is given waits until an instance has answered each client rightly.
  func underLoad(
    torn: String = "", _ body: (_ awaitRight: (_ instance: String) throws -> Void) throws -> Void
  ) throws -> [String: Int] {
    let program = try PythonPrograms.start("instances_load.py", arguments("load") + ["--torn", torn])
    try #require(eventually(within: 60) { !program.isRunning || !program.output.isEmpty } && program.isRunning)
    try body { instance in
      let lines = ["ask_http", "ask_grpc", "ask_resp"].map { "\($0) \(instance) is right\n" }
      let isRight = eventually(within: 60) {
        let told = String(decoding: program.output, as: UTF8.self)
        return !program.isRunning || lines.allSatisfy { told.contains($0) }
      }
      try #require(isRight && program.isRunning, "right answers of \(instance)")
    }
    try "".write(toFile: folder.file("instances.end"), atomically: true, encoding: .utf8)
    let outcome = try program.wait()
    try #require(outcome.code == 0, "\(outcome)")
    return try JSONDecoder().decode([String: Int].self, from: Data(outcome.lines.last?.utf8 ?? "".utf8))
  }

  func stop() throws {
    for instance in instances.values { try instance.stop() }
    try reference.stop()
  }
}
