import Foundation
import Glibc

/// An Apache Kafka broker of its own on loopback, one node in KRaft mode, from any distribution since 3.7: `KAFKA_HOME`, or
/// `../shared/kafka` beside the package.
public final class KafkaBroker: @unchecked Sendable {  // `node` is the owner's; of the shared broker it never changes
  /// `host:port`.
  public let bootstrap: String
  private let folder: String
  private let home: String
  private var node: Command

  /// One for all tests of the process, started when it is first asked for.
  public static let shared = Result { try KafkaBroker() }

  /// Why there can be none; nil where there can.
  public static let missing: String? = {
    guard home != nil else { return "no Apache Kafka: set KAFKA_HOME to a distribution from 3.7 on" }
    return java == nil ? "no Java for Apache Kafka: install openjdk-17-jre-headless, or set JAVA_HOME" : nil
  }()

  /// The distribution; nil: there is none.
  public static let home: String? = {
    let given = ProcessInfo.processInfo.environment["KAFKA_HOME"]
    return [given, Package.shared + "/kafka"].compactMap { $0 }.first {
      access("\($0)/bin/kafka-server-start.sh", X_OK) == 0
    }
  }()

  private static let java: String? = {
    let environment = ProcessInfo.processInfo.environment
    let folders = (environment["PATH"] ?? "").split(separator: ":").map(String.init)
    return ((environment["JAVA_HOME"].map { ["\($0)/bin"] } ?? []) + folders).map { "\($0)/java" }.first {
      access($0, X_OK) == 0
    }
  }()

  /// Starts a broker, and returns when it serves.
  public init() throws {
    guard let home = Self.home else { throw Command.Failure(description: Self.missing ?? "no Apache Kafka") }
    self.home = home
    // The shared broker lives to the end of the process, when nobody destroys anything.
    var template = Array("\(FileManager.default.temporaryDirectory.path)/interestd-kafka.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Command.Failure(description: "no temporary directory for Kafka") }
    folder = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    Reaper.shared.removeAtEnd(folder: folder)
    let ports = FreePorts.take(2)
    bootstrap = "127.0.0.1:\(ports[0])"
    try Self.properties(folder, port: ports[0], controllerPort: ports[1])
      .write(toFile: "\(folder)/server.properties", atomically: true, encoding: .utf8)
    let format = try Command(
      "\(home)/bin/kafka-storage.sh", ["format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", "\(folder)/server.properties"],
      environment: Self.environment(folder)
    ).wait(within: 60)
    guard format.code == 0 else { throw Command.Failure(description: "cannot format Kafka's storage: \(format)") }
    node = try Self.start(home, folder, bootstrap)
  }

  private static func start(_ home: String, _ folder: String, _ bootstrap: String) throws -> Command {
    let node = try Command(
      "\(home)/bin/kafka-server-start.sh", ["\(folder)/server.properties"], environment: environment(folder))
    // It accepts before it serves.
    let serves = eventually(within: 60) {
      !node.isRunning || String(decoding: node.output, as: UTF8.self).contains("Kafka Server started")
    }
    guard serves, node.isRunning else {
      throw Command.Failure(description: "Kafka does not start: \(try node.wait(within: 0.1))")
    }
    return node
  }

  private static func environment(_ folder: String) -> [String: String?] {
    [
      "KAFKA_HEAP_OPTS": "-Xms256m -Xmx384m", "LOG_DIR": "\(folder)/logs",
      // Starts sooner; the tests' load does not need more.
      "KAFKA_JVM_PERFORMANCE_OPTS": "-server -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.awt.headless=true",
      "KAFKA_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    ]
  }

  private static func properties(_ folder: String, port: Int, controllerPort: Int) -> String {
    """
    process.roles=broker,controller
    node.id=1
    controller.quorum.voters=1@127.0.0.1:\(controllerPort)
    listeners=PLAINTEXT://127.0.0.1:\(port),CONTROLLER://127.0.0.1:\(controllerPort)
    advertised.listeners=PLAINTEXT://127.0.0.1:\(port)
    controller.listener.names=CONTROLLER
    listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
    log.dirs=\(folder)/data
    auto.create.topics.enable=false
    default.replication.factor=1
    offsets.topic.replication.factor=1
    offsets.topic.num.partitions=4
    transaction.state.log.replication.factor=1
    transaction.state.log.min.isr=1
    min.insync.replicas=1
    group.initial.rebalance.delay.ms=0
    group.min.session.timeout.ms=1000
    message.max.bytes=16777216
    replica.fetch.max.bytes=16777216

    """
  }

  /// SIGSTOP: it does not answer any more, and its connections stay open.
  public func pause() { node.send(SIGSTOP) }

  public func unpause() { node.send(SIGCONT) }

  /// SIGKILL.
  public func kill() { node.kill() }

  /// Starts it again on the same port and data.
  public func restart() throws {
    node.kill()
    node = try Self.start(home, folder, bootstrap)
  }
}
