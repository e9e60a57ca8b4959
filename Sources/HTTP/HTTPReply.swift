import Bytes

/// An answer of another interestd instance.
public final class HTTPReply {
  public internal(set) var status = HTTPStatus.ok
  /// One of the types that interestd answers with.
  public internal(set) var contentType = HTTPResponse.json
  public internal(set) var retryAfter_s: Int?
  /// Whether it says that there is nothing of what was asked for, by `unknownField`.
  public internal(set) var isUnknown = false
  var body = ByteBuffer(capacity: 16)

  /// The header field of an answer that is good, and about somebody unknown.
  public static var unknownField: StaticString { "X-Interestd-Unknown" }

  init() {}

  public var bodyBytes: UnsafeRawBufferPointer { body.bytes }

  public var isProtobuf: Bool {
    UnsafeRawBufferPointer(start: contentType.utf8Start, count: contentType.utf8CodeUnitCount)
      .equalsIgnoringCase(HTTPResponse.protobuf)
  }
}

extension HTTPResponse {
  /// Passes an answer on: its status, type, body and time to come again. The reply's body is gone then.
  public mutating func pass(on reply: HTTPReply) {
    status = reply.status
    contentType = reply.contentType
    swap(&body, &reply.body)
    if let seconds = reply.retryAfter_s { setHeader("Retry-After", String(seconds)) }
  }
}
