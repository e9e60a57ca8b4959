internal import CNet

/// One of libevent's events. Its base must outlive it.
struct Event: ~Copyable {
  private let handle: OpaquePointer

  /// `context` is passed to `callback` as it is: whoever made the event keeps it alive until the event is gone.
  init(
    _ base: OpaquePointer, _ descriptor: Int32, _ kinds: Int32, _ context: UnsafeMutableRawPointer,
    _ callback: @convention(c) (Int32, Int16, UnsafeMutableRawPointer?) -> Void
  ) {
    guard let handle = event_new(base, descriptor, Int16(kinds), callback, context) else {
      preconditionFailure("out of memory for an event")
    }
    self.handle = handle
  }

  /// Also stops waiting, so that no callback comes any more.
  deinit { event_free(handle) }

  borrowing func add() { event_add(handle, nil) }

  borrowing func add(after_ns: UInt64) {
    // Rounded up, so that the clock has passed the moment when the callback looks.
    let after_us = after_ns / 1_000 + 1
    var time = timeval(tv_sec: Int(after_us / 1_000_000), tv_usec: Int(after_us % 1_000_000))
    event_add(handle, &time)
  }

  /// The callback comes in this round of the loop, as if the descriptor had become readable.
  borrowing func activate() { event_active(handle, Int32(EV_READ), 1) }

  borrowing func delete() { event_del(handle) }
}
