internal import CNet
import Glibc

/// Tells a loop that there is something for it. From any thread, also when the loop has ended.
public final class LoopSignal: Sendable {
  fileprivate let descriptor: Int32

  fileprivate init() throws(NetworkError) {
    descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    guard descriptor >= 0 else { throw .system("making a loop's signal", errno) }
  }

  deinit { close(descriptor) }

  /// Several may be taken for one.
  public func send() { eventfd_write(descriptor, 1) }
}

/// Where a loop takes signals, on its thread: it must be gone before the loop is, as what a factory of connections holds.
public final class LoopSignalReceiver {
  public let signal: LoopSignal
  private let handle: () -> Void
  private var event: Event?

  /// - Parameter handle: Called on the loop's thread, some time after each signal.
  public init(_ dialer: Dialer, _ handle: @escaping () -> Void) throws(NetworkError) {
    signal = try LoopSignal()
    self.handle = handle
    let context = Unmanaged.passUnretained(self).toOpaque()  // the event goes with this object
    event = Event(dialer.loop.base, signal.descriptor, EV_READ | EV_PERSIST, context) { _, _, context in
      Unmanaged<LoopSignalReceiver>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue().received()
    }
    event?.add()
  }

  deinit { event = nil }

  private func received() {
    var count: UInt64 = 0
    eventfd_read(signal.descriptor, &count)
    handle()
  }
}
