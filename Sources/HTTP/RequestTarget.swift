import Bytes

/// A request target's path and query, percent-decoded (RFC 3986): its memory is reused from request to request.
///
/// `+` stands for itself, in the query too, so that times with an offset need no escape.
struct RequestTarget: ~Copyable {
  private struct Piece {
    var start: Int
    var end: Int
  }

  private var decoded = ByteBuffer(capacity: 1024)
  private var segments: [Piece] = []
  private var names: [Piece] = []
  private var values: [Piece] = []

  private static let segmentLimit = 32
  private static let parameterLimit = 32

  init() {}

  var segmentCount: Int { segments.count }
  var parameterCount: Int { names.count }
  func segment(_ index: Int) -> UnsafeRawBufferPointer { bytes(segments[index]) }
  func name(_ index: Int) -> UnsafeRawBufferPointer { bytes(names[index]) }
  func value(_ index: Int) -> UnsafeRawBufferPointer { bytes(values[index]) }

  private func bytes(_ piece: Piece) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: decoded.bytes[piece.start..<piece.end])
  }

  /// Takes a new target, in origin form or absolute form, and leaves its origin form in `raw`. Returns what is wrong with it, or nil.
  mutating func parse(_ raw: inout UnsafeRawBufferPointer) -> String? {
    decoded.clear()
    segments.removeAll(keepingCapacity: true)
    names.removeAll(keepingCapacity: true)
    values.removeAll(keepingCapacity: true)
    var target = raw[...]
    guard Self.dropAuthority(&target), target.first == UInt8(ascii: "/") else {
      return "the request target is not a path"
    }
    raw = UnsafeRawBufferPointer(rebasing: target)
    let question = target.firstIndex(of: UInt8(ascii: "?"))
    if let problem = parse(path: target[..<(question ?? target.endIndex)]) { return problem }
    guard let question else { return nil }
    return parse(query: target[(question + 1)...])
  }

  /// `http://host/path` is a proxy's form of `/path`, and every server must take it. False for other forms.
  private static func dropAuthority(_ target: inout Slice<UnsafeRawBufferPointer>) -> Bool {
    if target.first == UInt8(ascii: "/") { return true }
    let prefix = UnsafeRawBufferPointer(rebasing: target.prefix(7))
    let secure = UnsafeRawBufferPointer(rebasing: target.prefix(8))
    if prefix.equalsIgnoringCase("http://") {
      target = target.dropFirst(7)
    } else if secure.equalsIgnoringCase("https://") {
      target = target.dropFirst(8)
    } else {
      return false
    }
    target = target.drop { $0 != UInt8(ascii: "/") }
    return true
  }

  private mutating func parse(path: Slice<UnsafeRawBufferPointer>) -> String? {
    var rest = path.dropFirst()
    while true {
      guard segments.count < Self.segmentLimit else { return "the path has more than \(Self.segmentLimit) segments" }
      let end = rest.firstIndex(of: UInt8(ascii: "/"))
      switch decode(rest[..<(end ?? rest.endIndex)]) {
      case .piece(let piece): segments.append(piece)
      case .problem(let problem): return "the path \(problem)"
      }
      guard let end else { return nil }
      rest = rest[(end + 1)...]
    }
  }

  private mutating func parse(query: Slice<UnsafeRawBufferPointer>) -> String? {
    var rest = query
    while !rest.isEmpty {
      let end = rest.firstIndex(of: UInt8(ascii: "&")) ?? rest.endIndex
      let pair = rest[..<end]
      rest = rest[end...].dropFirst()
      if pair.isEmpty { continue }
      guard names.count < Self.parameterLimit else {
        return "the query has more than \(Self.parameterLimit) parameters"
      }
      let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
      switch (decode(pair[..<equals]), decode(pair[equals...].dropFirst())) {
      case (.piece(let name), .piece(let value)):
        names.append(name)
        values.append(value)
      case (.problem(let problem), _), (_, .problem(let problem)): return "the query \(problem)"
      }
    }
    return nil
  }

  private enum Decoded {
    case piece(Piece)
    case problem(String)
  }

  private mutating func decode(_ bytes: Slice<UnsafeRawBufferPointer>) -> Decoded {
    let start = decoded.count
    var isASCII = true
    var at = bytes.startIndex
    while at < bytes.endIndex {
      var byte = bytes[at]
      at += 1
      if byte == UInt8(ascii: "%") {
        guard at + 1 < bytes.endIndex, let high = bytes[at].hexadecimalValue, let low = bytes[at + 1].hexadecimalValue
        else { return .problem("has a malformed escape: % must be followed by two hexadecimal digits") }
        byte = high << 4 | low
        at += 2
      } else if byte == UInt8(ascii: "#") {
        return .problem("has a fragment, which belongs to the client alone")
      }
      isASCII = isASCII && byte < 0x80
      decoded.append(byte)
    }
    let piece = Piece(start: start, end: decoded.count)
    guard isASCII || String(validating: self.bytes(piece), as: UTF8.self) != nil else {
      return .problem("is not utf-8 when unescaped")
    }
    return .piece(piece)
  }
}

extension UInt8 {
  var hexadecimalValue: UInt8? {
    switch self {
    case 48...57: self - 48
    case 65...70: self - 55
    case 97...102: self - 87
    default: nil
    }
  }
}
