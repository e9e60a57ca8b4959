import Bytes
internal import CNet
import Glibc

/// What drives a connection that a loop opens to another server: a state machine over bytes, without I/O. On the loop's thread.
open class OutgoingHandler {
  public init() {}

  /// Bytes have arrived, good until this returns. The connection may be closed here.
  open func receive(_ bytes: UnsafeRawBufferPointer) {}

  /// The connection was refused, broken or ended by its peer; nothing follows. Not called after `close`.
  open func ended(_ reason: String) {}

  /// The time that `OutgoingConnection.expire(after_ms:)` gave is over. The connection stays as it is.
  open func expired() {}
}

/// Opens connections on a loop's thread, from which it must not be taken away.
public struct Dialer {
  unowned let loop: NetworkLoop  // the loop outlives its factories, which alone are given a dialer

  /// Begins to connect; whether it succeeds shows later. Does not block.
  public func dial(_ address: SocketAddress, _ handler: OutgoingHandler) throws(NetworkError) -> OutgoingConnection {
    let connection = OutgoingConnection(socket: try Socket(connectingTo: address), handler: handler, loop: loop)
    loop.opened(connection)
    return connection
  }
}

/// A connection to another server, from connecting to closing. All of it belongs to its loop's thread. The loop holds it until it is
/// closed.
public final class OutgoingConnection {
  private enum Phase { case connecting, open, closed }

  let socket: Socket
  private unowned let loop: NetworkLoop
  private let handler: OutgoingHandler
  private var phase = Phase.connecting
  /// To be sent, from `sent` on.
  private var output = ByteBuffer(capacity: 512)
  private var sent = 0
  private var isWriting = false
  private var readEvent: Event?
  private var writeEvent: Event?
  private var deadline = Deadline()

  init(socket: Socket, handler: OutgoingHandler, loop: NetworkLoop) {
    self.socket = socket
    self.handler = handler
    self.loop = loop
    // Valid as long as the events are: they are gone when the connection is closed, and until then the loop holds it.
    let context = Unmanaged.passUnretained(self).toOpaque()
    readEvent = Event(loop.base, socket.descriptor, EV_READ | EV_PERSIST, context) { _, _, context in
      OutgoingConnection.from(context).readable()
    }
    writeEvent = Event(loop.base, socket.descriptor, EV_WRITE | EV_PERSIST, context) { _, _, context in
      OutgoingConnection.from(context).writable()
    }
    deadline.event = Event(loop.base, -1, 0, context) { _, _, context in OutgoingConnection.from(context).timerFired() }
    expectRoom(true)
  }

  private static func from(_ context: UnsafeMutableRawPointer?) -> OutgoingConnection {
    Unmanaged<OutgoingConnection>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
  }

  /// Sends, or keeps what the socket does not take yet; the caller bounds how much that is.
  public func send(_ bytes: UnsafeRawBufferPointer) {
    guard phase != .closed else { return }
    output.append(bytes)
    // What fails here fails again when the event looks, where the handler may be told.
    if phase == .open { _ = sendOutput() }
  }

  /// From now on; an earlier time is forgotten.
  public func expire(after_ms: Int) {
    deadline.clear()
    deadline.begin(.request, max(after_ms, 0), now_ns: loop.now_ns)
  }

  /// The handler hears nothing more.
  public func close() {
    guard phase != .closed else { return }
    phase = .closed
    readEvent = nil
    writeEvent = nil
    deadline.event = nil
    socket.close()
    loop.closed(self)
  }

  private func end(_ reason: String) {
    close()
    handler.ended(reason)
  }

  private func readable() {
    // The handler may let other connections use the same memory: nothing is done with the bytes after it returns.
    switch socket.receive(loop.readMemory, loop.limits.input_bytes) {
    case .bytes(let count): handler.receive(UnsafeRawBufferPointer(start: loop.readMemory, count: count))
    case .wouldBlock: return
    case .end: end("it ended the connection")
    case .failed: end(String(cString: strerror(errno)).lowercased())
    }
  }

  private func writable() {
    if phase == .connecting {
      let error = socket.pendingError
      if error != 0 { return end(String(cString: strerror(error)).lowercased()) }
      phase = .open
      readEvent?.add()
    }
    if let failure = sendOutput() { end(failure) }
  }

  /// Sends what the socket takes, and waits for room for the rest. Returns why nothing more can be sent.
  private func sendOutput() -> String? {
    while sent < output.count {
      switch socket.send(UnsafeRawBufferPointer(rebasing: output.bytes[sent...])) {
      case .bytes(let count): sent += count
      case .wouldBlock:
        expectRoom(true)
        return nil
      case .end, .failed:
        expectRoom(true)
        return String(cString: strerror(errno)).lowercased()
      }
    }
    output.clear()
    sent = 0
    expectRoom(false)
    return nil
  }

  private func timerFired() {
    if deadline.fired(now_ns: loop.now_ns) != nil {
      deadline.clear()
      handler.expired()
    }
  }

  private func expectRoom(_ wanted: Bool) {
    if wanted == isWriting { return }
    isWriting = wanted
    if wanted { writeEvent?.add() } else { writeEvent?.delete() }
  }
}

extension Socket {
  /// A socket that is being connected: it can be written to when that is done or has failed, which `pendingError` tells.
  fileprivate init(connectingTo address: SocketAddress) throws(NetworkError) {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(address.family, type, 0)
    guard descriptor >= 0 else { throw .system("opening a socket to \(address)", errno) }
    let code = address.withSocketAddress { connect(descriptor, $0, $1) }
    guard code == 0 || errno == EINPROGRESS else {
      let number = errno
      _ = CNet.close(descriptor)
      throw .system("connecting to \(address)", number)
    }
    self.init(descriptor: descriptor)
  }

  /// The error of a connection attempt, or 0; asking clears it (SO_ERROR, socket(7)).
  fileprivate var pendingError: Int32 {
    var error: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno
  }
}
