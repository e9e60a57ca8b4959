extension ByteReader {
  /// Levels of nested groups that are skipped.
  private static var maximumDepth: Int { 64 }
  private static var fieldNumbers: ClosedRange<UInt64> { 1...0x1FFF_FFFF }

  /// Past the value of a Protobuf field that the caller does not know.
  ///
  /// - Parameter tag: The field's number times 8, plus the wire type.
  public mutating func skip(protobufTag tag: UInt64) { skip(tag, depth: 0) }

  private mutating func skip(_ tag: UInt64, depth: Int) {
    guard Self.fieldNumbers.contains(tag >> 3) && !failed else { return giveUp() }
    switch tag & 7 {
    case 0: _ = varint()
    case 1: _ = bytes(8)
    case 2: _ = bytes(varint())
    case 3: skipGroup(tag, depth: depth)
    case 5: _ = bytes(4)
    default: giveUp()
    }
  }

  private mutating func skipGroup(_ start: UInt64, depth: Int) {
    let end = start + 1
    guard depth < Self.maximumDepth else { return giveUp() }
    while !failed {
      let tag = varint()
      if tag == end { return }
      skip(tag, depth: depth + 1)
    }
  }

  private mutating func giveUp() { _ = fail() }
}
