import Bytes
import Network
import Threads

/// What requests to other instances may use, per loop.
public struct HTTPClientLimits: Sendable {
  /// Requests under way, those that wait for a connection included.
  public var exchanges = 256
  /// Connections to one server, idle ones included. Further requests wait for one of them.
  public var connectionsPerServer = 64
  /// A connection without a request is closed after this: sooner than servers do it.
  public var idle_ms = 15_000
  /// A reply's body.
  public var reply_bytes = 32 << 20
  /// Bodies of all replies under way.
  public var total_bytes = 64 << 20

  public init() {}
}

/// How other instances are reached, and what is shown to them.
public struct HTTPClientSecurity: Sendable {
  /// Nil: in clear.
  public var tls: ClientTLS?
  /// The bearer token; nil: none.
  public var token: OwnToken?

  public init(tls: ClientTLS? = nil, token: OwnToken? = nil) {
    self.tls = tls
    self.token = token
  }
}

/// Why a request has no reply.
public enum HTTPClientFailure: Error, Equatable {
  /// As many requests, connections or bytes are under way as may be: none was sent.
  case busy
  /// It does not accept a connection, or ended or broke it.
  case unreachable(String)
  case timedOut
  /// What it sent is no reply of interestd's.
  case malformed(String)
  /// Its reply would have so many bytes.
  case tooLong(Int)
}

/// HTTP/1.1 to other interestd instances, on a loop's thread: requests over kept connections, one at a time on each. Nothing blocks.
public final class HTTPClient {
  /// Called once, on the loop's thread, after `send` has returned.
  public typealias Completion = (Result<HTTPReply, HTTPClientFailure>) -> Void

  let limits: HTTPClientLimits
  private let security: HTTPClientSecurity
  private let dialer: Dialer
  private var servers: [String: Server] = [:]
  /// Failed while they waited for a connection, and not told yet: who caused that may be in the middle of another connection's bytes.
  private var failed: [(HTTPExchange, HTTPClientFailure)] = []
  private var telling: LoopTask?
  private(set) var exchanges = 0
  /// Of `limits.total_bytes`, what replies under way have not taken.
  var free_bytes: Int

  private struct Server {
    /// The last one used is used next, so that those too many come to their idle time.
    var idle: [ClientConnection] = []
    /// The idle ones too.
    var open: [ClientConnection] = []
    /// For a connection, the first first. None while one is idle.
    var waiting: [HTTPExchange] = []
  }

  public init(
    _ dialer: Dialer, limits: HTTPClientLimits = HTTPClientLimits(), security: HTTPClientSecurity = HTTPClientSecurity()
  ) {
    self.dialer = dialer
    self.limits = limits
    self.security = security
    free_bytes = limits.total_bytes
    telling = LoopTask(dialer) { [unowned self] in tellFailed() }  // the task goes with this object
  }

  deinit { for server in servers.values { for connection in server.open { connection.abandon() } } }

  /// Sends a GET, or where there is a body a POST, which the other side must be able to take twice.
  ///
  /// - Parameters:
  ///   - host: `host:port`, as the Host field has it; connections are kept by it.
  ///   - target: Path and query, escaped.
  ///   - fields: More header fields; values without control bytes.
  /// - Returns: To be canceled where the reply is not wanted any more.
  public func send(
    to address: SocketAddress, host: String, target: UnsafeRawBufferPointer, fields: [(StaticString, String)] = [],
    body: UnsafeRawBufferPointer? = nil, within_ms: Int, _ completion: @escaping Completion
  ) throws(HTTPClientFailure) -> HTTPExchange {
    guard exchanges < limits.exchanges, free_bytes > 0 else { throw .busy }
    let exchange = HTTPExchange(address: address, host: host, completion)
    exchange.write(target, fields, body, token: security.token?.secret)
    exchange.deadline_ns = MonotonicClock.now_ns + UInt64(max(within_ms, 0)) * 1_000_000
    if let idle = servers[host]?.idle.popLast() {
      idle.begin(exchange)
    } else if (servers[host]?.open.count ?? 0) < limits.connectionsPerServer {
      try connect(address, host).begin(exchange)
    } else {
      servers[host]?.waiting.append(exchange)
    }
    exchanges += 1
    return exchange
  }

