/// What a client says of compressed replies (RFC 9110 section 12.5.3).
enum AcceptEncoding {
  /// Whether gzip is accepted, and not liked less than no compression. What is no list of codings with weights counts as if it were not
  /// there.
  static func prefersGzip(_ field: UnsafeRawBufferPointer) -> Bool {
    var gzip: Int?
    var any: Int?
    var identity: Int?
    for part in field.split(separator: UInt8(ascii: ",")) {
      let pieces = part.split(separator: UInt8(ascii: ";"), maxSplits: 1, omittingEmptySubsequences: false)
      guard let coding = pieces.first.map({ trimmed($0) }), let weight = weight(of: pieces.dropFirst().first) else {
        return false
      }
      if coding.equalsIgnoringCase("gzip") || coding.equalsIgnoringCase("x-gzip") {
        gzip = weight
      } else if coding.equals("*") {
        any = weight
      } else if coding.equalsIgnoringCase("identity") {
        identity = weight
      }
    }
    guard let wanted = gzip ?? any, wanted > 0 else { return false }
    return wanted >= identity ?? 0
  }

  /// Thousandths; 1000 where there is none, nil where it is malformed.
  static func weight(of parameter: Slice<UnsafeRawBufferPointer>?) -> Int? {
    guard let parameter else { return 1000 }
    let text = trimmed(parameter)
    let name = UnsafeRawBufferPointer(rebasing: text.prefix(2))
    guard name.equalsIgnoringCase("q=") else { return nil }
    let digits = text.dropFirst(2)
    guard let first = digits.first, first == 48 || first == 49, digits.count <= 5 else { return nil }
    let fraction = digits.dropFirst()
    if fraction.isEmpty { return first == 49 ? 1000 : 0 }
    guard fraction.first == UInt8(ascii: "."), fraction.dropFirst().allSatisfy({ (48...57).contains($0) }) else {
      return nil
    }
    var thousandths = first == 49 ? 1000 : 0
    var unit = 100
    for digit in fraction.dropFirst() {
      thousandths += Int(digit - 48) * unit
      unit /= 10
    }
    return thousandths <= 1000 ? thousandths : nil
  }

  static func trimmed(_ bytes: Slice<UnsafeRawBufferPointer>) -> UnsafeRawBufferPointer {
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    var rest = bytes.drop(while: isBlank)
    while let last = rest.last, isBlank(last) { rest = rest.dropLast() }
    return UnsafeRawBufferPointer(rebasing: rest)
  }
}
