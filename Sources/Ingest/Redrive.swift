import InterestCodec
import Kafka
import Threads

/// Sends dead letters back to their topic, from where the last redrive ended to the end seen at the beginning. What is sent, what is put
/// back and how far that is commit in one transaction: killed at any moment, nothing is lost or sent twice.
///
/// Owned by one thread.
public final class Redrive {
  private let settings: RedriveSettings
  private let isCancelled: () -> Bool
  private let admin: Admin
  private let consumer: Consumer
  private let transactions: Transactions?
  private var decoder: EventDecoder
  private var report = RedriveReport()

  private static var request_ms: Int32 { 10_000 }
  private static var flush_ms: Int32 { 30_000 }

  /// Where there is another redrive of the topic under way, that one is fenced.
  public init(
    _ settings: RedriveSettings, diagnostics: KafkaDiagnostics = .silent, isCancelled: @escaping () -> Bool = { false }
  ) throws(KafkaError) {
    self.settings = settings
    self.isCancelled = isCancelled
    admin = try Admin(settings.configuration)
    consumer = try Consumer(topic: settings.deadTopic, settings.readerConfiguration)
    // Before anything is asked: an earlier redrive's transaction must have ended by then.
    transactions =
      settings.isDryRun
      ? nil
      : try Transactions(settings.writerConfiguration, id: settings.transactionalID, diagnostics: diagnostics)
    decoder = EventDecoder(
      catalog: settings.catalog, format: settings.format, maximumSkew_ms: settings.maximumSkew_ms,
      maximumRecordBytes: settings.record_bytes)
  }

  deinit {
    admin.abandon()
    consumer.abandon()
  }

  /// Returns when all is done, or it was cancelled between two transactions.
  public func run() throws(KafkaError) -> RedriveReport {
    let source = try Source(admin, settings.topic, timeout_ms: Self.request_ms)
    // In this order: every letter of a durable record lies before the ends.
    let durable = try durable(partitions: source.partitions)
    let logs = try ends()
    let starts = try starts(logs)
    var scan = LetterScan(topic: settings.topic)
    let all = logs.filter { $0.low < $0.high }
    try scan.read(try ranges(all.map { ($0.partition, $0.low, $0.high) }), isCancelled: isCancelled)
    let tail = try ErasureTail(settings, partitions: source.partitions, durable: durable)
    var rules = RedriveRules(
      topic: settings.topic, partitions: source.partitions, durable: durable, oldest_ms: oldest_ms())
    rules.applied = scan.erasures
    var batches = Batches(rules: rules, repeats: scan.repeats, source: source, tail: tail)
    try batches.advance()
    let left = starts.filter { $0.from < $0.to }
    let reading = try ranges(left)
    var next: [Int32: Int64] = [:]
    while !reading.isDone && !isCancelled() {
      var letters = try collect(reading)[...]
      repeat {
        let batch = letters.prefix(batchCount(letters))
        letters = letters.dropFirst(batch.count)
        for letter in batch { next[letter.partition] = letter.offset + 1 }
        // The last letters may be followed by what is none.
        if letters.isEmpty && reading.isDone { for (partition, _, to) in left { next[partition] = to } }
        try finish(batch, next, &batches)
      } while !letters.isEmpty
    }
    report.isStopped = !reading.isDone
    return report
  }

  // MARK: Places

  private struct Source {
    let partitions: Int32
    /// A longer record may be refused.
    let record_bytes: Int

    init(_ admin: Admin, _ topic: String, timeout_ms: Int32) throws(KafkaError) {
      partitions = try admin.partitionCount(of: topic, timeout_ms: timeout_ms)
      let properties = try? admin.topicProperties(topic, timeout_ms: timeout_ms)
      record_bytes = properties?["max.message.bytes"].flatMap { Int($0) } ?? DeadLetterTopic.defaultLetter_bytes
    }
  }

  private func durable(partitions: Int32) throws(KafkaError) -> [Int32: Int64] {
    var configuration = settings.readerConfiguration
    configuration.set("group.id", settings.group)
    let group = try Consumer(topic: settings.topic, configuration)
    defer { group.abandon() }
    let committed = try group.committed((0..<partitions).map { $0 }, timeout_ms: Self.request_ms)
    return Dictionary(uniqueKeysWithValues: committed.map { ($0.partition, $0.offset) })
  }

