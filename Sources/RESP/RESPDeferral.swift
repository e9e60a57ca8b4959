protocol RESPDeferralOwner: AnyObject {
  func answer(_ deferral: RESPDeferral, _ fill: (inout RESPReply) -> Void)
}

/// A reply that is owed. Made by `RESPReply.deferReply`; used on the loop's thread only.
///
/// The connection answers no further command before it, so replies keep the order of their commands.
public final class RESPDeferral {
  weak var owner: (any RESPDeferralOwner)?
  /// Called, once, where nobody waits for the reply any more: the client has gone, or was told that it took too long.
  public var onCancel: (() -> Void)?

  init() {}

  /// Sends the reply that `fill` writes. Not within `RESPHandler.respond`. Without effect where it was answered or canceled before.
  public func answer(_ fill: (inout RESPReply) -> Void) {
    onCancel = nil
    owner?.answer(self, fill)
  }

  func cancel() {
    owner = nil
    onCancel.take()?()
  }
}
