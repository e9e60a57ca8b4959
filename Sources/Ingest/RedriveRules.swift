/// Which users were erased, by which record of which partition.
struct Erasures {
  private struct Key: Hashable {
    let partition: Int32
    let user: [UInt8]
  }

  private var offsets: [Key: Int64] = [:]

  mutating func add(_ user: [UInt8], _ partition: Int32, _ offset: Int64) {
    let key = Key(partition: partition, user: user)
    offsets[key] = max(offsets[key] ?? offset, offset)
  }

  /// Whether the user was erased by a record after this one.
  func cover(_ user: [UInt8]?, _ partition: Int32, _ offset: Int64) -> Bool {
    guard let user, let erased = offsets[Key(partition: partition, user: user)] else { return false }
    return erased > offset
  }
}

/// What becomes of a letter.
enum RedriveVerdict: CaseIterable {
  /// It is a good record now: back to its partition.
  case send
  /// It still is none, or is not one of this topic: back to the end of the dead letters.
  case stillBad
  /// It would be sent, but not yet: back to the end of the dead letters.
  case waiting
  /// Its user was erased after it.
  case erased
  /// Another letter stands for the same record.
  case repeated
  /// It has been put back for longer than the dead letters are kept.
  case expired
  /// Tells of an erasure: it stays where it is.
  case marker

  var isPutBack: Bool { self == .stillBad || self == .waiting }
}

/// What a verdict goes by, apart from what the scan has found.
struct LetterFacts {
  /// Nil: they are no letter's.
  var headers: LetterHeaders?
  /// The user id of a record that can be read, otherwise its key.
  var user: [UInt8]?
  /// Whether it is a good record under the present configuration that the topic has room for.
  var isGood = false
  /// Whether an earlier letter came from the daemon for the same record.
  var isRepeated = false
}

/// The rules of `interestd redrive`, as a value without I/O.
struct RedriveRules {
  /// The topic that letters go back to.
  let topic: String
  let partitions: Int32
  /// What the daemon's group has made durable of each partition. Records behind that may be read again, and their letters written again.
  let durable: [Int32: Int64]
  /// Letters that were put back and are older have aged out, perhaps with the markers that concern them; nil: none ages.
  let oldest_ms: Int64?
  /// Erasures that the daemon has applied: by markers among the dead letters.
  var applied = Erasures()
  /// Erasures in the topic that the daemon may not have applied yet. A letter sent behind one would bring back what it is about.
  var pending = Erasures()

  func verdict(of letter: LetterFacts) -> RedriveVerdict {
    guard let headers = letter.headers, headers.topic == topic else { return .stillBad }
    if headers.isErasure { return .marker }
    if letter.isRepeated { return .repeated }
    if applied.cover(letter.user, headers.partition, headers.offset) { return .erased }
    if headers.redrives > 0, let oldest_ms, (0..<oldest_ms).contains(headers.timestamp_ms) { return .expired }
    guard letter.isGood, !headers.isCut, headers.partition < partitions else { return .stillBad }
    if headers.offset >= durable[headers.partition] ?? 0 { return .waiting }
    return pending.cover(letter.user, headers.partition, headers.offset) ? .waiting : .send
  }
}
