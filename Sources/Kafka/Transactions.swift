internal import CRdKafka
import Threads

/// Transactions under one `transactional.id`, each tried until it is committed: aborted and begun again where an error asks for that,
/// with a new producer where the old one is of no use any more. A later holder of the id fences this one.
///
/// Owned by one thread.
public final class Transactions {
  private let configuration: KafkaConfiguration
  private let diagnostics: KafkaDiagnostics
  private let id: String
  private var producer: Producer?

  /// Tries of one transaction, and of one call within it, and the pause between them.
  private static var tries: Int { 8 }
  private static var pause_ns: UInt64 { 500_000_000 }
  private static var begin_ms: Int32 { 30_000 }

  /// - Parameter id: Of `transactional.id`: the same for all that must not run at once.
  public init(
    _ configuration: KafkaConfiguration, id: String, diagnostics: KafkaDiagnostics = .silent
  ) throws(KafkaError) {
    var configuration = configuration
    configuration.set("transactional.id", id)
    configuration.set("enable.idempotence", "true")
    configuration.set("max.in.flight.requests.per.connection", "1")  // more would lose some (`Producer.defaults`)
    self.configuration = configuration
    self.diagnostics = diagnostics
    self.id = id
    _ = try ready()
  }

  deinit { producer?.abandon() }

  /// Runs `body`, which sends records and offsets, in a transaction, again after each failure that another try may mend. Before the
  /// commit everything that was sent has been delivered.
  ///
  /// - Parameters:
  ///   - body: Whether to commit; false aborts.
  ///   - isCommitted: Asked where it is not known what became of a commit, after it has been settled.
  /// - Returns: whether it was committed.
  public func run(
    isCommitted: () throws(KafkaError) -> Bool, _ body: (Producer) throws(KafkaError) -> Bool
  ) throws(KafkaError) -> Bool {
    for attempt in 1... {
      let producer = try ready()
      var isCommitting = false
      do throws(KafkaError) {
        try producer.beginTransaction()
        guard try body(producer) else {
          try settle(producer)
          return false
        }
        isCommitting = true
        try Self.retrying { () throws(KafkaError) in try producer.commitTransaction() }
        return true
      } catch {
        if error.isFenced { throw fenced(error) }
        try recover(producer, from: error)
        if isCommitting && self.producer == nil {
          _ = try ready()
          if try isCommitted() { return true }
        }
        let mayPass = error.requiresAbort || error.isRetryable || error.isFatal || error.isPurged
        if !mayPass || error.isNotAuthorized || attempt == Self.tries { throw error }
        Self.wait()
      }
    }
    return false
  }

  /// A producer without a transaction.
  private func ready() throws(KafkaError) -> Producer {
    if let producer { return producer }
    let new = try Producer(configuration, diagnostics: diagnostics)
    do throws(KafkaError) {
      try Self.retrying { () throws(KafkaError) in try new.initializeTransactions(timeout_ms: Self.begin_ms) }
    } catch {
      new.abandon()
      if error.isFenced { throw fenced(error) }
      throw error
    }
    producer = new
    return new
  }

  /// After an error: the transaction is over, or the producer is.
  private func recover(_ producer: Producer, from error: KafkaError) throws(KafkaError) {
    if !error.isFatal && producer.fatalError == nil {
      do throws(KafkaError) { return try settle(producer) } catch { if error.isFenced { throw fenced(error) } }
    }
    if let fatal = producer.fatalError, fatal.isFenced { throw fenced(fatal) }
    producer.abandon()
    self.producer = nil
  }

  private func settle(_ producer: Producer) throws(KafkaError) {
    try Self.retrying { () throws(KafkaError) in try producer.abortTransaction() }
  }

  private func fenced(_ error: KafkaError) -> KafkaError {
    KafkaError(
      rd_kafka_resp_err_t(rawValue: error.code), error.operation, message: error.message,
      hint: "another process with the transactional.id \(id) has taken over: one runs at a time", isRetryable: false,
      isFatal: true)
  }

  /// Commits, aborts and the beginning go on in the background after such an error, and the same call takes them up again.
  private static func retrying(_ call: () throws(KafkaError) -> Void) throws(KafkaError) {
    for attempt in 1... {
      do throws(KafkaError) { return try call() } catch {
        if error.requiresAbort || error.isFatal || !error.isRetryable || attempt == tries { throw error }
      }
      wait()
    }
  }

  private static func wait() {
    let pause = Mutex()
    pause.withLock { _ = pause.wait(until: MonotonicClock.now_ns + pause_ns) }
  }
}
