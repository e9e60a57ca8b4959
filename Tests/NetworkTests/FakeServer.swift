import Glibc
import Network

/// A server on loopback that a test plays itself, connection by connection. No wait is longer than 20 seconds.
final class FakeServer {
  let address: SocketAddress
  private let descriptor: Int32

  init() throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var patience = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    self.descriptor = descriptor
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
        bind(descriptor, raw, size) == 0 && listen(descriptor, 16) == 0 ? getsockname(descriptor, raw, &size) : -1
      }
    }
    guard code == 0 else { throw Client.Failure(what: "listen: \(String(cString: strerror(errno)))") }
    address = try SocketAddress(parsing: "127.0.0.1:\(UInt16(bigEndian: name.sin_port))")
  }

  deinit { close(descriptor) }

  /// The next connection.
  func accept() throws -> Peer {
    let peer = Glibc.accept(descriptor, nil, nil)
    guard peer >= 0 else { throw Client.Failure(what: "accept: \(String(cString: strerror(errno)))") }
    return Peer(peer)
  }

  final class Peer {
    private let descriptor: Int32

    fileprivate init(_ descriptor: Int32) {
      self.descriptor = descriptor
      var patience = timeval(tv_sec: 20, tv_usec: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
      var one: Int32 = 1
      setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit { close(descriptor) }

    /// A request's header, or what there was of it before the end.
    func request() throws -> String {
      var bytes: [UInt8] = []
      while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
        var byte: UInt8 = 0
        let count = recv(descriptor, &byte, 1, 0)
        guard count >= 0 else { throw Client.Failure(what: "recv: \(String(cString: strerror(errno)))") }
        if count == 0 { break }
        bytes.append(byte)
      }
      return String(decoding: bytes, as: UTF8.self)
    }

    /// Sends pieces of so many bytes, each in a segment of its own where the system lets them be.
    func send(_ text: String, pieces: Int = .max) throws {
      let bytes = Array(text.utf8)
      var at = 0
      while at < bytes.count {
        let size = min(pieces, bytes.count - at)
        let count = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress! + at, size, Int32(MSG_NOSIGNAL)) }
        guard count > 0 else { throw Client.Failure(what: "send: \(String(cString: strerror(errno)))") }
        at += count
      }
    }
  }
}

/// A reply as interestd writes it.
func reply(_ body: String, _ status: String = "200 OK", _ fields: String = "") -> String {
  "HTTP/1.1 \(status)\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)"
}
