/// Where librdkafka's log lines and errors go. Both closures are called from threads of librdkafka as well as from those that
/// poll, so they must not block nor call back into Kafka.
public final class KafkaDiagnostics: Sendable {
  /// A log line: syslog's level (0 emergency ... 7 debug), librdkafka's facility (`FAIL`, `REQTMOUT`), the text.
  public typealias Log = @Sendable (_ level: Int32, _ facility: String, _ message: String) -> Void

  let log: Log
  let error: @Sendable (KafkaError) -> Void

  /// `error` gets what concerns the handle as a whole (all brokers down, authentication failed, a fatal error); librdkafka goes
  /// on trying by itself after all but the fatal ones.
  public init(log: @escaping Log, error: @escaping @Sendable (KafkaError) -> Void = { _ in }) {
    self.log = log
    self.error = error
  }

  public static let silent = KafkaDiagnostics(log: { _, _, _ in })
}
