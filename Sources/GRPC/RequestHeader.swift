import Bytes
import Glibc

/// What a call's header fields say, as far as it matters.
struct RequestHeader: ~Copyable {
  enum Encoding { case identity, gzip, unknown }

  /// Index of the method among the server's; nil: none has this path.
  var method: Int?
  var isPost = false
  var isGRPC = false
  var encoding = Encoding.identity
  var timeout_ns: UInt64?
  var hasBadTimeout = false
  /// Of all fields, as SETTINGS_MAX_HEADER_LIST_SIZE counts them.
  var size_bytes = 0
  /// Values that are needed as they are.
  private var values = ByteBuffer(capacity: 64)
  private var pathRange = 0..<0
  private var authorizationRange = 0..<0

  /// RFC 9113 section 6.5.2
  private static let overhead_bytes = 32
  private static let kept_bytes = 1024

  var path: UnsafeRawBufferPointer { value(pathRange) }
  var authorization: UnsafeRawBufferPointer { value(authorizationRange) }

  mutating func clear() {
    method = nil
    isPost = false
    isGRPC = false
    encoding = .identity
    timeout_ns = nil
    hasBadTimeout = false
    size_bytes = 0
    values.clear()
    values.shrink(to: Self.kept_bytes)
    pathRange = 0..<0
    authorizationRange = 0..<0
  }

  /// Counts a field before it is taken.
  mutating func count(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    size_bytes += name.count + value.count + Self.overhead_bytes
  }

  mutating func take(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ methods: MethodTable) {
    // The length tells most names apart, so that a name is compared once.
    switch name.count {
    case 5 where name.equals(":path"):
      method = methods.find(value)
      if method == nil { pathRange = keep(UnsafeRawBufferPointer(rebasing: value.prefix(200))) }
    case 7 where name.equals(":method"): isPost = value.equals("POST")
    case 12 where name.equals("content-type"): isGRPC = Self.isGRPC(value)
    case 12 where name.equals("grpc-timeout"):
      timeout_ns = GRPCTimeout.parse(value)
      hasBadTimeout = timeout_ns == nil
    case 13 where name.equals("grpc-encoding"):
      encoding = value.equals("identity") ? .identity : value.equals("gzip") ? .gzip : .unknown
    case 13 where name.equals("authorization"): authorizationRange = keep(value)
    default: break
    }
  }

  /// `application/grpc`, with parameters or not, or `application/grpc+proto`.
  private static func isGRPC(_ value: UnsafeRawBufferPointer) -> Bool {
    let prefix: StaticString = "application/grpc"
    let size = prefix.utf8CodeUnitCount
    guard value.count >= size, UnsafeRawBufferPointer(rebasing: value[..<size]).equals(prefix) else { return false }
    let format = value[size...].prefix { $0 != UInt8(ascii: ";") }
    return format.isEmpty || UnsafeRawBufferPointer(rebasing: format).equals("+proto")
  }

  private mutating func keep(_ value: UnsafeRawBufferPointer) -> Range<Int> {
    let start = values.count
    values.append(value)
    return start..<values.count
  }

  private func value(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: values.bytes[range])
  }
}

extension UnsafeRawBufferPointer {
  /// Whether these are the bytes of `text`.
  @inline(__always)
  func equals(_ text: StaticString) -> Bool {
    guard count == text.utf8CodeUnitCount else { return false }
    guard let baseAddress else { return true }
    return memcmp(baseAddress, text.utf8Start, count) == 0
  }
}