  /// Nothing is heard of the exchange any more. False where it has ended before.
  @discardableResult
  public func cancel(_ exchange: HTTPExchange) -> Bool {
    if let index = servers[exchange.host]?.waiting.firstIndex(where: { $0 === exchange }) {
      servers[exchange.host]?.waiting.remove(at: index)
    } else if let index = failed.firstIndex(where: { $0.0 === exchange }) {
      failed.remove(at: index)
      return true
    } else {
      guard let connection = exchange.connection else { return false }
      connection.close()
    }
    finish(exchange)
    return true
  }

  /// The one place where connections to other instances are made.
  private func connect(_ address: SocketAddress, _ host: String) throws(HTTPClientFailure) -> ClientConnection {
    let handler = ClientConnection(client: self, host: host)
    do throws(NetworkError) {
      handler.connection = try dialer.dial(address, handler, tls: security.tls.map { TLSPeer($0, address: host) })
    } catch { throw .unreachable(error.description) }
    servers[host, default: Server()].open.append(handler)
    return handler
  }

  /// Gives an exchange that waits a connection. One whose time is over is told so: while exchanges wait, none takes longer than its own
  /// time, so that connections come free, and this is called, soon enough.
  private func serveWaiting(_ host: String) {
    while let exchange = servers[host]?.waiting.first {
      let isLate = exchange.deadline_ns <= MonotonicClock.now_ns
      let hasRoom = (servers[host]?.open.count ?? 0) < limits.connectionsPerServer
      guard isLate || hasRoom || servers[host]?.idle.isEmpty == false else { return }
      servers[host]?.waiting.removeFirst()
      if isLate {
        fail(exchange, .timedOut)
      } else if let idle = servers[host]?.idle.popLast() {
        idle.begin(exchange)
      } else {
        do throws(HTTPClientFailure) { try connect(exchange.address, host).begin(exchange) } catch {
          fail(exchange, error)
        }
      }
    }
  }

  private func fail(_ exchange: HTTPExchange, _ failure: HTTPClientFailure) {
    finish(exchange)
    failed.append((exchange, failure))
    telling?.schedule()
  }

  private func tellFailed() {
    while !failed.isEmpty {
      let (exchange, failure) = failed.removeFirst()
      exchange.completion(.failure(failure))
    }
  }

  // MARK: What connections report

  /// A reused connection was ended before a reply began: its server had closed it meanwhile. The exchange is the first to get another, once
  /// `drop` is called.
  func putBack(_ exchange: HTTPExchange) {
    exchange.connection = nil
    servers[exchange.host, default: Server()].waiting.insert(exchange, at: 0)
  }

  /// The connection can be used again.
  func rest(_ connection: ClientConnection) {
    servers[connection.host]?.idle.append(connection)
    serveWaiting(connection.host)
  }

  /// The connection is closed.
  func drop(_ connection: ClientConnection) {
    guard var server = servers[connection.host] else { return }
    server.open.removeAll { $0 === connection }
    server.idle.removeAll { $0 === connection }
    servers[connection.host] = server.open.isEmpty && server.waiting.isEmpty ? nil : server
    serveWaiting(connection.host)
  }

  /// The exchange has ended, whatever became of it.
  func finish(_ exchange: HTTPExchange) {
    exchange.connection = nil
    exchanges -= 1
  }
}

/// A request under way, and who waits for its reply.
public final class HTTPExchange {
  let address: SocketAddress
  let host: String
  let completion: HTTPClient.Completion
  private(set) var request = ByteBuffer(capacity: 512)
  /// While it has one.
  var connection: ClientConnection?
  /// Of `MonotonicClock`.
  var deadline_ns: UInt64 = 0
  var isRetried = false

  init(address: SocketAddress, host: String, _ completion: @escaping HTTPClient.Completion) {
    self.address = address
    self.host = host
    self.completion = completion
  }

  /// The one place where requests to other instances are written.
  func write(
    _ target: UnsafeRawBufferPointer, _ fields: [(StaticString, String)], _ body: UnsafeRawBufferPointer?,
    token: String?
  ) {
    request.append(body == nil ? "GET " : "POST ")
    request.append(target)
    request.append(" HTTP/1.1\r\nHost: ")
    request.append(host)
    if let token {
      request.append("\r\nAuthorization: Bearer ")
      request.append(token)
    }
    for (name, value) in fields {
      request.append("\r\n")
      request.append(name)
      request.append(": ")
      request.append(value)
    }
    if let body {
      request.append("\r\nContent-Length: ")
      request.append(decimal: UInt64(body.count))
    }
    request.append("\r\n\r\n")
    if let body { request.append(body) }
  }
}
