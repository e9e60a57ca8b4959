import Glibc
import Network
import Testing

/// A blocking TCP client on loopback. Nothing waits for ever: a read that takes 20 seconds is a failure.
final class Client {
  struct Failure: Error { let what: String }

  private let descriptor: Int32

  /// - Parameter receiveBuffer_bytes: a small one makes a peer that does not read felt early.
  init(_ address: SocketAddress, receiveBuffer_bytes: Int32? = nil) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var patience = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    if var size = receiveBuffer_bytes {
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = in_port_t(UInt16(address.port).bigEndian)
    name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let code = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard code == 0 else { throw Failure(what: "connect: \(String(cString: strerror(errno)))") }
  }

  deinit { close(descriptor) }

  func send(_ text: String) throws {
    var text = text
    try text.withUTF8 { bytes in
      var at = 0
      while at < bytes.count {
        let count = Glibc.send(descriptor, bytes.baseAddress! + at, bytes.count - at, Int32(MSG_NOSIGNAL))
        guard count > 0 else { throw Failure(what: "send: \(String(cString: strerror(errno)))") }
        at += count
      }
    }
  }

  /// Sends as much as goes out without waiting; returns how many bytes did.
  func sendWhatFits(_ bytes: [UInt8]) -> Int {
    max(0, Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT)))
  }

  /// Ends by a reset, in place of what was to be read.
  func reset() {
    var lingering = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &lingering, socklen_t(MemoryLayout<linger>.size))
    // The descriptor stays until `deinit`; connecting it to nothing is what resets it (connect(2)).
    var nothing = sockaddr()
    nothing.sa_family = sa_family_t(AF_UNSPEC)
    _ = connect(descriptor, &nothing, socklen_t(MemoryLayout<sockaddr>.size))
  }

  func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// The next bytes, at most `limit`; empty at the end. A reset is a failure.
  func read(_ limit: Int = 65_536) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: limit)
    let count = recv(descriptor, &bytes, limit, 0)
    guard count >= 0 else { throw Failure(what: "recv: \(String(cString: strerror(errno)))") }
    return Array(bytes[..<count])
  }

  /// Exactly as many bytes as `text` has, or those before the end.
  func read(asLongAs text: String) throws -> String {
    var bytes: [UInt8] = []
    while bytes.count < text.utf8.count {
      let more = try read(text.utf8.count - bytes.count)
      if more.isEmpty { break }
      bytes += more
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  func readToEnd() throws -> String {
    var bytes: [UInt8] = []
    while true {
      let more = try read()
      if more.isEmpty { return String(decoding: bytes, as: UTF8.self) }
      bytes += more
    }
  }

  /// Whether the server has broken the connection or ended it; waits for either, and drops what comes before.
  func readToBreak() -> Bool {
    while true {
      guard let more = try? read() else { return errno == ECONNRESET }
      if more.isEmpty { return true }
    }
  }
}
