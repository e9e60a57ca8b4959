import Bytes

/// Reads one reply of HTTP/1.1 as interestd itself writes it: a known status, one Content-Length, a type it has; anything else, chunks
/// and interim replies too, is refused. Pure; one parser serves the replies of a connection, one after the other.
struct ReplyParser: ~Copyable {
  enum Outcome: Equatable {
    case more
    case done
    case bad(String)
    /// The body is longer than allowed.
    case tooLong(Int)
  }

  private var head = ByteBuffer(capacity: 512)
  private var scanner = HeaderScanner()
  private(set) var reply = HTTPReply()
  /// The body's bytes, once the header is there.
  private(set) var length: Int?
  private(set) var keepsAlive = true

  static var header_bytes: Int { 8 * 1024 }

  init() {}

  /// The next reply begins.
  mutating func reset() {
    head.clear()
    head.shrink(to: 2 * Self.header_bytes)
    scanner = HeaderScanner()
    reply = HTTPReply()
    length = nil
    keepsAlive = true
  }

  /// Takes the next bytes. After another outcome than `more` the parser must be reset. `limit_bytes` bounds a body that has not begun.
  mutating func take(_ bytes: UnsafeRawBufferPointer, limit_bytes: Int) -> Outcome {
    if let length { return takeBody(bytes, length) }
    head.append(bytes)
    switch scanner.scan(head.bytes, limit: Self.header_bytes) {
    case .more: return .more
    case .bad(let problem): return .bad("it has \(problem)")
    case .tooLong: return .bad("its header is longer than \(Self.header_bytes) bytes")
    case .header(let size):
      if let problem = parse(UnsafeRawBufferPointer(rebasing: head.bytes[..<size])) { return .bad(problem) }
      let length = self.length ?? 0
      if length > limit_bytes { return .tooLong(length) }
      _ = reply.body.reserve(length)
      return takeBody(UnsafeRawBufferPointer(rebasing: head.bytes[size...]), length)
    }
  }

  private func takeBody(_ bytes: UnsafeRawBufferPointer, _ length: Int) -> Outcome {
    guard bytes.count <= length - reply.body.count else { return .bad("more follows than its length says") }
    reply.body.append(bytes)
    return reply.body.count == length ? .done : .more
  }

  /// What is wrong with the header, or nil. The scanner has checked its lines' ends.
  private mutating func parse(_ header: UnsafeRawBufferPointer) -> String? {
    var hasStatus = false
    for line in header.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true) {
      let line = UnsafeRawBufferPointer(rebasing: line.dropLast())  // the carriage return
      if line.isEmpty { break }
      if let problem = hasStatus ? parse(field: line) : parse(statusLine: line) { return problem }
      hasStatus = true
    }
    return length == nil ? "it has no content length" : nil
  }

  private func parse(statusLine line: UnsafeRawBufferPointer) -> String? {
    let prefix = UnsafeRawBufferPointer(rebasing: line.prefix(9))
    guard prefix.equals("HTTP/1.1 "), line.count >= 12, line.count == 12 || line[12] == UInt8(ascii: " "),
      let number = Self.decimal(UnsafeRawBufferPointer(rebasing: line[9..<12])),
      let status = HTTPStatus(rawValue: number)
    else { return "its first line is no known status of http 1.1" }
    reply.status = status
    return nil
  }

  private mutating func parse(field line: UnsafeRawBufferPointer) -> String? {
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return "it has a header line without a colon" }
    let name = UnsafeRawBufferPointer(rebasing: line[..<colon])
    let value = Self.trimmed(UnsafeRawBufferPointer(rebasing: line[(colon + 1)...]))
    if name.equalsIgnoringCase("Content-Length") {
      guard length == nil, let number = Self.decimal(value) else {
        return "its content length is not one decimal number"
      }
      length = number
    } else if name.equalsIgnoringCase("Content-Type") {
      let known = HTTPResponse.contentTypes.first { value.equalsIgnoringCase($0) }
      guard let known else { return "its content type is none of interestd's" }
      reply.contentType = known
    } else if name.equalsIgnoringCase(HTTPReply.unknownField) {
      reply.isUnknown = true
    } else if name.equalsIgnoringCase("Retry-After") {
      reply.retryAfter_s = Self.decimal(value)
    } else if name.equalsIgnoringCase("Connection") {
      keepsAlive = !value.equalsIgnoringCase("close")
    } else if name.equalsIgnoringCase("Transfer-Encoding") {
      return "it has a transfer coding"
    }
    return nil
  }

  private static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    var rest = bytes[...]
    while let first = rest.first, isBlank(first) { rest = rest.dropFirst() }
    while let last = rest.last, isBlank(last) { rest = rest.dropLast() }
    return UnsafeRawBufferPointer(rebasing: rest)
  }

  /// Of at most 15 digits: no length overflows.
  private static func decimal(_ text: UnsafeRawBufferPointer) -> Int? {
    guard (1...15).contains(text.count), text.allSatisfy({ (48...57).contains($0) }) else { return nil }
    return text.reduce(0) { $0 * 10 + Int($1 - 48) }
  }
}
