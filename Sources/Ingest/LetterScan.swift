import Kafka

/// A letter as it lies in the dead letters' topic, copied.
struct Letter {
  let partition: Int32
  let offset: Int64
  /// The record's: the original's, unless the topic is stamped by its brokers.
  let timestamp_ms: Int64
  let key: [UInt8]?
  let value: [UInt8]?
  let raw: [LetterHeaders.Raw]
  /// Nil: somebody else's record.
  let headers: LetterHeaders?

  init(_ message: borrowing Message) {
    partition = message.partition
    offset = message.offset
    timestamp_ms = message.timestamp_ms
    key = message.key.map(Array.init)
    value = message.value.map(Array.init)
    raw = Self.headers(of: message)
    headers = LetterHeaders(raw)
  }

  var size_bytes: Int { (key?.count ?? 0) + (value?.count ?? 0) + 256 }

  static func headers(of message: borrowing Message) -> [LetterHeaders.Raw] {
    var raw: [LetterHeaders.Raw] = []
    message.forEachHeader { name, value in raw.append((name, value.map(Array.init))) }
    return raw
  }
}

/// What has to be known of all dead letters before any is sent back: a marker may lie behind the letters that it concerns, and letters
/// that are repeated behind those they repeat.
struct LetterScan {
  struct Place: Hashable {
    let partition: Int32
    let offset: Int64
  }

  private(set) var erasures = Erasures()
  /// Where letters lie that came from the daemon for a record of which an earlier one tells.
  private(set) var repeats: Set<Place> = []
  /// Records told of; for the length of the scan.
  private var origins: Set<Place> = []
  private let topic: String

  init(topic: String) { self.topic = topic }

  /// Letters of a partition in their order.
  mutating func add(_ headers: LetterHeaders, key: [UInt8]?, at place: Place) {
    guard headers.topic == topic else { return }
    if headers.isErasure {
      if let key { erasures.add(key, headers.partition, headers.offset) }
    } else if headers.redrives == 0 {
      let isNew = origins.insert(Place(partition: headers.partition, offset: headers.offset)).inserted
      if !isNew { repeats.insert(place) }
    }
  }

  /// Reads a topic's partitions between these offsets.
  mutating func read(_ ranges: TopicRanges, isCancelled: () -> Bool) throws(KafkaError) {
    while !ranges.isDone && !isCancelled() {
      try ranges.poll { message in
        guard ranges.contains(message.partition, message.offset),
          let headers = LetterHeaders(Letter.headers(of: message))
        else { return }
        add(
          headers, key: headers.isErasure ? message.key.map(Array.init) : nil,
          at: Place(partition: message.partition, offset: message.offset))
      }
    }
    origins = []
  }
}
