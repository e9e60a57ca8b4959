import Bytes

/// The protocol's two versions: they differ in the replies' types alone.
public enum RESPVersion: Int, Sendable {
  case two = 2
  case three = 3
}

/// Where replies are written. What RESP2 has no type for is written as what its clients take for it.
///
/// A reply is one value; an array or a map is its head and then its values. What has been promised must follow.
public struct RESPReply: ~Copyable {
  /// All that has been written, of earlier replies too.
  var bytes = ByteBuffer(capacity: 16)
  public internal(set) var version = RESPVersion.two
  /// Errors written.
  private(set) var errors = 0
  private(set) var deferral: RESPDeferral?
  /// The connection ends behind this reply.
  private(set) var isLast = false

  init() {}

  // MARK: Values

  public mutating func ok() { bytes.append("+OK\r\n") }

  /// A short text without line's ends.
  public mutating func status(_ text: StaticString) {
    bytes.append(UInt8(ascii: "+"))
    bytes.append(text)
    endLine()
  }

  /// What is not there.
  public mutating func null() {
    if version == .two { bytes.append("$-1\r\n") } else { bytes.append("_\r\n") }
  }

  public mutating func integer(_ value: Int) {
    bytes.append(UInt8(ascii: ":"))
    bytes.append(decimal: Int64(value))
    endLine()
  }

  public mutating func bulk(_ value: UnsafeRawBufferPointer) {
    head(UInt8(ascii: "$"), value.count)
    bytes.append(value)
    endLine()
  }

  public mutating func bulk(_ value: String) {
    var value = value
    value.withUTF8 { bulk(UnsafeRawBufferPointer($0)) }
  }

  public mutating func bulk(_ value: StaticString) {
    value.withUTF8Buffer { bulk(UnsafeRawBufferPointer($0)) }
  }

  /// Makes room for values of so many bytes at once.
  public mutating func expect(_ size_bytes: Int) { _ = bytes.reserve(size_bytes) }

  /// A bulk string that `write` appends, whose length shows then; where that fails, nothing is written.
  public mutating func bulk<Failure: Error>(
    expecting size: Int = 4096, _ write: (inout ByteBuffer) throws(Failure) -> Void
  ) throws(Failure) {
    let start = bytes.count
    head(UInt8(ascii: "$"), size)
    let body = bytes.count
    do throws(Failure) {
      try write(&bytes)
    } catch {
      bytes.truncate(to: start)
      throw error
    }
    replaceHead(from: start, to: body)
    endLine()
  }

  /// Text for people, in many lines.
  public mutating func verbatim(_ text: String) {
    guard version == .three else { return bulk(text) }
    var text = text
    text.withUTF8 { text in
      head(UInt8(ascii: "="), text.count + 4)
      bytes.append("txt:")
      bytes.append(UnsafeRawBufferPointer(text))
    }
    endLine()
  }

  public mutating func array(_ count: Int) { head(UInt8(ascii: "*"), count) }

  /// `count` keys, each with its value behind it.
  public mutating func map(_ count: Int) {
    if version == .two { array(2 * count) } else { head(UInt8(ascii: "%"), count) }
  }

  /// Values of which none repeats.
  public mutating func set(_ count: Int) {
    if version == .two { array(count) } else { head(UInt8(ascii: "~"), count) }
  }

  // MARK: Errors and ends

  /// - Parameters:
  ///   - kind: What clients tell errors by: `ERR`, `NOAUTH`, ...
  ///   - message: One line; what cannot stand in one is replaced.
  public mutating func error(_ kind: StaticString, _ message: String) {
    errors += 1
    bytes.append(UInt8(ascii: "-"))
    bytes.append(kind)
    bytes.append(UInt8(ascii: " "))
    let start = bytes.count
    bytes.append(message)
    guard bytes.bytes[start...].contains(where: { $0 == 13 || $0 == 10 }) else { return endLine() }
    bytes.truncate(to: start)
    for byte in message.utf8 { bytes.append(byte == 13 || byte == 10 ? UInt8(ascii: " ") : byte) }
    endLine()
  }

  /// How much has been written; for `rewind`.
  public var mark: Int { bytes.count }

  /// Forgets what was written behind `mark`, an array's head and some of its values for instance.
  public mutating func rewind(to mark: Int) { bytes.truncate(to: mark) }

  /// The connection ends behind this reply.
  public mutating func close() { isLast = true }

  /// Nothing is written now: the reply is owed, and given by the deferral. Later commands of the connection wait for it.
  public mutating func deferReply() -> RESPDeferral {
    let deferral = RESPDeferral()
    self.deferral = deferral
    return deferral
  }

  /// The reply is written now after all.
  public mutating func withdrawDeferral() { deferral = nil }

  // MARK: For connections

  mutating func takeDeferral() -> RESPDeferral? { deferral.take() }

  /// How many errors were written since the last call.
  mutating func takeErrors() -> Int {
    defer { errors = 0 }
    return errors
  }

  /// Whether `close` was called since the last call.
  mutating func takeLast() -> Bool {
    defer { isLast = false }
    return isLast
  }

  // MARK: Parts

  @inline(__always)
  private mutating func endLine() {
    bytes.reserve(2).storeBytes(of: UInt16(littleEndian: 0x0a0d), as: UInt16.self)
    bytes.commit(2)
  }

  @inline(__always)
  private mutating func head(_ type: UInt8, _ count: Int) {
    bytes.append(type)
    bytes.append(decimal: UInt64(count))
    endLine()
  }

  /// Gives the bulk string behind `body`, whose head begins at `start`, its right head.
  private mutating func replaceHead(from start: Int, to body: Int) {
    let count = bytes.count - body
    let digits = Self.digits(count)
    let shift = digits + 3 - (body - start)
    if shift > 0 { _ = bytes.reserve(shift) }
    let first = bytes.reserve(0) - (bytes.count - start)
    if shift != 0 {
      (first + digits + 3).copyMemory(from: first + (body - start), byteCount: count)
      bytes.commit(shift)
    }
    var rest = count
    for index in stride(from: digits, to: 0, by: -1) {
      first.storeBytes(of: UInt8(48 + rest % 10), toByteOffset: index, as: UInt8.self)
      rest /= 10
    }
    first.storeBytes(of: UInt16(littleEndian: 0x0a0d), toByteOffset: digits + 1, as: UInt16.self)
  }

  private static func digits(_ value: Int) -> Int {
    var (digits, bound) = (1, 10)
    while value >= bound { (digits, bound) = (digits + 1, bound * 10) }
    return digits
  }
}
