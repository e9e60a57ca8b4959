import Bytes
import TestKit
import Testing

@Suite("Hashes")
struct HashTests {
  private func hash<Value>(_ text: String, _ function: (UnsafeRawBufferPointer) -> Value) -> Value {
    Array(text.utf8).withUnsafeBytes(function)
  }

  @Test("murmur2 is the Java client's (UtilsTest.testMurmur2)")
  func murmur() {
    let vectors: [(String, Int32)] = [
      ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
      ("a-little-bit-longer-string", -1_486_304_829),
      ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
    ]
    for (text, expected) in vectors { #expect(hash(text) { Int32(bitPattern: murmur2($0)) } == expected, "\(text)") }
  }

  @Test("a key's partition is the hash without its sign, modulo the partitions")
  func partition() {
    for (text, expected) in [("21", -973_932_308), ("foobar", -790_332_482), ("abc", 479_470_107)] {
      for count: Int32 in [1, 3, 8, .max] {
        #expect(hash(text) { murmur2Partition($0, count: count) } == Int32((expected & 0x7fff_ffff) % Int(count)))
      }
    }
  }

  @Test("CRC-32 is zlib's, and its partition the hash without a sign, modulo the partitions")
  func crc() {
    let vectors: [(String, UInt32)] = [
      ("", 0), ("a", 0xE8B7_BE43), ("abc", 0x3524_41C2), ("123456789", 0xCBF4_3926),
      ("The quick brown fox jumps over the lazy dog", 0x414F_A339),
    ]
    for (text, expected) in vectors {
      #expect(hash(text, crc32) == expected, "\(text)")
      for count: Int32 in [1, 3, 8, .max] {
        #expect(hash(text) { crc32Partition($0, count: count) } == Int32(expected % UInt32(count)), "\(text)")
      }
    }
  }

  @Test("FNV-1a is the reference's (fnv's test_fnv.c)")
  func fnv() {
    let vectors: [(String, UInt32)] = [("", 0x811C_9DC5), ("a", 0xE40C_292C), ("foobar", 0xBF9C_F968)]
    for (text, expected) in vectors { #expect(hash(text, fnv1a) == expected, "\(text)") }
  }

  @Test(
    "its partition is Sarama's: of the signed hash without its sign (librdkafka's rdfnv1a.c has the numbers from Go)")
  func fnvPartition() {
    let vectors: [(String, Int64)] = [
      ("", 0x7EE3_623B), ("a", 0x1BF3_D6D4), ("foobar", 0x4063_0698), ("kafka", 0xD33_C4E1),
      ("giberish123456789", 0x77A5_8295),
    ]
    for (text, expected) in vectors {
      for count: Int32 in [1, 3, 8, .max] {
        #expect(hash(text) { fnv1aPartition($0, count: count) } == Int32(expected % Int64(count)), "\(text)")
      }
    }
  }

  @Test("murmur2 takes bytes from any address")
  func unaligned() {
    let bytes = Array("xxxfoobar".utf8)
    bytes.withUnsafeBytes { bytes in
      let tail = UnsafeRawBufferPointer(rebasing: bytes[3...])
      #expect(Int32(bitPattern: murmur2(tail)) == -790_332_482)
    }
  }

  @Test("ids are hashed by XXH64 with seed 0")
  func xxh() {
    #expect(hash("", xxh64) == 0xEF46_DB37_51D8_E999)
    #expect(hash("a", xxh64) == 0xD24E_C4F1_A98C_6E5B)
    #expect(hash("abc", xxh64) == 0x44BC_2CF5_AD77_0999)
    #expect(hash("Nobody inspects the spammish repetition", xxh64) == 0xFBCE_A83C_8A37_8BF1)
  }

  @Test("a content hash does not depend on how its bytes are cut, and may be asked for at any time")
  func contentHash() {
    var random = SeededGenerator(seed: 4)
    let bytes = (0..<5000).map { _ in UInt8.random(in: 0...255, using: &random) }
    bytes.withUnsafeBytes { bytes in
      var whole = ContentHash()
      whole.update(bytes)
      for _ in 0..<50 {
        var pieces = ContentHash()
        var start = 0
        while start < bytes.count {
          let end = min(bytes.count, start + Int.random(in: 0...700, using: &random))
          pieces.update(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
          start = end
          _ = pieces.value
        }
        #expect(pieces.value == whole.value)
      }
      var other = ContentHash()
      other.update(UnsafeRawBufferPointer(rebasing: bytes.dropLast()))
      #expect(other.value != whole.value)
    }
  }

  @Test("a content hash in hexadecimal is XXH3-128's, high half first, with leading zeros")
  func hexadecimal() {
    #expect(ContentHash().hexadecimal == "99aa06d3014798d86001c324468d497f")
    var random = SeededGenerator(seed: 5)
    var shortest = 64
    for _ in 0..<400 {
      var hash = ContentHash()
      withUnsafeBytes(of: random.next()) { hash.update($0) }
      #expect(hash.hexadecimal.count == 32)
      let (high, low) = hash.value
      #expect(UInt64(hash.hexadecimal.prefix(16), radix: 16) == high)
      #expect(UInt64(hash.hexadecimal.suffix(16), radix: 16) == low)
      shortest = min(shortest, String(high, radix: 16).count, String(low, radix: 16).count)
    }
    #expect(shortest < 16)
  }

  @Test("a table's hash tells lengths, contents and seeds apart, and spreads over low bits")
  func table() {
    let zeros = [UInt8](repeating: 0, count: 64)
    zeros.withUnsafeBytes { bytes in
      let hashes = (0...64).map { tableHash(bytes.baseAddress!, $0) }
      #expect(Set(hashes).count == hashes.count)
      #expect(Set((0..<100).map { tableHash(bytes.baseAddress!, 12, seed: $0) }).count == 100)
    }
    var buckets = [Int](repeating: 0, count: 256)
    for number in 0..<25_600 {
      let id = String(number)
      let text = String(repeating: "0", count: 12 - id.count) + id
      buckets[hash(text) { Int(truncatingIfNeeded: tableHash($0.baseAddress!, $0.count)) & 255 }] += 1
    }
    #expect(buckets.max()! < 200 && buckets.min()! > 30)
  }
}
