import Bytes

/// Finds the commands in what a client sends: arrays of bulk strings, or lines of words (RESP2 and RESP3 do not differ in this). Pure.
///
/// Arguments stay where they lie. A command that is cut anywhere goes on where it was left, so each byte is looked at once, but for
/// the few of a number.
struct RESPParser: ~Copyable {
  enum Outcome: Equatable {
    case more
    /// The arguments are in `command`, as long as the input's bytes stay.
    case command(size: Int)
    /// An empty line or an empty array: nobody awaits a reply.
    case nothing(size: Int)
    case bad(RESPProtocolError)
  }

  private(set) var command = RESPCommand()
  /// Behind what has been understood of the command under way.
  private var at = 0
  /// Arguments to come; nil before an array's head has been read.
  private var awaited: Int?
  /// The length of the argument under way, once its head has been read.
  private var argument_bytes: Int?

  /// Digits, sign and line's end of a number: none that is in bounds is longer.
  private static var head_bytes: Int { 32 }

  init() {}

  /// `input` begins with a command's first byte: after `more`, with the same bytes and some behind them.
  mutating func parse(_ input: UnsafeRawBufferPointer, _ limits: RESPLimits) -> Outcome {
    if awaited == nil {
      guard let first = input.first else { return .more }
      if first != UInt8(ascii: "*") { return parseLine(input, limits) }
      command.begin()
      switch number(input, after: 0) {
      case .more: return .more
      case .bad(let isTooLong): return .bad(isTooLong ? .longMultibulkHead : .multibulkLength)
      case .value(let count, let end):
        guard count <= limits.arguments else { return .bad(.multibulkLength) }
        if count <= 0 { return .nothing(size: end) }
        awaited = count
        at = end
      }
    }
    return parseArguments(input, limits)
  }

  private mutating func parseArguments(_ input: UnsafeRawBufferPointer, _ limits: RESPLimits) -> Outcome {
    while let rest = awaited, rest > 0 {
      if argument_bytes == nil {
        guard at < input.count else { return .more }
        guard input[at] == UInt8(ascii: "$") else { return .bad(.expectedDollar(input[at])) }
        switch number(input, after: at) {
        case .more: return .more
        case .bad(let isTooLong): return .bad(isTooLong ? .longBulkHead : .bulkLength)
        case .value(let length, let end):
          guard length >= 0, length <= limits.argument_bytes else { return .bad(.bulkLength) }
          guard end + length + 2 <= limits.request_bytes else { return .bad(.requestLength(limits.request_bytes)) }
          argument_bytes = length
          at = end
        }
      }
      let length = argument_bytes.unsafelyUnwrapped  // was set above where it was nil
      guard at + length + 2 <= input.count else { return .more }
      guard input[at + length] == UInt8(ascii: "\r"), input[at + length + 1] == UInt8(ascii: "\n") else {
        return .bad(.argumentEnd)
      }
      command.add(start: at, count: length)
      at += length + 2
      argument_bytes = nil
      awaited = rest - 1
    }
    defer { (awaited, at) = (nil, 0) }
    command.end(input)
    return .command(size: at)
  }

  private mutating func parseLine(_ input: UnsafeRawBufferPointer, _ limits: RESPLimits) -> Outcome {
    guard let feed = input[at...].firstIndex(of: UInt8(ascii: "\n")) else {
      at = input.count
      return at > limits.inline_bytes ? .bad(.longInline) : .more
    }
    guard feed <= limits.inline_bytes else { return .bad(.longInline) }
    at = 0
    var line = input[..<feed]
    if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
    command.begin()
    guard command.split(line: UnsafeRawBufferPointer(rebasing: line), limit: limits.arguments) else {
      return .bad(.unbalancedQuotes)
    }
    return command.count == 0 ? .nothing(size: feed + 1) : .command(size: feed + 1)
  }

  // MARK: Numbers

  private enum Head {
    case more
    case bad(isTooLong: Bool)
    case value(Int, end: Int)
  }

  /// A decimal and its line's end, behind the byte at `mark`. No sign but a minus, and no zero in front: as Redis reads it.
  @inline(__always)
  private func number(_ input: UnsafeRawBufferPointer, after mark: Int) -> Head {
    var index = mark + 1
    let isNegative = index < input.count && input[index] == UInt8(ascii: "-")
    if isNegative { index += 1 }
    let first = index
    var value = 0
    while index < input.count, index - mark < Self.head_bytes {
      let byte = input[index]
      if byte == UInt8(ascii: "\r") {
        guard index > first, input[first] != UInt8(ascii: "0") || index == first + 1 else {
          return .bad(isTooLong: false)
        }
        guard index + 1 < input.count else { return .more }
        guard input[index + 1] == UInt8(ascii: "\n") else { return .bad(isTooLong: false) }
        return .value(isNegative ? -value : value, end: index + 2)
      }
      guard byte >= 48, byte <= 57, index - first < 18 else { return .bad(isTooLong: byte >= 48 && byte <= 57) }
      value = value &* 10 &+ Int(byte &- 48)  // at most 18 digits
      index += 1
    }
    return index - mark < Self.head_bytes ? .more : .bad(isTooLong: true)
  }
}

/// What no client of the protocol sends. The connection ends: nobody knows where the next command would begin.
enum RESPProtocolError: Error, Equatable {
  case multibulkLength, bulkLength
  case longMultibulkHead, longBulkHead, longInline
  case expectedDollar(UInt8)
  case argumentEnd
  case unbalancedQuotes
  case requestLength(Int)

  /// In Redis' words, where it has some.
  ///
  /// - Parameter isStranger: Whether the limits were those of who has not authenticated.
  func text(isStranger: Bool) -> String {
    switch self {
    case .multibulkLength: isStranger ? "unauthenticated multibulk length" : "invalid multibulk length"
    case .bulkLength: isStranger ? "unauthenticated bulk length" : "invalid bulk length"
    case .longMultibulkHead: "too big mbulk count string"
    case .longBulkHead: "too big bulk count string"
    case .longInline: "too big inline request"
    case .expectedDollar(let byte):
      "expected '$', got '\(byte > 32 && byte < 127 ? String(UnicodeScalar(byte)) : " ")'"
    case .argumentEnd: "expected a line's end behind an argument"
    case .unbalancedQuotes: "unbalanced quotes in request"
    case .requestLength(let limit): "the request is longer than \(limit) bytes"
    }
  }
}
