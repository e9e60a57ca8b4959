internal import CRdKafka
import Threads

/// Keeps brokers sending while the queue of fetched records is bounded.
///
/// librdkafka stops fetching while the queue is over its bounds (`queued.min.messages`, `queued.max.messages.kbytes`), and 2.0.2 looks
/// again only when a thread of its own has something else to do, or after a second: a consumer that takes two million records a second has
/// emptied the queue long before. From 2.2 on a property says how often it looks; before that the threads are woken from outside.
struct FetchWaking {
  private let lowLength: Int
  private let user: String
  private let password: String
  private var last_ns: UInt64 = 0

  /// At most so often.
  private static var interval_ns: UInt64 { 4_000_000 }
  /// Where librdkafka knows it.
  static var backoff: (name: String, value: String) { ("fetch.queue.backoff.ms", "5") }

  init(_ handle: OpaquePointer) {
    let configuration = rd_kafka_conf(handle)
    func value(_ name: String) -> String? {
      var size = 0
      guard rd_kafka_conf_get(configuration, name, nil, &size) == RD_KAFKA_CONF_OK else { return nil }
      return withUnsafeTemporaryAllocation(of: CChar.self, capacity: max(size, 1)) { text in
        let base = text.baseAddress.unsafelyUnwrapped  // one byte at least is never null
        return rd_kafka_conf_get(configuration, name, base, &size) == RD_KAFKA_CONF_OK ? String(cString: base) : nil
      }
    }
    lowLength = value(Self.backoff.name) == nil ? (value("queued.min.messages").flatMap { Int($0) } ?? 0) / 2 : 0
    user = value("sasl.username") ?? ""
    password = value("sasl.password") ?? ""
  }

  /// After records were taken: wakes the threads that may wait for room in `queue`.
  mutating func wake(_ handle: OpaquePointer, _ queue: OpaquePointer) {
    guard lowLength > 0, rd_kafka_queue_length(queue) < lowLength else { return }
    let now_ns = MonotonicClock.now_ns
    if now_ns - last_ns < Self.interval_ns { return }
    last_ns = now_ns
    // Setting the credentials that it has changes nothing, costs no request, and is the one public call that wakes all of a consumer's
    // broker threads (rdkafka_sasl.c).
    if let error = rd_kafka_sasl_set_credentials(handle, user, password) { rd_kafka_error_destroy(error) }
  }
}
