import Bytes

/// gRPC's status codes (grpc/doc/statuscodes.md).
public enum GRPCStatus: Int, CaseIterable, Sendable {
  case ok = 0
  case cancelled = 1
  case unknown = 2
  case invalidArgument = 3
  case deadlineExceeded = 4
  case notFound = 5
  case alreadyExists = 6
  case permissionDenied = 7
  case resourceExhausted = 8
  case failedPrecondition = 9
  case aborted = 10
  case outOfRange = 11
  case unimplemented = 12
  case internalError = 13
  case unavailable = 14
  case dataLoss = 15
  case unauthenticated = 16

  /// As others write it: `DEADLINE_EXCEEDED`.
  public var name: StaticString {
    switch self {
    case .ok: "OK"
    case .cancelled: "CANCELLED"
    case .unknown: "UNKNOWN"
    case .invalidArgument: "INVALID_ARGUMENT"
    case .deadlineExceeded: "DEADLINE_EXCEEDED"
    case .notFound: "NOT_FOUND"
    case .alreadyExists: "ALREADY_EXISTS"
    case .permissionDenied: "PERMISSION_DENIED"
    case .resourceExhausted: "RESOURCE_EXHAUSTED"
    case .failedPrecondition: "FAILED_PRECONDITION"
    case .aborted: "ABORTED"
    case .outOfRange: "OUT_OF_RANGE"
    case .unimplemented: "UNIMPLEMENTED"
    case .internalError: "INTERNAL"
    case .unavailable: "UNAVAILABLE"
    case .dataLoss: "DATA_LOSS"
    case .unauthenticated: "UNAUTHENTICATED"
    }
  }
}

/// How a call ended other than well.
struct GRPCFailure {
  let status: GRPCStatus
  let message: String
  /// The client may try again after this; nil: nothing is said of it.
  var retryAfter_ms: Int?
}

extension ByteBuffer {
  /// A `grpc-message`: what is not printable ASCII, and the percent sign, as `%XX` (grpc/doc/PROTOCOL-HTTP2.md, Percent-Encoded).
  /// Cut to `limit` bytes of `text`, so that a trailer stays small.
  mutating func append(percentEncoding text: String, limit: Int = 2048) {
    let digits: StaticString = "0123456789ABCDEF"
    for byte in text.utf8.prefix(limit) {
      if byte >= 0x20, byte <= 0x7e, byte != UInt8(ascii: "%") {
        append(byte)
      } else {
        append(UInt8(ascii: "%"))
        append(digits.utf8Start[Int(byte >> 4)])
        append(digits.utf8Start[Int(byte & 15)])
      }
    }
  }
}
