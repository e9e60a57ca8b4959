/// Where a server listens: `127.0.0.1:8080`, `[::1]:8080`, `localhost:0`, `:8080`.
public struct ListenAddress: Equatable, Sendable {
  /// Without the brackets of an IPv6 address; empty: every interface.
  public let host: String
  /// 0: any free port.
  public let port: UInt16

  /// nil where `text` is not `host:port`.
  public init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":") else { return nil }
    let digits = text[text.index(after: colon)...]
    guard digits.utf8.allSatisfy({ (48...57).contains($0) }), let port = UInt16(digits) else { return nil }
    var host = text[..<colon]
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]") && host.count > 2
    if isBracketed { host = host.dropFirst().dropLast() }
    let allowed = host.utf8.allSatisfy { byte in
      switch byte {
      case 48...57, 65...90, 97...122, UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"): true
      case UInt8(ascii: ":"), UInt8(ascii: "%"): isBracketed
      default: false
      }
    }
    guard allowed, host.utf8.count <= 255 else { return nil }
    self.host = String(host)
    self.port = port
  }

  /// Whether only this machine can connect: `localhost`, 127.0.0.0/8 and ::1. Any other name is not trusted to be local.
  public var isLoopback: Bool {
    if host.lowercased() == "localhost" || host == "::1" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }
}
