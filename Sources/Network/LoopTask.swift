internal import CNet

/// Work that a loop does on its thread when nothing else of it is under way. To be gone before the loop is, as what a factory of
/// connections holds.
public final class LoopTask {
  private let handle: () -> Void
  private var event: Event?

  public init(_ dialer: Dialer, _ handle: @escaping () -> Void) {
    self.handle = handle
    let context = Unmanaged.passUnretained(self).toOpaque()  // the event goes with this object
    event = Event(dialer.loop.base, -1, 0, context) { _, _, context in
      Unmanaged<LoopTask>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue().handle()
    }
  }

  deinit { event = nil }

  /// Once, also where it is asked for several times before. On the loop's thread.
  public func schedule() { event?.activate() }
}
