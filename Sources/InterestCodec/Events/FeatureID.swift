import Bytes

/// What models see of a shop or item id (DESIGN.md section 4).
public enum FeatureID {
  /// A canonical decimal (`0`, or no leading zero, below 2^64) keeps its value; any other id is the XXH64 of its bytes; none is 0.
  @inlinable
  public static func of(_ id: UnsafeRawBufferPointer) -> UInt64 {
    guard let base = id.baseAddress, id.count > 0 else { return 0 }
    return decimal(base, id.count) ?? xxh64(id)
  }

  @inlinable @inline(__always)
  static func decimal(_ base: UnsafeRawPointer, _ count: Int) -> UInt64? {
    let first = base.load(as: UInt8.self)
    guard count <= 20 && first &- 48 <= 9 && (first != 48 || count == 1) else { return nil }
    var value: UInt64 = 0
    var index = 0
    // 19 digits cannot overflow; only a twentieth can.
    while index < min(count, 19) {
      let digit = base.load(fromByteOffset: index, as: UInt8.self) &- 48
      guard digit <= 9 else { return nil }
      value = value &* 10 &+ UInt64(digit)
      index &+= 1
    }
    guard count == 20 else { return value }
    let digit = base.load(fromByteOffset: 19, as: UInt8.self) &- 48
    let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
    let (sum, carry) = tenfold.addingReportingOverflow(UInt64(digit))
    return digit > 9 || overflow || carry ? nil : sum
  }
}
