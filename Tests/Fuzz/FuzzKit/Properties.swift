import Glibc

/// Ends the process where a property does not hold, so that libFuzzer keeps the input that shows it.
public func require(_ holds: Bool, _ property: @autoclosure () -> String) {
  if !holds { fail(property()) }
}

public func fail(_ property: String) -> Never {
  "property: \(property)\n".withCString { _ = write(STDERR_FILENO, $0, strlen($0)) }
  abort()
}

/// `body` sees a copy of exactly these bytes in a block of its own, so that the address sanitizer sees a read behind it.
public func withCopy<Result>(_ bytes: some Collection<UInt8>, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
  let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
  defer { copy.deallocate() }
  copy.copyBytes(from: bytes)
  return body(UnsafeRawBufferPointer(copy))
}

/// As `withCopy`, for several at once.
public func withCopies<Result>(
  _ all: [[UInt8]], _ body: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Result
) -> Result {
  let copies = all.map { bytes in
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    copy.copyBytes(from: bytes)
    return UnsafeRawBufferPointer(copy)
  }
  defer { copies.forEach { $0.deallocate() } }
  return copies.withUnsafeBufferPointer(body)
}

/// An input read from the front as small numbers and pieces; at its end everything is 0 or empty.
public struct InputFeed {
  private var rest: Slice<UnsafeRawBufferPointer>

  public init(_ start: UnsafePointer<UInt8>?, _ count: Int) {
    rest = UnsafeRawBufferPointer(start: start, count: count)[...]
  }

  public var isEmpty: Bool { rest.isEmpty }

  public mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

  /// Little end first.
  public mutating func number(bytes: Int) -> UInt64 {
    var number: UInt64 = 0
    for index in 0..<bytes { number |= UInt64(byte()) << UInt64(8 * index) }
    return number
  }

  public mutating func take(_ count: Int) -> [UInt8] {
    defer { rest = rest.dropFirst(count) }
    return Array(rest.prefix(count))
  }

  public mutating func takeRest() -> [UInt8] { take(rest.count) }
}
