import Network

/// What answers requests. One object per network loop, called on its thread only, so that it may keep memory to reuse.
public protocol HTTPHandler: AnyObject {
  /// Answers `request`. `response` is empty, with status 200 and type JSON. What the request's properties point to is good
  /// until this returns. Other connections of the loop wait meanwhile: what takes longer is deferred (`HTTPResponse.deferReply`).
  func respond(to request: borrowing HTTPRequest, into response: inout HTTPResponse)

  /// What a request needs, by its path and method; its body has not come yet. Who does not have it is refused before `respond`.
  func right(for request: borrowing HTTPRequest) -> Rights

  /// Called once, before the first request: `dialer` opens connections on the handler's loop.
  func started(_ dialer: Dialer)

  /// A reply goes out: one of `respond`'s, or one to a request that was refused before.
  func answered(_ status: HTTPStatus)
}

extension HTTPHandler {
  public func right(for request: borrowing HTTPRequest) -> Rights { [] }
  public func started(_ dialer: Dialer) {}
  public func answered(_ status: HTTPStatus) {}
}
