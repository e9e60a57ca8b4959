import Bytes

/// How far a partition's log is folded: offsets of Kafka, or 0 for what has none.
public struct PartitionOffsets: Equatable, Sendable {
  public var partition: UInt16
  /// The first offset ever folded.
  public var base: Int64
  /// The next offset to fold: everything before it is in the state.
  public var applied: Int64
  /// The last record before `applied`, by which another log of the same name is told; nil: not known.
  public var last: Record?

  /// A record of the log.
  public struct Record: Equatable, Sendable, BitwiseCopyable {
    public var offset: Int64
    /// Unix milliseconds; -1: it has none.
    public var timestamp_ms: Int64

    public init(offset: Int64, timestamp_ms: Int64) {
      self.offset = offset
      self.timestamp_ms = timestamp_ms
    }
  }

  public init(partition: UInt16, base: Int64, applied: Int64, last: Record? = nil) {
    self.partition = partition
    self.base = base
    self.applied = applied
    self.last = last
  }
}

/// How far an input file has been folded.
public struct InputPosition: Equatable, Sendable {
  /// Absolute path, or the name given to standard input.
  public var name: String
  /// Bytes, decompressed, from the beginning.
  public var consumed: UInt64
  /// XXH3-128 of those bytes.
  public var hash: (high: UInt64, low: UInt64)
  /// Records, bad ones included, so that messages go on numbering.
  public var records: UInt64

  public init(name: String, consumed: UInt64, hash: (high: UInt64, low: UInt64), records: UInt64) {
    self.name = name
    self.consumed = consumed
    self.hash = hash
    self.records = records
  }

  public static func == (a: Self, b: Self) -> Bool {
    a.name == b.name && a.consumed == b.consumed && a.hash == b.hash && a.records == b.records
  }
}

/// How far the dead letters' file holds.
public struct DeadLetterPosition: Equatable, Sendable {
  public var bytes: UInt64
  public var records: UInt64
  /// The file's inode: another file, put there when the old one was moved away, does not hold anything yet.
  public var file: UInt64

  public init(bytes: UInt64 = 0, records: UInt64 = 0, file: UInt64 = 0) {
    self.bytes = bytes
    self.records = records
    self.file = file
  }
}

/// Everything that a file of states makes durable together with them.
public struct DurablePositions: Sendable {
  /// One for every owned partition, whether it has events in the file or not; partitions ascending.
  public var partitions: [PartitionOffsets] = []
  public var inputs: [InputPosition] = []
  public var deadLetters: DeadLetterPosition?
  /// The partitions that the group has given this instance; nil: as before.
  public var owned: [UInt16]?
  /// Ids met since the last file, and those that no record can be a duplicate of any more.
  public var duplicateIDs: [StoredIDs] = []
  public var forgottenIDs: [StoredIDs] = []
  /// Whether users were met on another partition than their keys tell; it is never forgotten again.
  public var hasMisplacedUsers = false

  public init() {}

  public var isEmpty: Bool {
    partitions.isEmpty && inputs.isEmpty && deadLetters == nil && owned == nil && duplicateIDs.isEmpty
      && forgottenIDs.isEmpty && !hasMisplacedUsers
  }
}

/// Ids by which a partition's duplicates are told, as whoever tells them has encoded them.
public struct StoredIDs: Equatable, Sendable {
  public var partition: UInt16
  /// The offset of the last of them; one piece of ids for each.
  public var last: Int64
  public var bytes: [UInt8]

  public init(partition: UInt16, last: Int64, bytes: [UInt8] = []) {
    self.partition = partition
    self.last = last
    self.bytes = bytes
  }
}

/// Positions as stored: a version byte, then fixed-width numbers, least significant byte first.
enum PositionCodec {
  private static var version: UInt8 { 1 }

  static func encode(_ numbers: UInt64...) -> [UInt8] {
    [version] + numbers.flatMap { number in (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) } }
  }

  static func encode(_ numbers: [UInt16]) -> [UInt8] {
    [version] + numbers.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
  }

  /// Nil where the bytes are not a list of numbers.
  static func list(_ bytes: UnsafeRawBufferPointer) -> [UInt16]? {
    guard bytes.count % 2 == 1, bytes[0] == version else { return nil }
    return (0..<bytes.count / 2).map {
      UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 1 + 2 * $0, as: UInt16.self))
    }
  }

  /// Nil where the bytes are not `count` numbers.
  static func decode(_ bytes: UnsafeRawBufferPointer, _ count: Int) -> [UInt64]? {
    guard bytes.count == 1 + 8 * count, bytes[0] == version else { return nil }
    return (0..<count).map { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 1 + 8 * $0, as: UInt64.self)) }
  }

  /// Two numbers, or four where the last record is known.
  static func encode(_ offsets: PartitionOffsets) -> [UInt8] {
    let (base, applied) = (UInt64(bitPattern: offsets.base), UInt64(bitPattern: offsets.applied))
    guard let last = offsets.last else { return encode(base, applied) }
    return encode(base, applied, UInt64(bitPattern: last.offset), UInt64(bitPattern: last.timestamp_ms))
  }

  static func offsets(_ bytes: UnsafeRawBufferPointer, partition: UInt16) -> PartitionOffsets? {
    guard let numbers = (decode(bytes, 4) ?? decode(bytes, 2))?.map({ Int64(bitPattern: $0) }) else { return nil }
    return PartitionOffsets(
      partition: partition, base: numbers[0], applied: numbers[1],
      last: numbers.count == 4 ? .init(offset: numbers[2], timestamp_ms: numbers[3]) : nil)
  }

  static func encode(_ input: InputPosition) -> [UInt8] {
    encode(input.consumed, input.hash.high, input.hash.low, input.records)
  }

  static func input(_ bytes: UnsafeRawBufferPointer, name: String) -> InputPosition? {
    decode(bytes, 4).map { InputPosition(name: name, consumed: $0[0], hash: ($0[1], $0[2]), records: $0[3]) }
  }

  /// The fold of positions keeps the farthest: of operands that are as many numbers as one of `counts`, the index of the one whose number at `rank`
  /// is the largest, the latest of equal ones. Nil where none can be read.
  static func farthest(
    _ operands: UnsafeBufferPointer<UnsafeRawBufferPointer>, rankedBy rank: Int, of counts: Int...
  ) -> Int? {
    var best: (index: Int, value: UInt64)?
    for (index, operand) in operands.enumerated() {
      guard let numbers = counts.lazy.compactMap({ decode(operand, $0) }).first else { continue }
      if best.map({ numbers[rank] >= $0.value }) ?? true { best = (index, numbers[rank]) }
    }
    return best?.index
  }
}
