import InterestCodec
import InterestStore

/// Where a bad record stands.
enum RecordOrigin {
  /// Position in bytes (decompressed) and the record's number from 1.
  case file(path: String, position: UInt64, number: UInt64)
  case kafka(topic: String, partition: Int32, offset: Int64)
}

/// Where a lane's bad records go: the state's file, or a topic. Owned by one lane.
enum DeadLetters {
  case file(DeadLetterFile)
  case topic(DeadLetterOutlet)

  /// - Parameters:
  ///   - value: The original bytes, or their beginning where `value_bytes` tells how many there were.
  ///   - timestamp_ms: The record's; -1: it has none.
  /// - Throws: where the letters can be written no more, or no room for one comes free in time.
  func add(
    _ bad: BadRecord, _ origin: RecordOrigin, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?,
    value_bytes: UInt64? = nil, timestamp_ms: Int64 = -1
  ) throws(IngestError) {
    switch self {
    case .file(let file):
      try file.add(bad, origin, key: key, value: value, value_bytes: value_bytes, timestamp_ms: timestamp_ms)
    case .topic(let outlet):
      guard
        let headers = LetterHeaders(
          origin, timestamp_ms: timestamp_ms, reason: bad.reason.rawValue, detail: bad.detail)
      else { return }
      try outlet.send(headers, key: key, value: value)
    }
  }

  /// Marks that everything of a user before this record is gone: what dead letters hold of the user from before is never sent back.
  /// A file is not sent back from, and gets nothing.
  func addErasure(
    of user: UnsafeRawBufferPointer, _ origin: RecordOrigin, timestamp_ms: Int64
  ) throws(IngestError) {
    guard case .topic(let outlet) = self else { return }
    guard
      let headers = LetterHeaders(origin, timestamp_ms: timestamp_ms, reason: LetterHeaders.erasure, detail: "")
    else { return }
    try outlet.send(headers, key: user, value: nil)
  }

  /// To be called before a buffer is handed over: the letters added so far belong to it. A file's are durable when this returns; a
  /// topic's when the receipt's `wait` does, which must be before the buffer becomes durable.
  func seal() throws(IngestError) -> LetterReceipt? {
    switch self {
    case .file(let file):
      try file.makeDurable()
      return nil
    case .topic(let outlet): return outlet.seal()
    }
  }

  /// Throws what keeps letters from being written, where that is known.
  func check() throws(IngestError) {
    if case .topic(let outlet) = self { try outlet.check() }
  }

  /// How far the file reaches.
  var position: DeadLetterPosition? {
    if case .file(let file) = self { file.position } else { nil }
  }
}