  private func ends() throws(KafkaError) -> [Watermarks] {
    let count = try consumer.partitionCount(timeout_ms: Self.request_ms)
    return try consumer.watermarks((0..<count).map { $0 }, timeout_ms: Self.request_ms)
  }

  private typealias Range = (partition: Int32, from: Int64, to: Int64)

  private func starts(_ logs: [Watermarks]) throws(KafkaError) -> [Range] {
    let done = try consumer.committed(logs.map(\.partition), timeout_ms: Self.request_ms)
    return logs.map { log in
      let start = done.first { $0.partition == log.partition }?.offset ?? log.low
      return (log.partition, max(start, log.low), log.high)
    }
  }

  private func ranges(_ ranges: [Range]) throws(KafkaError) -> TopicRanges {
    let reading = try TopicRanges(
      settings.deadTopic, settings.readerConfiguration,
      from: ranges.map { PartitionOffset(partition: $0.partition, offset: $0.from) }, batchLimit: settings.batchLetters)
    reading.setEnds(ranges.map { PartitionOffset(partition: $0.partition, offset: $0.to) })
    return reading
  }

  /// As the topic's retention has it.
  private func oldest_ms() -> Int64? {
    let properties = try? admin.topicProperties(settings.deadTopic, timeout_ms: Self.request_ms)
    guard let retention_ms = properties?["retention.ms"].flatMap({ Int64($0) }), retention_ms >= 0 else { return nil }
    return WallClock.now_ms - retention_ms
  }

  // MARK: Letters

  /// What batches are decided by; it grows while they are worked on.
  private struct Batches {
    var rules: RedriveRules
    let repeats: Set<LetterScan.Place>
    let source: Source
    let tail: ErasureTail

    mutating func advance() throws(KafkaError) {
      var found: [(user: [UInt8], partition: Int32, offset: Int64)] = []
      try tail.advance { found.append(($0, $1, $2)) }
      for erasure in found { rules.pending.add(erasure.user, erasure.partition, erasure.offset) }
    }
  }

  /// The letters that follow: `batchLetters` at most, as one poll gives no more.
  private func collect(_ reading: TopicRanges) throws(KafkaError) -> [Letter] {
    var letters: [Letter] = []
    while letters.isEmpty && !reading.isDone && !isCancelled() {
      try reading.poll { message in
        if reading.contains(message.partition, message.offset) { letters.append(Letter(message)) }
      }
    }
    return letters
  }

  /// How many of these letters make a transaction: one at least, where there are any.
  private func batchCount(_ letters: ArraySlice<Letter>) -> Int {
    var size_bytes = 0
    let count = letters.prefix { letter in
      size_bytes += letter.size_bytes
      return size_bytes <= settings.batch_bytes
    }.count
    return max(count, min(letters.count, 1))
  }

  /// Decides on the letters of a batch and does what was decided, until that is committed.
  private func finish(
    _ letters: ArraySlice<Letter>, _ next: [Int32: Int64], _ batches: inout Batches
  ) throws(KafkaError) {
    if next.isEmpty { return }
    while true {
      let now_ms = WallClock.now_ms
      let decided = letters.map { (letter: $0, facts: facts(of: $0, now_ms, batches)) }
        .map { (letter: $0.letter, facts: $0.facts, verdict: batches.rules.verdict(of: $0.facts)) }
      if try transactions.map({ transactions throws(KafkaError) in
        try commit(decided, next, transactions, now_ms, &batches)
      }) ?? true {
        for decision in decided { report.count(decision.verdict) }
        return
      }
    }
  }

