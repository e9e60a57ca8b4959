import Bytes

/// What Confluent's serializers put before a value: a zero byte and a schema id of four bytes; for Protobuf also the path to the
/// message within its file. (docs.confluent.io: Schema Registry, "Wire format".)
enum ConfluentPrefix {
  static let marker: UInt8 = 0
  static let length = 5

  /// The value without the path of message indexes before it; nil where the path does not end. Which message of the file it is does
  /// not matter: the topic says what it holds.
  static func removingMessageIndexes(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    guard let base = bytes.baseAddress else { return nil }
    var reader = ByteReader(base.assumingMemoryBound(to: UInt8.self), count: bytes.count)
    let count = unzigzag(reader.varint())
    // A count of 0 stands for the path [0]. Each index takes a byte or more, which bounds the loop.
    guard !reader.failed && count >= 0 && count <= reader.remaining else { return nil }
    for _ in 0..<count where unzigzag(reader.varint()) < 0 { return nil }
    return reader.failed ? nil : UnsafeRawBufferPointer(start: reader.at, count: reader.remaining)
  }
}
