import Foundation
import TestKit
import Testing

/// `interestd run` or `serve` under way.
final class Daemon {
  let command: Command
  /// `host:port` of HTTP.
  let address: String
  /// `host:port` of gRPC, or `off`.
  let grpc: String

  /// Starts it on a free port, and returns when it listens.
  init(
    _ arguments: [String], environment: [String: String] = [:], _ location: SourceLocation = #_sourceLocation
  ) throws {
    let command = try Interestd.start(arguments + ["--http", "127.0.0.1:0"], environment: environment)
    let found = eventually { !command.isRunning || Self.address(in: command.error) != nil }
    guard found, let address = Self.address(in: command.error) else {
      command.kill()
      throw Command.Failure(description: "'\(command.line)' does not listen: \(try command.wait())")
    }
    self.command = command
    self.address = address
    grpc = Self.address(of: "grpc", in: command.error) ?? "off"
  }

  /// `run` of a data set on a topic, in a group of the topic's name: the broker is shared, and members that other tests kill or
  /// pause would hold up its group. The group notices a member that was killed after 4 s: much less, and on a busy
  /// machine it gives up living ones.
  ///
  /// - Parameters:
  ///   - flags: More of them.
  ///   - member: As a static one of this name.
  convenience init(
    _ data: DataSet, _ topic: Topic, state: String, environment: [String: String] = [:], flags: [String] = [],
    session_ms: Int = 4000, member: String? = nil
  ) throws {
    let catalog = try String(contentsOfFile: data.configuration, encoding: .utf8)
    let configuration = "\(state).yaml"
    let properties =
      "session.timeout.ms: \(session_ms), heartbeat.interval.ms: 300"
      + (member.map { ", group.instance.id: \($0)" } ?? "")
    try (catalog + "\nkafka: {group: \(topic.name), properties: {\(properties)}}\n").write(
      toFile: configuration, atomically: true, encoding: .utf8)
    try self.init(
      ["run", "--config", configuration, "--cluster-map", data.clusterMap, "--state", state] + topic.flags + flags,
      environment: environment)
  }

  private static func address(of protocolName: String = "http", in log: String) -> String? {
    log.split(separator: "\n").first { $0.contains("message=listening") }?
      .split(separator: " ").first { $0.hasPrefix("\(protocolName)=") }
      .map { String($0.dropFirst(protocolName.count + 1)) }
  }

  /// The port of `grpc` or `resp`, where it listens for them.
  func port(of protocolName: String) throws -> String {
    let address = try #require(Self.address(of: protocolName, in: command.error))
    return try #require(address.split(separator: ":").last.map(String.init))
  }

  var url: String { "http://\(address)" }

  func get(_ path: String) throws -> HTTPReply { try HTTPReply.get(address, path) }

  /// Waits for `/readyz`.
  func awaitReady(within seconds: Double = 60, _ location: SourceLocation = #_sourceLocation) throws {
    try reach("ready", within: seconds, location) { try get("/readyz").status == 200 }
  }

  /// Waits until it is ready and everything that `end` records are is applied.
  func awaitApplied(_ end: Int, within seconds: Double = 60, _ location: SourceLocation = #_sourceLocation) throws {
    try awaitReady(within: seconds, location)
    try reach("\(end) applied", within: seconds, location) { try sum("interestd_partition_applied_offset") >= end }
  }

  func reach(
    _ what: String, within seconds: Double = 60, _ location: SourceLocation = #_sourceLocation,
    _ condition: () throws -> Bool
  ) throws {
    let isReached = try eventually(within: seconds) {
      do {
        return try condition() || !command.isRunning
      } catch {
        // What is asked of a daemon that has just ended fails: its log tells why it has.
        if eventually(within: 1, { !command.isRunning }) { return true }
        throw error
      }
    }
    try #require(
      isReached && command.isRunning, "\(what): \(command.error.suffix(4000))", sourceLocation: location)
  }

  /// Over all labels; 0 where there is no such metric yet.
  func sum(_ metric: String) throws -> Int {
    try metrics(metric).reduce(0) { $0 + Int($1.value) }
  }

  func metrics(_ name: String) throws -> [(labels: String, value: Double)] {
    try get("/metrics").body.split(separator: "\n").compactMap { line in
      guard line.hasPrefix(name), let space = line.lastIndex(of: " ") else { return nil }
      let series = line[..<space].dropFirst(name.count)
      guard series.isEmpty || series.first == "{" else { return nil }
      return (String(series), Double(line[line.index(after: space)...]) ?? .nan)
    }
  }

  /// SIGSTOP; returns when every thread stands still, which is some time after the signal.
  func pause(_ location: SourceLocation = #_sourceLocation) throws {
    command.send(SIGSTOP)
    let folder = "/proc/\(command.processID)/task"
    let stands = try eventually {
      try FileManager.default.contentsOfDirectory(atPath: folder).allSatisfy { thread in
        // The state is behind the name, which is in parentheses.
        let line = try? String(contentsOfFile: "\(folder)/\(thread)/stat", encoding: .utf8)
        return line?.split(separator: ")").last?.hasPrefix(" T") ?? true
      }
    }
    try #require(stands, sourceLocation: location)
  }

  func resume() { command.send(SIGCONT) }

  /// Sends a signal and waits for the end.
  @discardableResult
  func stop(
    _ signal: Int32 = SIGTERM, within seconds: Double = 10, expecting code: Int32 = 0,
    _ location: SourceLocation = #_sourceLocation
  ) throws -> Command.Outcome {
    command.send(signal)
    let outcome = try command.wait(within: seconds)
    try #require(outcome.code == code, "\(outcome)", sourceLocation: location)
    return outcome
  }
}

/// A reply to a GET on a connection of its own.
struct HTTPReply {
  var status = 0
  var headers: [String: String] = [:]
  var body = ""

  static func get(_ address: String, _ path: String, method: String = "GET", fields: String = "") throws -> HTTPReply {
    let raw = try exchange(
      address, "\(method) \(path) HTTP/1.1\r\nHost: \(address)\r\nConnection: close\r\n\(fields)\r\n")
    return try HTTPReply(raw)
  }

  private init(_ raw: Data) throws {
    let text = String(decoding: raw, as: UTF8.self)
    guard let end = text.range(of: "\r\n\r\n") else { throw Command.Failure(description: "no reply: '\(text)'") }
    let head = text[..<end.lowerBound].components(separatedBy: "\r\n")
    status = head.first.flatMap { Int($0.split(separator: " ").dropFirst().first ?? "") } ?? 0
    for line in head.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    body = String(text[end.upperBound...])
  }

  /// Sends bytes and reads to the end, at most 10 s long.
  private static func exchange(_ address: String, _ request: String) throws -> Data {
    let port = UInt16(address.split(separator: ":").last ?? "") ?? 0
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var limit = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var server = sockaddr_in()
    server.sin_family = sa_family_t(AF_INET)
    server.sin_port = port.bigEndian
    server.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let connected = withUnsafePointer(to: &server) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { throw Command.Failure(description: "\(address) does not accept") }
    _ = request.withCString { send(descriptor, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
    var reply = Data()
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count <= 0 { return reply }
      reply.append(contentsOf: buffer[..<count])
    }
  }
}
