import Bytes
internal import CBeast

/// Boost.Beast's parser of the replies of one connection (HTTP/1.1, RFC 9112), which come in pieces, one after the other. Pure.
public struct ReplyParser: ~Copyable {
  /// Whose replies they are.
  public enum Sender: Sendable {
    /// Another instance's: of a known status, with one Content-Length, of a type that interestd has. Whatever else comes is refused: chunks,
    /// interim replies and bytes behind a reply too.
    case instance
    /// Any server's, since proxies may stand before interestd. A body ends by its length, by its chunks, or with the connection. Interim
    /// replies are passed over, and so is what follows a reply.
    case anyServer

    /// Of a header, with those of interim replies before it, and of what frames a chunk.
    var header_bytes: Int { self == .instance ? 8 * 1024 : 64 * 1024 }
  }

  public enum Outcome: Equatable {
    case more
    case done
    case bad(String)
    /// The body is longer than allowed: of so many bytes, or of `Int.max` where it does not tell.
    case tooLong(Int)
  }

  let sender: Sender
  private let handle = cbeast_create(false).unsafelyUnwrapped  // operator new does not return null
  private var scanner = HeaderScanner()
  /// What waits for more: a part of a header, or of what frames a chunk.
  private var pending = ByteBuffer(capacity: 512)
  private var interim_bytes = 0
  private var isInBody = false
  /// Its body; of an instance's what its header says too.
  public private(set) var reply = HTTPReply()
  /// The body's bytes, once the header of an instance is there.
  var length: Int? { isInBody ? Self.decimal(fields["Content-Length"].first) : nil }

  public init(of sender: Sender) { self.sender = sender }

  deinit { cbeast_destroy(handle) }

  /// The next reply begins.
  mutating func reset() {
    scanner = HeaderScanner()
    pending.clear()
    pending.shrink(to: 2 * sender.header_bytes)
    interim_bytes = 0
    isInBody = false
    reply = HTTPReply()
  }

  /// Takes the next bytes. After another outcome than `more` the parser must be reset. `limit_bytes` bounds a body that has not begun.
  public mutating func take(_ bytes: UnsafeRawBufferPointer, limit_bytes: Int) -> Outcome {
    let isFirst = pending.count == 0
    if !isFirst { pending.append(bytes) }
    var rest = isFirst ? bytes : pending.bytes
    let outcome = read(&rest, limit_bytes)
    if case .bad = outcome, !isInBody, !Self.isHTTP(rest) { return .bad(Self.noStatus) }
    if outcome == .done, sender == .instance, !rest.isEmpty { return .bad("more follows than its length says") }
    if isFirst { pending.append(rest) } else { pending.removeFirst(pending.count - rest.count) }
    return outcome
  }

  /// The connection has ended: with it the reply (`done`), or before the reply does (`more`).
  public func end() -> Outcome {
    if isInBody { return cbeast_needs_end(handle) ? .done : .more }
    return Self.isHTTP(pending.bytes) ? .more : .bad(Self.noStatus)
  }

  /// These are there once the header is.
  public var status: Int { Int(cbeast_reply_status(handle)) }
  var keepsAlive: Bool { cbeast_keep_alive(handle) }
  private var fields: HeaderFields { HeaderFields(handle: handle) }

  /// The first one of that name, in any case.
  public func field(_ name: StaticString) -> String? {
    let (count, first) = fields[name]
    return count == 0 ? nil : String(decoding: first, as: UTF8.self)
  }

  /// Takes from the front of `rest` what is complete.
  private mutating func read(_ rest: inout UnsafeRawBufferPointer, _ limit_bytes: Int) -> Outcome {
    while !isInBody {
      switch scanner.scan(rest, limit: sender.header_bytes - interim_bytes) {
      case .more: return .more
      case .bad(let problem): return .bad("it has \(problem)")
      case .tooLong: return .bad("its header is longer than \(sender.header_bytes) bytes")
      case .header(let size):
        if let refusal = readHeader(UnsafeRawBufferPointer(rebasing: rest[..<size]), limit_bytes) { return refusal }
        rest = UnsafeRawBufferPointer(rebasing: rest[size...])
      }
    }
    var (used, written) = (0, 0)
    let status = cbeast_put(handle, rest.baseAddress, rest.count, &used, reply.body.reserve(rest.count), &written)
    reply.body.commit(written)
    rest = UnsafeRawBufferPointer(rebasing: rest[used...])
    return outcome(status)
  }

  /// Why it is refused, or nil.
  private mutating func readHeader(_ header: UnsafeRawBufferPointer, _ limit_bytes: Int) -> Outcome? {
    let status = cbeast_begin(handle, header.baseAddress, header.count, UInt64(limit_bytes), sender.header_bytes)
    guard status == CBEAST_MORE || status == CBEAST_DONE else { return outcome(status) }
    if sender == .anyServer && (100..<200).contains(self.status) {
      interim_bytes += header.count
      scanner = HeaderScanner()
      return nil
    }
    isInBody = true
    return sender == .instance ? takeHeader().map { .bad($0) } : nil
  }

  /// Takes what an instance says, or tells what none would say.
  private mutating func takeHeader() -> String? {
    guard cbeast_version(handle) == 11, let status = HTTPStatus(rawValue: status) else { return Self.noStatus }
    let lengths = fields["Content-Length"]
    guard lengths.count == 1, let length = Self.decimal(lengths.first), fields["Transfer-Encoding"].count == 0 else {
      return "its content length is not one decimal number"
    }
    let types = fields["Content-Type"]
    let type = HTTPResponse.contentTypes.first { types.first.equalsIgnoringCase($0) }
    guard types.count == 0 || types.count == 1 && type != nil else { return "its content type is none of interestd's" }
    reply.status = status
    reply.contentType = type ?? reply.contentType
    reply.isUnknown = fields[HTTPReply.unknownField].count > 0
    reply.retryAfter_s = Self.decimal(fields["Retry-After"].first)
    _ = reply.body.reserve(length)
    return nil
  }

  private static var noStatus: String { "its first line is no known status of http 1.1" }

  private func outcome(_ status: cbeast_status) -> Outcome {
    switch status {
    case CBEAST_MORE: .more
    case CBEAST_DONE: .done
    case CBEAST_TOO_LONG: .tooLong(Self.decimal(fields["Content-Length"].first) ?? .max)
    default: .bad("it is malformed: \(String(cString: cbeast_reason(handle)))")
    }
  }

  private static func isHTTP(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.starts(with: "HTTP/1.".utf8) }

  /// Of at most 15 digits: no length overflows.
  private static func decimal(_ text: UnsafeRawBufferPointer) -> Int? {
    guard (1...15).contains(text.count), text.allSatisfy({ (48...57).contains($0) }) else { return nil }
    return text.reduce(0) { $0 * 10 + Int($1 - 48) }
  }
}
