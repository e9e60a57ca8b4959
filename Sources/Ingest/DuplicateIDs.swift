import Bytes

/// Bytes that are no encoded ids. Its text goes on from what was being read.
struct DuplicateIDsError: Error, Equatable, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// Ids that a flush makes durable, below 1 MiB: a version byte, the first offset as a varint, then for each id its hash (8 bytes, least
/// significant first), the distance to the offset before (a varint; 0 for the first) and to the timestamp before (a zigzag varint; 0
/// before the first, -1 where a record has none).
struct EncodedIDs: Equatable, Sendable {
  let firstOffset: Int64
  let lastOffset: Int64
  let bytes: [UInt8]

  static var maximum_bytes: Int { 1 << 20 }
  static var version: UInt8 { 1 }

  /// Reads what may be anything.
  struct Reader {
    let firstOffset: Int64
    private var reader: ByteReader
    private var offset: Int64
    private var timestamp_ms: Int64 = 0
    private var isFirst = true

    /// - Parameter bytes: Alive and unchanged as long as the reader.
    init(_ bytes: UnsafeRawBufferPointer) throws(DuplicateIDsError) {
      guard let start = bytes.baseAddress, bytes.count > 0 else { throw DuplicateIDsError("there are no bytes") }
      reader = ByteReader(start.assumingMemoryBound(to: UInt8.self), count: bytes.count)
      let version = reader.bytes(1)[0]
      guard version == EncodedIDs.version else {
        throw DuplicateIDsError("version \(version) is not known; this program reads \(EncodedIDs.version)")
      }
      guard let offset = Int64(exactly: reader.varint()), !reader.failed else {
        throw DuplicateIDsError("the first offset is none")
      }
      guard !reader.isAtEnd else { throw DuplicateIDsError("there are no ids") }
      firstOffset = offset
      self.offset = offset
    }

    /// Nil at the end.
    mutating func next() throws(DuplicateIDsError) -> RegisteredID? {
      if reader.isAtEnd { return nil }
      let hash = reader.bytes(8)
      let distance = reader.varint()
      let step_ms = unzigzag(reader.varint())
      guard !reader.failed else { throw DuplicateIDsError("they end within the id after offset \(offset)") }
      guard distance <= UInt64(Int64.max - offset) && (distance == 0) == isFirst else {
        throw DuplicateIDsError("an offset is \(distance) after offset \(offset)")
      }
      let next = offset + Int64(distance)
      let (time_ms, isTooLate) = timestamp_ms.addingReportingOverflow(step_ms)
      let number = UInt64(littleEndian: hash.loadUnaligned(as: UInt64.self))
      guard !isTooLate && (RegisteredID.none...RegisteredID.latest_ms).contains(time_ms) && number != 0 else {
        throw DuplicateIDsError("the id at offset \(next) is none that was written")
      }
      (offset, timestamp_ms, isFirst) = (next, time_ms, false)
      return RegisteredID(hash: number, offset: next, timestamp_ms: time_ms)
    }
  }
}

/// Ids on their way to the next flush, encoded as they come.
struct NewIDs: ~Copyable {
  private var full: [EncodedIDs] = []
  private var full_bytes = 0
  private var open = ByteBuffer(capacity: 1 << 10)
  private var first: Int64 = 0
  private var last: Int64 = 0
  private var lastTimestamp_ms: Int64 = 0

  /// Version and offset, or an id: the longest of them.
  private static var longest_bytes: Int { 8 + 10 + 10 }
  /// Kept from flush to flush.
  private static var kept_bytes: Int { 1 << 16 }

  var count_bytes: Int { full_bytes + open.count }

  var memory_bytes: Int { full_bytes + open.capacity_bytes }

  /// Offsets ascend.
  mutating func append(_ id: RegisteredID) {
    if open.count > EncodedIDs.maximum_bytes - Self.longest_bytes { close() }
    let start = open.reserve(2 * Self.longest_bytes).assumingMemoryBound(to: UInt8.self)
    var at = start
    if open.count == 0 {
      at.pointee = EncodedIDs.version
      at += 1
      writeVarint(UInt64(id.offset), &at)
      (first, last, lastTimestamp_ms) = (id.offset, id.offset, 0)
    }
    UnsafeMutableRawPointer(at).storeBytes(of: id.hash.littleEndian, as: UInt64.self)
    at += 8
    writeVarint(UInt64(id.offset &- last), &at)
    writeVarint(zigzag(id.timestamp_ms &- lastTimestamp_ms), &at)
    open.commit(at - start)
    (last, lastTimestamp_ms) = (id.offset, id.timestamp_ms)
  }

  mutating func take() -> [EncodedIDs] {
    if open.count > 0 { close() }
    open.shrink(to: Self.kept_bytes)
    defer { (full, full_bytes) = ([], 0) }
    return full
  }

  private mutating func close() {
    full.append(EncodedIDs(firstOffset: first, lastOffset: last, bytes: Array(open.bytes)))
    full_bytes += open.count
    open.clear()
  }
}
