import Bytes
import TestKit
import Testing

@Suite("Byte buffers")
struct ByteBufferTests {
  private func text(_ buffer: borrowing ByteBuffer) -> String { String(decoding: buffer.bytes, as: UTF8.self) }

  @Test("bytes of every kind follow one another, however much memory that takes")
  func growth() {
    var buffer = ByteBuffer(capacity: 0)
    var expected: [UInt8] = []
    var random = SeededGenerator(seed: 1)
    for _ in 0..<500 {
      let piece = (0..<Int.random(in: 0...90, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      piece.withUnsafeBytes { buffer.append($0) }
      buffer.append(UInt8(7))
      expected += piece + [7]
    }
    #expect(Array(buffer.bytes) == expected)
    #expect(buffer.count == expected.count)
    buffer.removeFirst(100)
    #expect(Array(buffer.bytes) == Array(expected.dropFirst(100)))
    buffer.truncate(to: 50)
    buffer.truncate(to: 60)
    #expect(Array(buffer.bytes) == Array(expected.dropFirst(100).prefix(50)))
    buffer.removeFirst(50)
    #expect(buffer.count == 0)
    buffer.append("ab" as StaticString)
    buffer.append("cé\u{1F600}")
    #expect(text(buffer) == "abcé\u{1F600}")
    buffer.clear()
    #expect(buffer.count == 0)
  }

  @Test("what is reserved counts only when it is committed")
  func reserve() {
    var buffer = ByteBuffer()
    let room = buffer.reserve(1000)
    room.storeBytes(of: 0x6968, as: UInt16.self)
    #expect(buffer.count == 0)
    buffer.commit(2)
    #expect(text(buffer) == "hi")
  }

  @Test("memory is given back only when nothing is in it, and the buffer goes on")
  func shrink() {
    var buffer = ByteBuffer()
    _ = buffer.reserve(100_000)
    buffer.append("x")
    buffer.shrink(to: 16)
    #expect(text(buffer) == "x")
    buffer.clear()
    buffer.shrink(to: 0)
    for index in 0..<1000 { buffer.append(UInt8(truncatingIfNeeded: index)) }
    #expect(Array(buffer.bytes) == (0..<1000).map { UInt8(truncatingIfNeeded: $0) })
  }

  @Test("decimals are as Swift writes them")
  func decimals() {
    var buffer = ByteBuffer()
    var random = SeededGenerator(seed: 2)
    var unsigned: [UInt64] = [0, 1, 9, 10, 99, 100, .max]
    for bits in 1...64 { unsigned.append(random.next() >> UInt64(64 - bits)) }
    for value in unsigned {
      buffer.clear()
      buffer.append(decimal: value)
      #expect(text(buffer) == "\(value)")
      for signed in [Int64(bitPattern: value), -Int64(bitPattern: value >> 1)] {
        buffer.clear()
        buffer.append(decimal: signed)
        #expect(text(buffer) == "\(signed)")
      }
    }
    buffer.clear()
    buffer.append(decimal: Int64.min)
    #expect(text(buffer) == "-9223372036854775808")
  }

  @Test("a JSON string has its quotes, its escapes, and all else as it is")
  func json() {
    var buffer = ByteBuffer()
    buffer.append(jsonString: "")
    buffer.append(jsonString: "a\"b\\c/d\n\r\t\u{0}\u{1f}\u{7f}é\u{2028}\u{1F600}\"")
    let expected =
      #""""a\"b\\c/d\n\r\t\u0000\u001f"# + "\u{7f}é\u{2028}\u{1F600}" + #"\"""#
    #expect(text(buffer) == expected)
  }

  @Test("every control character is escaped so that a JSON parser gives it back")
  func controls() {
    for byte in UInt8(0)..<0x20 {
      var buffer = ByteBuffer()
      [byte].withUnsafeBytes { buffer.append(jsonString: $0) }
      let escape = text(buffer).dropFirst().dropLast()
      let value: UInt8? =
        switch escape {
        case "\\b": 8
        case "\\f": 12
        case "\\n": 10
        case "\\r": 13
        case "\\t": 9
        default: escape.hasPrefix("\\u") && escape.count == 6 ? UInt8(escape.dropFirst(2), radix: 16) : nil
        }
      #expect(value == byte)
    }
  }
}
