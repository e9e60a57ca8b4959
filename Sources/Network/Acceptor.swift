internal import CNet

/// A loop's share of a listener: a descriptor of its own and its connections' factory.
final class Acceptor {
  let descriptor: Int32
  let listener: Listener
  /// Among its loop's, in the order of the listeners: the same on all loops of a server.
  let index: Int
  let limits: NetworkLimits
  private(set) var isPaused = false
  private unowned let loop: NetworkLoop
  /// Made by the first connection, and so on the loop's thread.
  private(set) lazy var factory: ConnectionFactory = {
    let factory = listener.makeFactory()
    factory.started(Dialer(loop: loop))
    return factory
  }()
  private var event: Event?

  init(_ listener: Listener, index: Int, loop: NetworkLoop) throws(NetworkError) {
    self.index = index
    descriptor = try listener.duplicate()
    self.listener = listener
    limits = listener.limits ?? loop.limits
    self.loop = loop
  }

  deinit {
    event = nil
    close(descriptor)
  }

  func start() {
    if event == nil {
      // The loop holds the acceptor as long as it accepts.
      let context = Unmanaged.passUnretained(self).toOpaque()
      event = Event(loop.base, descriptor, EV_READ | EV_PERSIST, context) { _, _, context in
        let acceptor = Unmanaged<Acceptor>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
        acceptor.loop.acceptReady(acceptor)
      }
    }
    isPaused = false
    event?.add()
  }

  func pause() {
    isPaused = true
    event?.delete()
  }
}
