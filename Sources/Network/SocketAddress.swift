internal import CNet

/// An IPv4 or IPv6 address with a port.
public struct SocketAddress: Sendable, CustomStringConvertible {
  private let storage: sockaddr_storage
  private let length: socklen_t

  /// `host:port`, with an IPv6 host in brackets: `127.0.0.1:8080`, `[::1]:8080`, `localhost:0`. Names are resolved.
  public init(parsing text: String) throws(NetworkError) { self = try Self.all(of: text)[0] }

  /// Every address that `host:port` stands for, one at least, the one to be tried first first.
  static func all(of text: String) throws(NetworkError) -> [SocketAddress] {
    let form = "expected host:port, like 127.0.0.1:8080 or [::1]:8080"
    guard let colon = text.lastIndex(of: ":") else {
      throw NetworkError(.address, "address '\(text)' has no port; \(form)")
    }
    var host = text[..<colon]
    let port = text[text.index(after: colon)...]
    guard port.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), UInt16(port) != nil else {
      throw NetworkError(.address, "address '\(text)' has a port that is not in 0...65535; \(form)")
    }
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      throw NetworkError(.address, "address '\(text)' has an ipv6 host without brackets; \(form)")
    }
    guard !host.isEmpty else {
      throw NetworkError(.address, "address '\(text)' has no host; \(form), or 0.0.0.0:8080 for all interfaces")
    }
    return try resolve(host: String(host), port: String(port), text: text)
  }

  private static func resolve(host: String, port: String, text: String) throws(NetworkError) -> [SocketAddress] {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
    var found: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, port, &hints, &found)
    defer { if let found { freeaddrinfo(found) } }
    var addresses: [SocketAddress] = []
    var next = code == 0 ? found : nil
    while let entry = next {
      if let address = entry.pointee.ai_addr { addresses.append(.init(copying: address, entry.pointee.ai_addrlen)) }
      next = entry.pointee.ai_next
    }
    guard !addresses.isEmpty else {
      throw NetworkError(
        .address, "address '\(text)' cannot be resolved: \(String(cString: gai_strerror(code)).lowercased())")
    }
    return addresses
  }

  private init(copying address: UnsafePointer<sockaddr>, _ length: socklen_t) {
    var storage = sockaddr_storage()
    withUnsafeMutableBytes(of: &storage) {
      $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: min(Int(length), $0.count)))
    }
    self.storage = storage
    self.length = length
  }

  /// The address that the socket is bound to, or nil where it has none.
  init?(boundTo descriptor: Int32) { self.init(descriptor, getsockname) }

  /// The address at the other end of a connection, or nil where it has none any more.
  init?(peerOf descriptor: Int32) { self.init(descriptor, getpeername) }

  private init?(
    _ descriptor: Int32, _ ask: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
  ) {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let code = withUnsafeMutablePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { ask(descriptor, $0, &length) }
    }
    guard code == 0 else { return nil }
    self.storage = storage
    self.length = length
  }

  /// AF_INET or AF_INET6.
  var family: Int32 { Int32(storage.ss_family) }

  func withSocketAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    withUnsafePointer(to: storage) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) } }
  }

  public var port: Int {
    // sin_port and sin6_port lie at the same place.
    withUnsafeBytes(of: storage) { Int(UInt16(bigEndian: $0.load(fromByteOffset: 2, as: UInt16.self))) }
  }

  /// Whether only this machine can reach it: 127.0.0.0/8, ::1, and the former mapped into IPv6.
  public var isLoopback: Bool {
    withUnsafeBytes(of: storage) { bytes in
      guard family == AF_INET6 else { return bytes[4] == 127 }
      let address = bytes[8..<24]
      let prefix = address.prefix(12)
      if prefix.elementsEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]) { return bytes[20] == 127 }
      return prefix.allSatisfy { $0 == 0 } && address.suffix(4).elementsEqual([0, 0, 0, 1])
    }
  }

  /// Whether it stands for all interfaces (0.0.0.0, [::]), so that nobody can connect to it.
  public var isWildcard: Bool {
    withUnsafeBytes(of: storage) { bytes in
      (family == AF_INET6 ? bytes[8..<24] : bytes[4..<8]).allSatisfy { $0 == 0 }
    }
  }

  /// As `init(parsing:)` reads it.
  public var description: String {
    var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    let code = withSocketAddress { getnameinfo($0, $1, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST) }
    let text = code == 0 ? host.withUnsafeBufferPointer { String(cString: $0.baseAddress!) } : "?"
    return family == AF_INET6 ? "[\(text)]:\(port)" : "\(text):\(port)"
  }
}
