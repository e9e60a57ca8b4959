import Bytes

/// A reply being written. Its memory is the loop's, and reused.
public struct HTTPResponse: ~Copyable {
  public var status = HTTPStatus.ok
  public var contentType: StaticString = HTTPResponse.json
  /// The body, written straight into it. Its length is sent as Content-Length.
  public var body = ByteBuffer(capacity: 16 * 1024)
  /// Whether the request's `Accept` has chosen the body's form.
  public var variesByAccept = false
  private var headers = ByteBuffer(capacity: 256)
  /// The body's compressed form.
  private var packed = ByteBuffer(capacity: 16)
  private var deferral: HTTPDeferral?

  public static let json: StaticString = "application/json"
  public static let text: StaticString = "text/plain; charset=utf-8"
  public static let protobuf: StaticString = "application/x-protobuf"
  /// One JSON object a line.
  public static let jsonLines: StaticString = "application/x-ndjson"
  /// All that interestd answers with.
  static let contentTypes = [json, text, protobuf, jsonLines]

  /// A smaller body is not worth compressing.
  private static let compressed_bytes = 1024
  /// Body memory kept for the next reply.
  private static let kept_bytes = 1024 * 1024

  init() {}

  mutating func reset() {
    status = .ok
    contentType = Self.json
    body.clear()
    body.shrink(to: Self.kept_bytes)
    packed.clear()
    packed.shrink(to: Self.kept_bytes)
    variesByAccept = false
    headers.clear()
    deferral = nil
  }

  /// For a reply that comes later: whatever is written into this response is dropped, and the connection waits until the deferral is
  /// answered, its client has gone, or the request's time is over.
  public mutating func deferReply() -> HTTPDeferral {
    let deferral = HTTPDeferral()
    self.deferral = deferral
    return deferral
  }

  /// This response counts after all; the deferral is of no use any more.
  public mutating func withdrawDeferral() { deferral = nil }

  mutating func takeDeferral() -> HTTPDeferral? { deferral.take() }

  /// One more header field. Control bytes in the value become spaces.
  public mutating func setHeader(_ name: StaticString, _ value: String) {
    headers.append(name)
    headers.append(": ")
    for byte in value.utf8 { headers.append(byte < 0x20 || byte == 0x7f ? 0x20 : byte) }
    headers.append("\r\n")
  }

  /// Makes this an error, whatever was written before: `{"error":{"code":"bad_request","parameter":"groups","message":"..."}}`.
  ///
  /// - Parameter code: A word for programs; nil: the status as one.
  public mutating func fail(_ status: HTTPStatus, code: String? = nil, parameter: String? = nil, _ message: String) {
    self.status = status
    contentType = Self.json
    body.clear()
    body.append("{\"error\":{\"code\":")
    body.append(jsonString: code ?? status.code)
    body.append(",")
    if let parameter {
      body.append("\"parameter\":")
      body.append(jsonString: parameter)
      body.append(",")
    }
    body.append("\"message\":")
    body.append(jsonString: message)
    body.append("}}\n")
  }

  public mutating func fail(_ error: ParameterError) { fail(.badRequest, parameter: error.parameter, error.message) }

  /// There is nothing at this path.
  public mutating func failNotFound() { fail(.notFound, "nothing is served at this path") }

  /// `allow` lists the methods that the path has: `GET, HEAD`.
  public mutating func failMethodNotAllowed(allow: String) {
    fail(.methodNotAllowed, "this path only has \(allow)")
    setHeader("Allow", allow)
  }

  /// For now: the client may come again after `retryAfter_s` seconds.
  public mutating func failUnavailable(retryAfter_s: Int, code: String? = nil, _ message: String) {
    fail(.serviceUnavailable, code: code, message)
    setHeader("Retry-After", String(retryAfter_s))
  }

  /// Compresses the body where the client would rather have that.
  mutating func encode(asAccepted accepted: (count: Int, first: UnsafeRawBufferPointer), _ compressor: GzipCompressor) {
    let isLong = body.count >= Self.compressed_bytes
    if variesByAccept {
      headers.append("Vary: Accept, Accept-Encoding\r\n")
    } else if isLong {
      headers.append("Vary: Accept-Encoding\r\n")
    }
    guard isLong, accepted.count == 1, AcceptEncoding.prefersGzip(accepted.first),
      compressor.compress(body.bytes, into: &packed)
    else { return }
    swap(&body, &packed)
    setHeader("Content-Encoding", "gzip")
  }

  /// The reply's bytes; `withBody: false` is the reply to HEAD, which has the same header.
  func write(to output: inout ByteBuffer, withBody: Bool, closing: Bool) {
    output.append("HTTP/1.1 ")
    output.append(decimal: UInt64(status.rawValue))
    output.append(" ")
    output.append(status.reason)
    output.append("\r\nContent-Type: ")
    output.append(contentType)
    output.append("\r\nContent-Length: ")
    output.append(decimal: UInt64(body.count))
    output.append("\r\n")
    output.append(headers.bytes)
    if closing { output.append("Connection: close\r\n") }
    output.append("\r\n")
    if withBody { output.append(body.bytes) }
  }
}
