import Bytes

/// A complete request. What its properties point to is good until the handler returns.
public struct HTTPRequest: ~Copyable {
  /// HEAD arrives as `.get`: its body is left out when the reply is sent.
  public internal(set) var method = HTTPMethod.get
  public internal(set) var body = UnsafeRawBufferPointer(start: nil, count: 0)
  /// The value of Content-Type, or empty.
  public internal(set) var contentType = UnsafeRawBufferPointer(start: nil, count: 0)
  /// The path and the query as they were sent, for passing the request on.
  public internal(set) var rawTarget = UnsafeRawBufferPointer(start: nil, count: 0)
  var target = RequestTarget()
  var fields: HeaderFields?

  init() {}

  /// `/v1/users/u%201` has 3 segments, and `/` has one, which is empty.
  public var segmentCount: Int { target.segmentCount }

  /// A part of the path, decoded: valid UTF-8, and it may hold any character, a slash too.
  public func segment(_ index: Int) -> UnsafeRawBufferPointer { target.segment(index) }

  /// Whether the path is `pattern`, in which a segment `*` stands for any one: `/v1/users/*/sequence`.
  public func matches(_ pattern: StaticString) -> Bool {
    pattern.withUTF8Buffer { pattern in
      var rest = pattern.dropFirst()
      for index in 0..<segmentCount {
        let end = rest.firstIndex(of: UInt8(ascii: "/"))
        let expected = rest[..<(end ?? rest.endIndex)]
        let isWildcard = expected.count == 1 && expected.first == UInt8(ascii: "*")
        guard isWildcard || segment(index).elementsEqual(expected) else { return false }
        guard let end else { return index == segmentCount - 1 }
        rest = rest[(end + 1)...]
      }
      return false
    }
  }

  /// The value of the first header field of this name, in any case of letters; nil where there is none.
  public func field(_ name: StaticString) -> UnsafeRawBufferPointer? {
    guard let (count, first) = fields?[name], count > 0 else { return nil }
    return first
  }

  public var parameterCount: Int { target.parameterCount }
  public func parameterName(_ index: Int) -> UnsafeRawBufferPointer { target.name(index) }
  public func parameterValue(_ index: Int) -> UnsafeRawBufferPointer { target.value(index) }

  /// The first query parameter of this name, decoded, or nil.
  public func parameter(_ name: StaticString) -> UnsafeRawBufferPointer? {
    for index in 0..<parameterCount where parameterName(index).equals(name) { return parameterValue(index) }
    return nil
  }

  /// Refuses a query parameter that is not `known`, or that is there twice.
  public func checkParameters(_ known: [StaticString]) throws(ParameterError) {
    for index in 0..<parameterCount {
      let name = parameterName(index)
      guard known.contains(where: { name.equals($0) }) else {
        let names = known.map(\.description).joined(separator: ", ")
        throw ParameterError(
          String(decoding: name, as: UTF8.self), names.isEmpty ? "no parameters here" : "unknown; known are \(names)")
      }
      for earlier in 0..<index where parameterName(earlier).elementsEqual(name) {
        throw ParameterError(String(decoding: name, as: UTF8.self), "given twice")
      }
    }
  }

  /// The parameter as a decimal integer, or nil where it is not given.
  public func integer(_ name: StaticString, in range: ClosedRange<Int64>) throws(ParameterError) -> Int64? {
    guard let text = parameter(name) else { return nil }
    guard let value = Self.decimal(text), range.contains(value) else {
      throw ParameterError(
        name.description, "must be an integer in \(range.lowerBound)...\(range.upperBound)")
    }
    return value
  }

  private static func decimal(_ text: UnsafeRawBufferPointer) -> Int64? {
    let isNegative = text.first == UInt8(ascii: "-")
    let digits = text.dropFirst(isNegative ? 1 : 0)
    guard !digits.isEmpty else { return nil }
    var value: Int64 = 0
    for digit in digits {
      guard digit >= 48, digit <= 57 else { return nil }
      let (tens, overflowed) = value.multipliedReportingOverflow(by: 10)
      let step = Int64(digit - 48)
      let (next, overflowedAgain) =
        isNegative ? tens.subtractingReportingOverflow(step) : tens.addingReportingOverflow(step)
      guard !overflowed, !overflowedAgain else { return nil }
      value = next
    }
    return value
  }
}
