import InterestCodec
import InterestModel
import Kafka

/// What `interestd redrive` is told.
public struct RedriveSettings: Sendable {
  /// Where letters go back to.
  public var topic: String
  public var deadTopic: String
  /// The daemon's.
  public var group: String
  /// Connection and librdkafka's own properties.
  public var configuration: KafkaConfiguration
  /// The types of good records.
  public var catalog: BehaviorCatalog
  public var format = EventFormat.auto
  public var checksKey = true
  public var maximumSkew_ms: Int64 = 86_400_000
  public var record_bytes = 1 << 20
  /// Letters, and bytes of them, in a transaction.
  public var batchLetters = 1000
  public var batch_bytes = 8 << 20
  /// Only tells what would be done.
  public var isDryRun = false

  public init(
    topic: String, deadTopic: String, group: String, configuration: KafkaConfiguration, catalog: BehaviorCatalog
  ) {
    self.topic = topic
    self.deadTopic = deadTopic
    self.group = group
    self.configuration = configuration
    self.catalog = catalog
  }

  /// Whose committed offsets tell how far the dead letters have been looked at.
  public var redriveGroup: String { "\(group).redrive" }

  /// The same for all that would send letters back to this topic: a second one fences the first.
  var transactionalID: String { "interestd-redrive-\(topic)" }

  var readerConfiguration: KafkaConfiguration {
    var reader = configuration
    reader.set("group.id", redriveGroup)
    reader.set("isolation.level", "read_committed")
    reader.set("queued.max.messages.kbytes", "16384")
    reader.set("fetch.wait.max.ms", "50")
    return reader
  }

  /// Records are as long as they were.
  var writerConfiguration: KafkaConfiguration {
    var writer = configuration
    writer.set("message.max.bytes", "268435456")
    writer.set("queue.buffering.max.kbytes", "524288")
    writer.set("linger.ms", "5")
    return writer
  }
}

/// What a redrive did, in letters.
public struct RedriveReport: Equatable, Sendable {
  /// Sent back to the topic.
  public var sent: UInt64 = 0
  /// Not good under the present configuration either: put back to the dead letters' end.
  public var stillBad: UInt64 = 0
  /// Put back as well: a later redrive takes those of which the daemon has not committed the records yet.
  public var waiting: UInt64 = 0
  /// Dropped, as their users were erased later.
  public var erased: UInt64 = 0
  /// Dropped, as another letter stands for the same record.
  public var repeated: UInt64 = 0
  /// Dropped, as they were put back for longer than dead letters are kept.
  public var expired: UInt64 = 0
  /// Whether it was asked to stop before the end.
  public var isStopped = false

  public init() {}

  mutating func count(_ verdict: RedriveVerdict) {
    switch verdict {
    case .send: sent += 1
    case .stillBad: stillBad += 1
    case .waiting: waiting += 1
    case .erased: erased += 1
    case .repeated: repeated += 1
    case .expired: expired += 1
    case .marker: break
    }
  }
}
