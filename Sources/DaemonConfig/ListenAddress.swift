internal import Glibc

/// Where a server listens: `127.0.0.1:8080`, `[::1]:8080`, `localhost:0`. Only its form is known here: names are resolved where the
/// socket is opened.
struct ListenAddress {
  /// Without the brackets of an IPv6 address.
  let host: String
  /// 0: any free port.
  let port: UInt16

  /// nil where `text` is not `host:port`.
  init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":") else { return nil }
    let digits = text[text.index(after: colon)...]
    guard digits.utf8.allSatisfy({ (48...57).contains($0) }), let port = UInt16(digits) else { return nil }
    var host = text[..<colon]
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
    if isBracketed { host = host.dropFirst().dropLast() }
    let allowed = host.utf8.allSatisfy { byte in
      byte == UInt8(ascii: ":") || byte == UInt8(ascii: "%") ? isBracketed : KafkaProperties.isNameByte(byte)
    }
    guard allowed, (1...255).contains(host.utf8.count) else { return nil }
    self.host = String(host)
    self.port = port
  }

  /// Whether it stands for all interfaces.
  var isWildcard: Bool { ["0.0.0.0", "::"].contains(host) }

  /// Whether only this machine can connect (127.0.0.0/8 and ::1); nil for a name.
  var isLoopback: Bool? {
    var v4 = in_addr()
    if inet_pton(AF_INET, host, &v4) == 1 { return UInt32(bigEndian: v4.s_addr) >> 24 == 127 }
    var v6 = in6_addr()
    guard inet_pton(AF_INET6, host, &v6) == 1 else { return nil }
    return withUnsafeBytes(of: v6) { bytes in
      let loopback = [UInt8](repeating: 0, count: 15) + [1]
      let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF, 127]
      return bytes.elementsEqual(loopback) || bytes.starts(with: mapped)
    }
  }
}