  private func facts(of letter: Letter, _ now_ms: Int64, _ batches: Batches) -> LetterFacts {
    var facts = LetterFacts(headers: letter.headers, user: letter.key)
    facts.isRepeated = batches.repeats.contains(.init(partition: letter.partition, offset: letter.offset))
    guard let headers = letter.headers, !headers.isErasure else { return facts }
    var event = DecodedEvent()
    letter.key.withLent { key in
      letter.value.withLent { value in
        let record = EventRecord(value: value, key: key, checksKey: settings.checksKey, timestamp_ms: now_ms)
        guard decoder.decode(record, into: &event) == nil else { return }
        facts.user = Array(event.user)
        facts.isGood = letter.size_bytes + DeadLetterTopic.framing_bytes <= batches.source.record_bytes
      }
    }
    return facts
  }

  private typealias Decision = (letter: Letter, facts: LetterFacts, verdict: RedriveVerdict)

  /// False where it was not committed, as a user of a letter that was to be sent is being erased.
  private func commit(
    _ decisions: [Decision], _ next: [Int32: Int64], _ transactions: Transactions, _ now_ms: Int64,
    _ batches: inout Batches
  ) throws(KafkaError) -> Bool {
    let offsets = next.sorted { $0.key < $1.key }.map { PartitionOffset(partition: $0.key, offset: $0.value) }
    return try transactions.run { () throws(KafkaError) in
      let committed = try consumer.committed(offsets.map(\.partition), timeout_ms: Self.request_ms)
      return committed.map(\.offset) == offsets.map(\.offset)
    } _: { producer throws(KafkaError) in
      let source = try producer.topic(settings.topic)
      let dead = try producer.topic(settings.deadTopic)
      for decision in decisions {
        if decision.verdict == .send {
          try send(decision.letter, producer, source, now_ms)
        } else if decision.verdict.isPutBack {
          try putBack(decision.letter, producer, dead)
        }
      }
      try producer.flush(timeout_ms: Self.flush_ms)
      // What was sent has its place in the log now: an erasure before it is seen here.
      if decisions.contains(where: { $0.verdict == .send }) {
        try batches.advance()
        if decisions.contains(where: { $0.verdict == .send && batches.rules.verdict(of: $0.facts) != .send }) {
          return false
        }
      }
      try producer.sendOffsets(
        offsets, of: settings.deadTopic, group: settings.redriveGroup, timeout_ms: Self.flush_ms)
      return true
    }
  }

  /// As a new record with the headers that tell of the first one's place.
  private func send(
    _ letter: Letter, _ producer: Producer, _ topic: Producer.Topic, _ now_ms: Int64
  ) throws(KafkaError) {
    guard let headers = letter.headers else { return }
    let kept: Set<String> = Set([.topic, .partition, .offset].map { (name: LetterHeaders.Name) in name.rawValue })
    try letter.send(
      producer, topic, partition: headers.partition, headers: headers.raw.filter { kept.contains($0.name) },
      timestamp_ms: now_ms)
  }

  /// As it was, to the end of its partition.
  private func putBack(_ letter: Letter, _ producer: Producer, _ topic: Producer.Topic) throws(KafkaError) {
    var raw = letter.raw
    if let headers = letter.headers {
      raw.removeAll { $0.name == LetterHeaders.Name.redrives.rawValue }
      raw.append((LetterHeaders.Name.redrives.rawValue, Array("\(headers.redrives + 1)".utf8)))
    }
    try letter.send(
      producer, topic, partition: letter.partition, headers: raw,
      timestamp_ms: letter.timestamp_ms > 0 ? letter.timestamp_ms : nil)
  }
}

extension Letter {
  fileprivate func send(
    _ producer: Producer, _ topic: Producer.Topic, partition: Int32, headers: [LetterHeaders.Raw],
    timestamp_ms: Int64?
  ) throws(KafkaError) {
    try key.withLent { key throws(KafkaError) in
      try value.withLent { value throws(KafkaError) in
        try producer.send(
          topic, partition: partition, key: key, value: value, raw: headers, timestamp_ms: timestamp_ms,
          timeout_ms: 30_000)
      }
    }
  }
}

extension [UInt8]? {
  fileprivate func withLent<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer?) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    guard let self else { return try body(nil) }
    var result: Swift.Result<Result, Failure>?
    self.withUnsafeBytes { bytes in
      do throws(Failure) { result = .success(try body(bytes)) } catch { result = .failure(error) }
    }
    return try result.unsafelyUnwrapped.get()
  }
}
