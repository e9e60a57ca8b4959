import Glibc

/// What a system call of a test has failed with.
public struct SystemFailure: Error {
  public let number: Int32

  public init(number: Int32) { self.number = number }
}

/// A socket that is connected to a port of this machine, and waits for bytes, or for room, no longer than 20 seconds. The caller closes it.
public func connectToLoopback(port: Int) throws -> Int32 {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  var patience = timeval(tv_sec: 20, tv_usec: 0)
  for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
    setsockopt(descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
  }
  var name = sockaddr_in()
  name.sin_family = sa_family_t(AF_INET)
  name.sin_port = in_port_t(UInt16(port).bigEndian)
  name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  let code = withUnsafePointer(to: &name) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
  guard code == 0 else {
    defer { close(descriptor) }
    throw SystemFailure(number: errno)
  }
  return descriptor
}
