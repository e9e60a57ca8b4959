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
  ///
  /// - Parameter peer: Whose certificate it must have; nil: in clear.
  public func dial(
    _ address: SocketAddress, _ handler: OutgoingHandler, tls peer: TLSPeer? = nil
  ) throws(NetworkError) -> OutgoingConnection {
    let socket = try Socket(connectingTo: address)
    let session = peer.map { TLSSession(connecting: socket, to: $0.host, $0.tls.current) }
    let connection = OutgoingConnection(Channel(socket, session), handler: handler, loop: loop)
    loop.opened(connection)
    return connection
  }
}

/// A connection to another server, from connecting to closing. All of it belongs to its loop's thread. The loop holds it until it is
/// closed.
public final class OutgoingConnection {
  private enum Phase { case connecting, handshaking, open, closed }

  private let channel: Channel
  private unowned let loop: NetworkLoop
  private let handler: OutgoingHandler
  private var phase = Phase.connecting
  private var output = Outbox(kept_bytes: 4096)
  private var isWriting = false
  private var readEvent: Event?
  private var writeEvent: Event?
  private var deadline = Deadline()

  var descriptor: Int32 { channel.socket.descriptor }

  init(_ channel: consuming Channel, handler: OutgoingHandler, loop: NetworkLoop) {
    let descriptor = channel.socket.descriptor
    self.channel = channel
    self.handler = handler
    self.loop = loop
    // Valid as long as the events are: they are gone when the connection is closed, and until then the loop holds it.
    let context = Unmanaged.passUnretained(self).toOpaque()
    readEvent = Event(loop.base, descriptor, EV_READ | EV_PERSIST, context) { _, _, context in
      OutgoingConnection.from(context).readable()
    }
    writeEvent = Event(loop.base, descriptor, EV_WRITE | EV_PERSIST, context) { _, _, context in
      OutgoingConnection.from(context).writable()
    }
    deadline.event = Event(loop.base, -1, 0, context) { _, _, context in OutgoingConnection.from(context).timerFired() }
    expectRoom(true)
  }

  private static func from(_ context: UnsafeMutableRawPointer?) -> OutgoingConnection {
    Unmanaged<OutgoingConnection>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
  }

  /// Sends, or keeps what cannot be sent yet; the caller bounds how much that is.
  public func send(_ bytes: UnsafeRawBufferPointer) {
    guard phase != .closed else { return }
    if phase != .open { return output.add(bytes) }
    // What fails here fails again when the event looks, where the handler may be told.
    expectRoom(output.send(bytes, through: channel) != .sent)
  }

  /// From now on; an earlier time is forgotten.
  public func expire(after_ms: Int) {
    deadline.clear()
    deadline.begin(.request, max(after_ms, 0), now_ns: loop.now_ns)
  }

  /// The handler hears nothing more.
  public func close() {
    guard phase != .closed else { return }
    if phase == .open, channel.isSecure { _ = channel.finish() }
    phase = .closed
    readEvent = nil
    writeEvent = nil
    deadline.event = nil
    channel.socket.close()
    loop.closed(self)
  }

  private func end(_ reason: String) {
    close()
    handler.ended(reason)
  }

  private func readable() {
    if phase == .handshaking { return handshake() }
    repeat {
      // The handler may let other connections use the same memory: nothing is done with the bytes after it returns.
      switch channel.receive(loop.readMemory, loop.limits.input_bytes) {
      case .bytes(let count): handler.receive(UnsafeRawBufferPointer(start: loop.readMemory, count: count))
      case .wouldBlock: return
      case .end: return end("it ended the connection")
      case .failed: return end(channel.failure)
      }
    } while phase == .open && channel.hasBuffered
  }

  private func writable() {
    switch phase {
    case .connecting:
      let error = channel.socket.pendingError
      if error != 0 { return end(String(cString: strerror(error)).lowercased()) }
      readEvent?.add()
      if channel.isSecure {
        phase = .handshaking
        return handshake()
      }
      phase = .open
    case .handshaking: return handshake()
    case .open, .closed: break
    }
    flush()
  }

  private func handshake() {
    switch channel.handshake() {
    case .done:
      phase = .open
      flush()
      if phase == .open && channel.hasBuffered { readable() }
    case .wantsBytes: expectRoom(false)
    case .wantsRoom: expectRoom(true)
    case .failed(let reason): end("tls: \(reason)")
    }
  }

  private func flush() {
    switch output.flush(through: channel) {
    case .sent: expectRoom(false)
    case .blocked: expectRoom(true)
    case .broken: end(channel.failure)
    }
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
