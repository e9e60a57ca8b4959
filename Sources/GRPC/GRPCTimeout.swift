/// `grpc-timeout` (grpc/doc/PROTOCOL-HTTP2.md): one to eight digits and a unit.
enum GRPCTimeout {
  /// Longer ones are the same as none.
  private static let longest_ns: UInt64 = 365 * 86_400 * 1_000_000_000

  /// Nanoseconds; nil where it is malformed.
  static func parse(_ value: UnsafeRawBufferPointer) -> UInt64? {
    guard value.count >= 2, value.count <= 9, let unit = value.last else { return nil }
    var count: UInt64 = 0
    for digit in value.dropLast() {
      guard digit >= 48, digit <= 57 else { return nil }
      count = count * 10 + UInt64(digit - 48)
    }
    let unit_ns: UInt64
    switch unit {
    case UInt8(ascii: "H"): unit_ns = 3_600_000_000_000
    case UInt8(ascii: "M"): unit_ns = 60_000_000_000
    case UInt8(ascii: "S"): unit_ns = 1_000_000_000
    case UInt8(ascii: "m"): unit_ns = 1_000_000
    case UInt8(ascii: "u"): unit_ns = 1_000
    case UInt8(ascii: "n"): unit_ns = 1
    default: return nil
    }
    let (timeout_ns, overflowed) = count.multipliedReportingOverflow(by: unit_ns)
    return overflowed ? longest_ns : min(timeout_ns, longest_ns)
  }
}
