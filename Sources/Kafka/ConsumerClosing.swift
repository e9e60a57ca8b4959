internal import CRdKafka
import Threads

extension Consumer {
  /// Gives the assignment up and leaves the group, within `timeout_ms` whatever the brokers do. `event` gets a last `revoked` or
  /// `lost`, after which the partitions are given up here where it does not do so itself. Records that have not been polled are
  /// dropped; what is to be committed must have been. Afterwards only `abandon` and the last release make sense.
  /// - Returns: false where the time was not enough: the group will notice by itself after `session.timeout.ms`.
  public func close(timeout_ms: Int, event: (ConsumerEvent) -> Void = { _ in }) -> Bool {
    if isClosing { return rd_kafka_consumer_closed(client.handle) != 0 }
    isClosing = true
    let deadline_ns = MonotonicClock.now_ns + UInt64(max(timeout_ms, 0)) * 1_000_000
    giveUpUnanswered()
    // Not the consumer's own queue, which librdkafka would forward to itself.
    guard let queue = rd_kafka_queue_new(client.handle) else { return false }
    defer { rd_kafka_queue_destroy(queue) }
    if let error = rd_kafka_consumer_close_queue(client.handle, queue) {
      let error = KafkaError(consuming: error, "close the consumer of topic '\(topic)'")
      event(.failed(error))
      if !error.isFatal { return false }
    }
    while rd_kafka_consumer_closed(client.handle) == 0 {
      let now_ns = MonotonicClock.now_ns
      if now_ns >= deadline_ns { return false }
      let wait_ms = Int32(min((deadline_ns - now_ns) / 1_000_000, 10))
      _ = take(from: queue, timeout_ms: wait_ms, { _ in }, event: { _ in })
      takeRebalances(event)
      giveUpUnanswered()
    }
    takeCommits(event)
    return true
  }

  /// A rebalance without an answer would hold the closing up.
  private func giveUpUnanswered() {
    guard let rebalance = unanswered else { return }
    unanswered = nil
    // Where these fail the assignment is not ours any more, which is what closing wants.
    switch rebalance {
    case .revoked(let partitions), .lost(let partitions): try? unassign(partitions)
    default: try? assign([])
    }
  }
}
