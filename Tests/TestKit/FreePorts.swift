import Glibc

/// TCP ports of loopback that nobody listens on at the moment, for processes that cannot choose one themselves.
public enum FreePorts {
  public static func take(_ count: Int) -> [Int] {
    // All are held until the last is known, so that they differ.
    let sockets = (0..<count).map { _ in socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
    defer { for descriptor in sockets { close(descriptor) } }
    return sockets.map { descriptor in
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      return withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
          precondition(bind(descriptor, raw, size) == 0 && getsockname(descriptor, raw, &size) == 0)
        }
        return Int(UInt16(bigEndian: pointer.pointee.sin_port))
      }
    }
  }
}
