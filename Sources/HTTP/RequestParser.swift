import Bytes
internal import CBeast

/// Boost.Beast's request parser of one connection. What its properties point to is good until the next call that changes it.
struct RequestParser: ~Copyable {
  enum Outcome {
    /// The body goes on.
    case more
    case done
    case refused(HTTPStatus, String)
  }

  private let handle = cbeast_create(true).unsafelyUnwrapped  // operator new does not return null
  private var content = ByteBuffer(capacity: 16)

  /// The bound of the body under way.
  private var body_bytes = 0

  deinit { cbeast_destroy(handle) }

  /// `header` is complete, with its empty line.
  mutating func begin(_ header: UnsafeRawBufferPointer, _ limits: HTTPLimits) -> Outcome {
    content.clear()
    body_bytes = limits.body_bytes
    let status = cbeast_begin(
      handle, header.baseAddress, header.count, UInt64(limits.body_bytes), limits.header_bytes)
    // The parser says the same of a request line with a word too many, which has a version that is spoken.
    return outcome(status == CBEAST_BAD_VERSION && !Self.isForeign(header) ? CBEAST_BAD : status)
  }

  /// Whether the request line has three words, and the last one is a version other than 1.0 and 1.1.
  private static func isForeign(_ header: UnsafeRawBufferPointer) -> Bool {
    let words = header.prefix { $0 != UInt8(ascii: "\r") }.split(
      separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard words.count == 3, let version = words.last, version.starts(with: "HTTP/".utf8) else { return false }
    let number = version.dropFirst(5)
    return !number.isEmpty && number.allSatisfy { $0 >= 48 && $0 <= 57 || $0 == UInt8(ascii: ".") }
  }

  /// More of the body; `consumed` says how much of it need not come again.
  mutating func put(_ bytes: UnsafeRawBufferPointer, consumed: inout Int) -> Outcome {
    var written = 0
    let status = cbeast_put(
      handle, bytes.baseAddress, bytes.count, &consumed, content.reserve(bytes.count), &written)
    content.commit(written)
    return outcome(status)
  }

  private func outcome(_ status: cbeast_status) -> Outcome {
    switch status {
    case CBEAST_MORE: .more
    case CBEAST_DONE: .done
    case CBEAST_TOO_LONG: .refused(.contentTooLarge, "the body is longer than \(body_bytes) bytes")
    case CBEAST_BAD_VERSION: .refused(.versionNotSupported, "only http 1.0 and 1.1 are spoken here")
    default: .refused(.badRequest, "the request is malformed: \(String(cString: cbeast_reason(handle)))")
    }
  }

  var method: UnsafeRawBufferPointer { bytes(cbeast_method(handle)) }
  var target: UnsafeRawBufferPointer { bytes(cbeast_target(handle)) }
  var body: UnsafeRawBufferPointer { content.bytes }
  var isVersion11: Bool { cbeast_version(handle) == 11 }
  /// HTTP/1.0 always closes: its keep-alive is not worth the doubts about it.
  var keepsAlive: Bool { isVersion11 && cbeast_keep_alive(handle) }

  /// Good as long as the request is.
  var fields: HeaderFields { HeaderFields(handle: handle) }

  func field(_ name: StaticString) -> (count: Int, first: UnsafeRawBufferPointer) { fields[name] }

  /// The body is of no use any more.
  mutating func release() {
    content.clear()
    content.shrink(to: 16 * 1024)
  }

  private func bytes(_ text: cbeast_text) -> UnsafeRawBufferPointer { .init(start: text.bytes, count: text.count) }
}
