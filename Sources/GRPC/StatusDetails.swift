import Bytes

/// `grpc-status-details-bin`: a `google.rpc.Status` with a `google.rpc.RetryInfo`, in base64 without padding
/// (googleapis google/rpc/status.proto, error_details.proto).
enum StatusDetails {
  static func append(_ failure: GRPCFailure, _ retryAfter_ms: Int, to output: inout ByteBuffer) {
    var delay = ByteBuffer(capacity: 32)  // google.protobuf.Duration
    delay.append(field: 1, varint: UInt64(retryAfter_ms / 1000))
    delay.append(field: 2, varint: UInt64(retryAfter_ms % 1000) * 1_000_000)
    var information = ByteBuffer(capacity: 64)  // google.rpc.RetryInfo
    information.append(field: 1, message: delay.bytes)
    var detail = ByteBuffer(capacity: 128)  // google.protobuf.Any
    detail.append(field: 1, text: "type.googleapis.com/google.rpc.RetryInfo")
    detail.append(field: 2, message: information.bytes)
    var status = ByteBuffer(capacity: 256)
    status.append(field: 1, varint: UInt64(failure.status.rawValue))
    status.append(field: 2, text: String(failure.message.prefix(256)))
    status.append(field: 3, message: detail.bytes)
    output.append(base64: status.bytes)
  }
}

extension ByteBuffer {
  /// RFC 4648 section 4, without padding.
  fileprivate mutating func append(base64 bytes: UnsafeRawBufferPointer) {
    let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    var index = 0
    while index < bytes.count {
      let count = min(3, bytes.count - index)
      var group: UInt32 = 0
      for offset in 0..<3 { group = group << 8 | (offset < count ? UInt32(bytes[index + offset]) : 0) }
      for digit in 0...count { append(alphabet.utf8Start[Int(group >> UInt32(18 - 6 * digit) & 63)]) }
      index += 3
    }
  }
}
