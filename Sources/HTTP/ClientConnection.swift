import Bytes
import Network
import Threads

/// One connection of an `HTTPClient`: idle, or with the exchange that it carries.
final class ClientConnection: OutgoingHandler {
  let host: String
  /// Set at once after the making; nil again when it is closed.
  var connection: OutgoingConnection?
  private unowned let client: HTTPClient  // it abandons its connections before it goes
  private var exchange: HTTPExchange?
  private var parser = ReplyParser(of: .instance)
  /// Of the client's bytes, for the reply under way.
  private var taken_bytes = 0
  private var hasServed = false
  private var hasBegun = false

  init(client: HTTPClient, host: String) {
    self.client = client
    self.host = host
  }

  func begin(_ exchange: HTTPExchange) {
    self.exchange = exchange
    exchange.connection = self
    hasBegun = false
    parser.reset()
    let now_ns = MonotonicClock.now_ns
    let left_ns = exchange.deadline_ns - min(exchange.deadline_ns, now_ns)
    connection?.expire(after_ms: Int((left_ns + 999_999) / 1_000_000))
    connection?.send(exchange.request.bytes)
  }

  override func receive(_ bytes: UnsafeRawBufferPointer) {
    guard let exchange else { return close() }  // nothing was asked
    hasBegun = true
    let outcome = parser.take(bytes, limit_bytes: min(client.limits.reply_bytes, client.free_bytes))
    if taken_bytes == 0, let length = parser.length, outcome == .more || outcome == .done {
      taken_bytes = length
      client.free_bytes -= length
    }
    switch outcome {
    case .more: return
    case .done: succeed(exchange)
    case .bad(let problem): fail(exchange, .malformed(problem))
    case .tooLong(let size): fail(exchange, size > client.limits.reply_bytes ? .tooLong(size) : .busy)
    }
  }

  override func ended(_ reason: String) {
    connection = nil
    if let exchange, hasServed, !hasBegun, !exchange.isRetried, MonotonicClock.now_ns < exchange.deadline_ns {
      exchange.isRetried = true
      self.exchange = nil
      client.putBack(exchange)
    }
    client.drop(self)
    if let exchange { fail(exchange, .unreachable(reason)) }
  }

  override func expired() {
    if let exchange { fail(exchange, .timedOut) } else { close() }
  }

  /// Without a word to whoever waits.
  func close() {
    release()
    exchange = nil
    guard let connection = connection.take() else { return }
    connection.close()
    client.drop(self)
  }

  /// The client is going: nothing of it may be touched.
  func abandon() {
    exchange = nil
    connection.take()?.close()
  }

  private func succeed(_ exchange: HTTPExchange) {
    release()
    self.exchange = nil
    hasServed = true
    let reply = parser.reply
    if parser.keepsAlive {
      connection?.expire(after_ms: client.limits.idle_ms)
      client.rest(self)
    } else {
      close()
    }
    client.finish(exchange)
    exchange.completion(.success(reply))
  }

  private func fail(_ exchange: HTTPExchange, _ failure: HTTPClientFailure) {
    close()
    client.finish(exchange)
    exchange.completion(.failure(failure))
  }

  private func release() {
    client.free_bytes += taken_bytes
    taken_bytes = 0
  }
}
