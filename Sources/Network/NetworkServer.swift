import Threads

/// Loops on threads of their own, and what they listen on. Whichever of them accepts a connection gives it
/// to the one that has fewest, where it stays.
public final class NetworkServer: @unchecked Sendable {  // the threads are only touched under `mutex`
  /// Where it listens, in the order of the listeners.
  public let addresses: [SocketAddress]
  /// Of all listeners.
  public let counters: NetworkTotals
  private let workers: [Worker]
  private let mutex = Mutex()

  private final class Worker {
    let loop: NetworkLoop
    var thread: Thread?

    init(loop: NetworkLoop, name: String) {
      self.loop = loop
      thread = Thread(name: name, scheduling: .prompt) { loop.run() }
    }
  }

  /// Starts to accept at once. The server closes the listeners, also where it cannot start. `limits` are those of outgoing connections, and
  /// of listeners without any.
  public convenience init(
    name: String = "net", loops: Int = 1, limits: NetworkLimits = NetworkLimits(), listeners: [Listener]
  ) throws(NetworkError) {
    try self.init(
      name: name, loops: loops, limits: limits, listeners: listeners, accept: NetworkLoop.systemAccept)
  }

  init(
    name: String, loops count: Int, limits: NetworkLimits, listeners: [Listener], accept: @escaping NetworkLoop.Accept
  ) throws(NetworkError) {
    defer { for listener in listeners { listener.release() } }
    addresses = listeners.map(\.address)
    counters = NetworkTotals(parts: listeners.map(\.counters))
    let outputs = OutputBudget(limits.waiting_bytes)
    var loops: [NetworkLoop] = []
    for _ in 0..<max(count, 1) {
      loops.append(try NetworkLoop(listeners: listeners, limits: limits, outputs: outputs, accept: accept))
    }
    for loop in loops { loop.siblings = loops.map { NetworkLoop.Sibling(loop: $0) } }
    workers = loops.enumerated().map { index, loop in Worker(loop: loop, name: "\(name)-\(index)") }
  }

  deinit { stop() }

  /// Stops accepting, answers what has arrived, and ends each connection after its last full reply; a request that is half
  /// here may still be completed. Then waits for the clients' own end, so that no reply is lost to a reset; what is left
  /// after `grace_ms` is closed, and before that what makes no progress (`NetworkLimits.drainStall_ms`). Returns when all
  /// threads have ended; a call during another can only shorten its grace, and returns at once.
  public func drain(grace_ms: Int) {
    for worker in workers { worker.loop.ask(drainWithin: grace_ms) }
    for worker in workers {
      guard let thread = mutex.withLock({ worker.thread.take() }) else { continue }
      thread.join()
    }
  }

  /// Drains without grace.
  public func stop() { drain(grace_ms: 0) }
}
