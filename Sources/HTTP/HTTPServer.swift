import Network

/// HTTP/1.1 on a network loop: what its connections share. To be made by a `Listener`, once per loop.
public final class HTTPServer<Handler: HTTPHandler>: ConnectionFactory {
  let handler: Handler
  let limits: HTTPLimits
  let authorizer: Authorizer
  let compressor = GzipCompressor()
  /// Of request bodies that are not complete, on all connections.
  var bodies_bytes = 0
  var request = HTTPRequest()
  var response = HTTPResponse()

  /// - Parameter authorizer: Who may do what needs rights, as `HTTPHandler.right` tells.
  public init(handler: Handler, limits: HTTPLimits = HTTPLimits(), authorizer: Authorizer = .open) {
    self.handler = handler
    self.limits = limits
    self.authorizer = authorizer
  }

  public override func started(_ dialer: Dialer) { handler.started(dialer) }

  public override func makeConnection() -> ConnectionHandler { HTTPConnection(server: self) }
}
