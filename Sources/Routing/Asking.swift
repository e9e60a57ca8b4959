import Kafka
import Network
import Telemetry
import Threads

/// Questions about a group and its topic, and what has failed of them. The topology's thread owns it.
struct Asking {
  private let settings: Topology.Settings
  private let log: Log
  private var admin: Admin?
  private var groupFailed = false
  private var topicFailed = false
  private var addresses: [String: Resolved] = [:]

  private struct Resolved {
    let socket: SocketAddress?
    let at_ns: UInt64
  }

  /// Names are resolved again after this: instances move.
  private static var resolved_ns: UInt64 { 30_000_000_000 }
  /// Addresses of instances that are gone are forgotten beyond this.
  private static var addressLimit: Int { 1024 }

  init(_ settings: Topology.Settings, _ log: Log) {
    self.settings = settings
    self.log = log
  }

  /// Nil where it cannot be told now.
  mutating func group() -> GroupDescription? {
    let outcome = attempt { (admin, settings) throws(KafkaError) in
      try admin.describeGroup(settings.group, topic: settings.topic, timeout_ms: settings.request_ms)
    }
    note(outcome, "the owners of partitions", &groupFailed)
    return try? outcome.get()
  }

  mutating func partitionCount() -> Int? {
    let outcome = attempt { (admin, settings) throws(KafkaError) in
      try admin.partitionCount(of: settings.topic, timeout_ms: settings.request_ms)
    }
    note(outcome, "the number of partitions", &topicFailed)
    return (try? outcome.get()).map(Int.init)
  }

  private mutating func attempt<Answer>(
    _ ask: (Admin, Topology.Settings) throws(KafkaError) -> Answer
  ) -> Result<Answer, KafkaError> {
    do throws(KafkaError) {
      // Silent: the consumer tells of brokers that are gone.
      let admin: Admin
      if let made = self.admin { admin = made } else { admin = try Admin(settings.configuration) }
      self.admin = admin
      return .success(try ask(admin, settings))
    } catch { return .failure(error) }
  }

  private func note<Answer>(_ outcome: Result<Answer, KafkaError>, _ what: String, _ hasFailed: inout Bool) {
    switch outcome {
    case .success:
      if hasFailed { log.info("\(what) can be asked for again", ["group": settings.group]) }
      hasFailed = false
    case .failure(let error):
      if !hasFailed { log.warn("\(what) cannot be asked for", ["error": error.description]) }
      hasFailed = true
    }
  }

  /// May wait for the system's resolver.
  mutating func resolve(_ address: String) -> SocketAddress? {
    let now_ns = MonotonicClock.now_ns
    let known = addresses[address]
    if let known, now_ns - known.at_ns < Self.resolved_ns { return known.socket }
    if addresses.count >= Self.addressLimit { addresses = [:] }
    var socket: SocketAddress?
    do throws(NetworkError) {
      socket = try SocketAddress(parsing: address)
    } catch {
      if known == nil || known?.socket != nil {
        log.warn("an instance's address is of no use", ["address": address, "error": error.description])
      }
    }
    addresses[address] = Resolved(socket: socket, at_ns: now_ns)
    return socket
  }

  /// Destroying the handle could wait for brokers that are gone.
  func end() { admin?.abandon() }
}
