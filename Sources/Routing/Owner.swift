public import Network

/// The group's member that has a partition.
public struct Owner: Sendable {
  /// As the member gave it. An instance's is the address by which it is reached (DESIGN.md section 10).
  public let clientID: String
  /// `host:port`; nil where the member is no instance: another client that joined the group.
  public let address: String?
  /// Where `address` leads to; nil where it could not be resolved.
  public let socket: SocketAddress?

  /// `socket` is what `clientID` was resolved to.
  public init(clientID: String, socket: SocketAddress?) {
    self.clientID = clientID
    address = Self.isAddress(clientID) ? clientID : nil
    self.socket = address == nil ? nil : socket
  }

  /// Whether a client id is an instance's address: `host:port`, with a name, an IPv4 address or an IPv6 address in brackets, and a port.
  public static func isAddress(_ text: String) -> Bool {
    guard text.utf8.count <= 300, let colon = text.lastIndex(of: ":") else { return false }
    let digits = text[text.index(after: colon)...].utf8
    guard digits.allSatisfy({ (48...57).contains($0) }), let port = UInt16(String(digits) ?? ""), port > 0 else {
      return false
    }
    var host = text[..<colon]
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
    if isBracketed { host = host.dropFirst().dropLast() }
    return !host.isEmpty && host.utf8.allSatisfy { isHostByte($0) || $0 == UInt8(ascii: ":") && isBracketed }
  }

  private static func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 48...57, 65...90, 97...122, UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"): true
    default: false
    }
  }
}
