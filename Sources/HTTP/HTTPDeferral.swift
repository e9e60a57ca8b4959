protocol DeferralOwner: AnyObject {
  func answer(_ deferral: HTTPDeferral, _ fill: (inout HTTPResponse) -> Void)
}

/// A reply that is owed. Made by `HTTPResponse.deferReply`; used on the loop's thread only.
///
/// The connection reads no further request before it is answered, so replies keep the order of their requests.
public final class HTTPDeferral {
  weak var owner: (any DeferralOwner)?
  /// Called, once, where nobody waits for the answer any more: the client has gone, or was told that it took too long.
  public var onCancel: (() -> Void)?

  init() {}

  /// Sends the reply that `fill` writes; the response is empty, with status 200 and type JSON. Not within `respond`. Without effect where it
  /// was answered or canceled before.
  public func answer(_ fill: (inout HTTPResponse) -> Void) {
    onCancel = nil
    owner?.answer(self, fill)
  }

  func cancel() {
    owner = nil
    onCancel.take()?()
  }
}
