import Bytes
import TestKit
import Testing

@Suite("Varints")
struct VarintTests {
  private func encode(_ value: UInt64) -> [UInt8] {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 10) { bytes in
      var at = bytes.baseAddress!
      writeVarint(value, &at)
      return Array(bytes[..<(at - bytes.baseAddress!)])
    }
  }

  /// The value, and how many bytes were left; nil where the reader failed.
  private func decode(_ bytes: [UInt8]) -> (value: UInt64, left: Int)? {
    // A block of exactly this size, so that the address sanitizer sees a read behind it.
    let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
    defer { copy.deallocate() }
    _ = copy.initialize(from: bytes)
    var reader = ByteReader(copy.baseAddress!, count: bytes.count)
    let value = reader.varint()
    return reader.failed ? nil : (value, reader.remaining)
  }

  @Test("the quick way writes and reads the same, and touches nothing behind the bytes that it may")
  func quick() throws {
    var random = SeededGenerator(seed: 5)
    var values: [UInt64] = [0, 1, 127, 128, 300, .max, .max - 1, 1 << 63]
    for bits in 1...64 { values += [UInt64.max >> UInt64(64 - bits), random.next() >> UInt64(64 - bits)] }
    for value in values {
      let expected = encode(value)
      #expect(varintSize(value) == expected.count)
      let written = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { bytes in
        bytes.initialize(repeating: 0x5a)
        var at = bytes.baseAddress!
        writeQuickVarint(value, &at)
        #expect(bytes[10...].allSatisfy { $0 == 0x5a })
        return Array(bytes[..<(at - bytes.baseAddress!)])
      }
      #expect(written == expected)
      for padding in [0, 1, 9] {
        let bytes = expected + [UInt8](repeating: 0xd5, count: padding)
        #expect(bytes.withUnsafeBufferPointer { quick($0) { $0.quickVarint() } } == [value, UInt64(padding)])
        guard bytes.count >= 8 else { continue }
        #expect(
          bytes.withUnsafeBufferPointer { quick($0) { $0.quickVarint(if: true) } } == [value, UInt64(padding)])
        #expect(
          bytes.withUnsafeBufferPointer { quick($0) { $0.quickVarint(if: false) } } == [0, UInt64(bytes.count)])
      }
      for count in 0..<expected.count {
        #expect(Array(expected.prefix(count)).withUnsafeBufferPointer { quick($0) { $0.quickVarint() } } == nil)
      }
    }
    let endless = [UInt8](repeating: 0xff, count: 12)
    #expect(endless.withUnsafeBufferPointer { quick($0) { $0.quickVarint() } } == nil)
    #expect(endless.withUnsafeBufferPointer { quick($0) { $0.quickVarint(if: true) } } == nil)
  }

  /// The value, and how many bytes were left; nil where the reader failed.
  private func quick(_ bytes: UnsafeBufferPointer<UInt8>, _ read: (inout ByteReader) -> UInt64) -> [UInt64]? {
    let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
    defer { copy.deallocate() }
    _ = copy.initialize(from: bytes)
    var reader = ByteReader(copy.baseAddress!, count: bytes.count)
    let value = read(&reader)
    return reader.failed ? nil : [value, UInt64(reader.remaining)]
  }

  @Test("values come back, in as many bytes as their bits need")
  func roundTrip() throws {
    var random = SeededGenerator(seed: 1)
    var values: [UInt64] = [0, 1, 127, 128, 300, .max, .max - 1, 1 << 63]
    for bits in 1...64 { values += [UInt64.max >> UInt64(64 - bits), random.next() >> UInt64(64 - bits)] }
    for value in values {
      let bytes = encode(value)
      #expect(bytes.count == max(1, (70 - value.leadingZeroBitCount) / 7))
      let read = try #require(decode(bytes + [0x55]))
      #expect(read.value == value && read.left == 1)
      for count in 0..<bytes.count { #expect(decode(Array(bytes.prefix(count))) == nil) }
    }
    #expect(encode(300) == [0xac, 0x02])
  }

  @Test("ten bytes hold 64 bits; a tenth with more, and an eleventh, are refused")
  func limits() {
    let nine = [UInt8](repeating: 0xff, count: 9)
    #expect(decode(nine + [0x01])?.value == .max)
    #expect(decode(nine + [0x02]) == nil)
    #expect(decode(nine + [0x7f]) == nil)
    #expect(decode(nine + [0x81, 0x00]) == nil)
    #expect(decode([UInt8](repeating: 0x80, count: 10) + [0x01]) == nil)
    // Protobuf allows leading zeros.
    #expect(decode([0x80, 0x00])?.value == 0)
    #expect(decode([UInt8](repeating: 0x80, count: 9) + [0x00])?.value == 0)
  }

  @Test("zigzag keeps small magnitudes small, and has an image for every number")
  func zigzags() {
    for (value, image) in [(0, 0), (-1, 1), (1, 2), (-2, 3)] as [(Int64, UInt64)] { #expect(zigzag(value) == image) }
    #expect(zigzag(.max) == .max - 1 && zigzag(.min) == .max)
    var random = SeededGenerator(seed: 2)
    for value in [0, 1, -1, .max, .min] + (0..<1000).map({ _ in Int64(bitPattern: random.next()) }) {
      #expect(unzigzag(zigzag(value)) == value)
    }
  }

  @Test("a reader that failed has nothing more to give")
  func failed() {
    [1, 2, 3, 4, 5].withUnsafeBufferPointer { (bytes: UnsafeBufferPointer<UInt8>) in
      var reader = ByteReader(bytes.baseAddress!, count: bytes.count)
      #expect(Array(reader.bytes(2)) == [1, 2])
      #expect(reader.remaining == 3)
      #expect(reader.bytes(4).count == 0)
      #expect(reader.failed && reader.isAtEnd)
      #expect(reader.varint() == 0)
      #expect(reader.bytes(0).count == 0)
      var other = ByteReader(bytes.baseAddress!, count: bytes.count)
      #expect(other.bytes(.max).count == 0 && other.failed)
    }
  }
}
