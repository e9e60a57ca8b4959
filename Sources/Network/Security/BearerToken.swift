/// The value of an `Authorization` field or of gRPC's `authorization` metadata (RFC 6750 section 2.1).
public enum BearerToken {
  /// The token behind `Bearer`, in any case of letters; nil for other schemes, and where there is none.
  public static func parse(_ value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    let scheme: StaticString = "bearer "
    guard value.count > scheme.utf8CodeUnitCount,
      zip(value, UnsafeRawBufferPointer(start: scheme.utf8Start, count: scheme.utf8CodeUnitCount))
        .allSatisfy({ ((65...90).contains($0) ? $0 | 0x20 : $0) == $1 })
    else { return nil }
    let token = value.dropFirst(scheme.utf8CodeUnitCount).drop { $0 == UInt8(ascii: " ") }
    return token.isEmpty ? nil : UnsafeRawBufferPointer(rebasing: token)
  }
}
