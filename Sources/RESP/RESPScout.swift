/// Looks ahead for commands of one name and one key: `*2 $3 GET $n key`. What it finds is a guess: the parser alone decides what a command
/// is.
struct RESPScout {
  let name: StaticString

  /// Keys at a time: as many as clients send at once mostly.
  static var window: Int { 16 }

  /// The key of the command at `at`, which then is behind it; nil: there is none that is whole.
  @inline(__always)
  func next(_ input: UnsafeRawBufferPointer, _ at: inout Int) -> UnsafeRawBufferPointer? {
    guard at + 4 <= input.count, input.loadUnaligned(fromByteOffset: at, as: UInt32.self) == Self.head else {
      return nil
    }
    var end = at + 4
    guard let name = Self.word(input, &end), name.equalsIgnoringCase(self.name), let key = Self.word(input, &end) else {
      return nil
    }
    at = end
    return key
  }

  /// A bulk string of at most 999 bytes, whole and not empty.
  @inline(__always)
  private static func word(_ input: UnsafeRawBufferPointer, _ at: inout Int) -> UnsafeRawBufferPointer? {
    guard at < input.count, input[at] == UInt8(ascii: "$") else { return nil }
    var index = at + 1
    var length = 0
    while index < input.count, index <= at + 3, input[index] >= 48, input[index] <= 57 {
      length = length &* 10 &+ Int(input[index] &- 48)  // at most three digits
      index += 1
    }
    let start = index + 2
    guard length > 0, start + length + 2 <= input.count, input[index] == UInt8(ascii: "\r") else { return nil }
    at = start + length + 2
    return UnsafeRawBufferPointer(rebasing: input[start..<start + length])
  }

  private static var head: UInt32 { UInt32(littleEndian: 0x0a0d_322a) }  // "*2\r\n"
}
