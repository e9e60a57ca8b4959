import CommandLineArguments
import DaemonConfig
import Ingest
import InterestCodec
import Kafka

/// `interestd redrive`
struct RedriveCommand {
  private let arguments: ParsedArguments

  init(_ arguments: ParsedArguments) { self.arguments = arguments }

  func run() throws -> Int32 {
    let interruption = try Interruption()
    let configuration = try DaemonConfiguration.load(arguments, needs: [.brokers, .topic])
    var settings = RedriveSettings(
      topic: configuration.kafka.topic, deadTopic: configuration.deadLetterTopic, group: configuration.kafka.group,
      configuration: configuration.connection, catalog: configuration.behaviors)
    settings.format = EventFormat(rawValue: configuration.kafka.format.rawValue) ?? .auto
    settings.checksKey = configuration.kafka.key == .user
    settings.maximumSkew_ms = Int64(configuration.kafka.maxSkew_ms)
    settings.record_bytes = configuration.ingest.maximumRecord_bytes
    settings.isDryRun = arguments.flag("dry-run")
    let report: RedriveReport
    do throws(KafkaError) {
      report = try Redrive(settings, isCancelled: { interruption.hasCome }).run()
    } catch {
      if error.isNotAuthorized { throw SetupError("\(error); \(Self.grants(settings))") }
      if error.isUnknownTopic && error.operation.contains("'\(settings.deadTopic)'") {
        throw SetupError("there are no dead letters: topic \(settings.deadTopic) does not exist; the daemon creates it")
      }
      throw error
    }
    show(report, settings)
    if report.waiting > 0 {
      Terminal.complain(
        "\(report.waiting) letters wait: group \(settings.group) has not committed their records, or an erasure of their "
          + "users, yet. Run again when it has")
    }
    if report.isStopped { Terminal.complain("stopped; run again to go on") }
    return report.isStopped ? 1 : 0
  }

  private static func grants(_ settings: RedriveSettings) -> String {
    "it needs Read and Write on topic \(settings.deadTopic) and topic \(settings.topic), Describe on group "
      + "\(settings.group), Read on group \(settings.redriveGroup), and Describe and Write on transactional id "
      + "interestd-redrive-\(settings.topic)"
  }

  private func show(_ report: RedriveReport, _ settings: RedriveSettings) {
    var result = CommandResult()
    result.add("topic", "topic", .text(settings.topic))
    result.add("dead_letters", "dead letters", .text(settings.deadTopic))
    result.add("sent", settings.isDryRun ? "would be sent back" : "sent back", .count(report.sent))
    result.add("still_bad", "still bad", .count(report.stillBad))
    result.add("waiting", "to be tried later", .count(report.waiting))
    result.add("erased", "of erased users", .count(report.erased))
    result.add("repeated", "repeated", .count(report.repeated))
    result.add("expired", "too old", .count(report.expired))
    result.print(asJSON: arguments.flag("json"))
  }
}
