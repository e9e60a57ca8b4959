import Network

/// HTTP/1.1 on a network loop: what its connections share. To be made by a `Listener`, once per loop.
public final class HTTPServer<Handler: HTTPHandler>: ConnectionFactory {
  let handler: Handler
  let limits: HTTPLimits
  var request = HTTPRequest()
  var response = HTTPResponse()

  public init(handler: Handler, limits: HTTPLimits = HTTPLimits()) {
    self.handler = handler
    self.limits = limits
  }

  public override func started(_ dialer: Dialer) { handler.started(dialer) }

  public override func makeConnection() -> ConnectionHandler { HTTPConnection(server: self) }
}
