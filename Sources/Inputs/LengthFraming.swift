import Bytes

extension RecordReader {
  /// The most that a varint takes.
  private static let lengthSize = 10

  /// The next length-delimited message.
  mutating func nextMessage() throws(InputError) -> Frame? {
    if window.count < Self.lengthSize { try window.refill(toHold: Self.lengthSize) }
    guard window.count > 0 else { return nil }
    let (length, lengthSize) = try readLength()
    if length > UInt64(limits.record_bytes) { return try oversizedMessage(length, lengthSize) }
    let whole = lengthSize &+ Int(length)
    if window.count < whole {
      try window.refill(toHold: whole)
      guard window.count >= whole else { throw truncated(length, present: UInt64(window.count - lengthSize)) }
    }
    let bytes = UnsafeRawBufferPointer(rebasing: window.prefix(whole)[lengthSize...])
    let frame = Frame(bytes: bytes, offset: window.position, number: number &+ 1)
    window.consume(whole)
    number &+= 1
    return frame
  }

  private func readLength() throws(InputError) -> (length: UInt64, size: Int) {
    let bytes = window.prefix(min(window.count, Self.lengthSize))
    let start = bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
    var reader = ByteReader(start, count: bytes.count)
    let length = reader.varint()
    guard !reader.failed else {
      if bytes.count < Self.lengthSize { throw truncated(nil, present: UInt64(bytes.count)) }
      throw corrupt("is not a varint")
    }
    guard length <= limits.length_bytes else { throw corrupt("is \(length) bytes, above \(limits.length_bytes)") }
    return (length, reader.at - start)
  }

  private mutating func oversizedMessage(_ length: UInt64, _ lengthSize: Int) throws(InputError) -> Frame {
    let before = checkpoint()
    held = before
    window.consume(lengthSize)
    let kept = Int(min(length, UInt64(limits.oversizedPrefix_bytes)))
    try window.refill(toHold: min(kept, limits.record_bytes))
    keepPrefix(window.prefix(min(kept, window.count)))
    let missing = try window.skip(length)
    guard missing == 0 else { throw truncated(length, present: length - missing) }
    held = nil
    number += 1
    return Frame(
      bytes: prefix.bytes, offset: before.position, number: number, length: length, isOversized: true)
  }

  private func corrupt(_ problem: String) -> InputError {
    InputError(
      .corrupt, input.name, "the length of record \(number + 1), at byte \(consumed), \(problem)",
      hint: "it is damaged or no length-delimited Protobuf, and nothing from there on can be told apart",
      offset: consumed)
  }

  private func truncated(_ length: UInt64?, present: UInt64) -> InputError {
    let lacking = length.map { "has \(present) of \($0) bytes" } ?? "ends inside its length"
    return InputError(
      .truncated, input.name, "record \(number + 1), at byte \(consumed), \(lacking)",
      hint: "it may be half-written: complete it and run again, which goes on at that record", offset: consumed)
  }
}
