import Bytes

/// One record's bytes, lent until the reader's next call.
@frozen
public struct Frame {
  /// Without the line's end or the length in front of it. The 64 bytes behind it are readable (simdjson reads past the end).
  public let bytes: UnsafeRawBufferPointer
  /// Where the record begins in the decompressed input: of `.binpb`, at its length.
  public let offset: UInt64
  /// The line or the record, from 1.
  public let number: UInt64
  /// Of the whole record; more than `bytes` has where it is oversized.
  public let length: UInt64
  /// The record is longer than allowed: `bytes` is its beginning.
  public let isOversized: Bool
  /// False for a last line without a newline, which may still be being written.
  public let isTerminated: Bool

  init(
    bytes: UnsafeRawBufferPointer, offset: UInt64, number: UInt64, length: UInt64? = nil, isOversized: Bool = false,
    isTerminated: Bool = true
  ) {
    self.bytes = bytes
    self.offset = offset
    self.number = number
    self.length = length ?? UInt64(bytes.count)
    self.isOversized = isOversized
    self.isTerminated = isTerminated
  }
}

/// How far an input was read: what to remember of it, so as to go on there.
public struct Checkpoint: Sendable, Hashable {
  /// Decompressed bytes consumed.
  public var position: UInt64
  /// Lines or records consumed.
  public var number: UInt64
  /// `ContentHash` of the consumed bytes.
  public var high: UInt64
  public var low: UInt64

  public init(position: UInt64, number: UInt64, high: UInt64, low: UInt64) {
    self.position = position
    self.number = number
    self.high = high
    self.low = low
  }
}

/// Limits of what is held of one record.
public struct RecordLimits: Sendable {
  /// A longer record is given as an oversized frame. Memory of so many bytes and 1 MiB is taken.
  public var record_bytes = 1 << 20
  /// Of an oversized record, so much is given.
  public var oversizedPrefix_bytes = 64 << 10
  /// A length in a `.binpb` above this is damage.
  public var length_bytes: UInt64 = 64 << 20

  public init() {}
}
