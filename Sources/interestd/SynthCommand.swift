import Bytes
import CommandLineArguments
import Glibc
import InterestCodec
import Kafka
import Synth
import Threads

/// `interestd synth`
struct SynthCommand {
  private let arguments: ParsedArguments

  init(_ arguments: ParsedArguments) { self.arguments = arguments }

  func run() throws -> Int32 {
    let options = try options()
    try writeClusterMap(options, to: arguments.text("cluster-map-out") ?? "")
    try OutputFile.write(SynthOptions.configurationText, to: arguments.text("config-out") ?? "")
    let started_ns = MonotonicClock.now_ns
    var tally = Tally()
    var failure: KafkaError?
    if let path = arguments.text("out") {
      try write(options, to: path, &tally)
    } else {
      failure = try publish(options, &tally)
    }
    show(tally, elapsed_s: Double(MonotonicClock.now_ns - started_ns) / 1e9)
    if let failure { Terminal.complain("\(failure)") }
    return failure == nil ? 0 : 1
  }

  private struct Tally {
    var behaviors: UInt64 = 0
    var duplicates: UInt64 = 0
    var bad: UInt64 = 0
    var outOfOrder: UInt64 = 0

    mutating func count(_ record: SynthRecord) {
      switch record.kind {
      case .behavior: behaviors += 1
      case .duplicate: duplicates += 1
      case .bad: bad += 1
      }
      if record.isOutOfOrder { outOfOrder += 1 }
    }
  }

  private func options() throws -> SynthOptions {
    var options = SynthOptions(
      events: arguments.integer("events") ?? 0, users: arguments.integer("users") ?? 0,
      shops: arguments.integer("shops") ?? 0, groups: arguments.integer("group-count") ?? 0)
    options.seed = UInt64(arguments.integer("seed") ?? 0)
    options.outOfOrderShare = arguments.number("late-share") ?? 0
    options.duplicateShare = arguments.number("duplicate-share") ?? 0
    options.badShare = arguments.number("bad-share") ?? 0
    options.namesEvents = arguments.flag("event-ids")
    options.namesItems = !arguments.flag("no-items")
    options.hotUserShare = arguments.number("hot-user-share") ?? 0
    try options.validate()
    return options
  }

  private func writeClusterMap(_ options: SynthOptions, to path: String) throws {
    var file = try OutputFile(path)
    options.appendClusterMapHeader(to: &file.buffer)
    for first in stride(from: 1, through: options.shops, by: 10_000) {
      options.appendClusterMapRows(first...min(first + 9_999, options.shops), to: &file.buffer)
      try file.flush()
    }
    try file.close()
  }

  private func write(_ options: SynthOptions, to path: String, _ tally: inout Tally) throws {
    let form: SynthForm
    if path == "-" || path.hasSuffix(".jsonl") {
      form = .jsonLine
    } else if path.hasSuffix(".binpb") {
      form = .delimitedProtobuf
    } else {
      throw SetupError("'\(path)' does not tell a format: name a .jsonl or a .binpb file, or -")
    }
    var generator = try SynthGenerator(options)
    var file = try OutputFile(path)
    while let record = generator.appendNext(form, to: &file.buffer) {
      tally.count(record)
      if file.isFull { try file.flush() }
    }
    try file.close()
  }

  private func publish(_ options: SynthOptions, _ tally: inout Tally) throws -> KafkaError? {
    guard let topic = arguments.text("topic") else { throw SetupError("--brokers goes with --topic TOPIC") }
    let format = arguments.text("format") ?? "protobuf"
    let publisher = try Publisher(.publisher(arguments), topic: topic, format: format == "json" ? .json : .protobuf)
    var generator = try SynthGenerator(options)
    let pace = arguments.integer("rate").map { Pace($0) }
    var value = ByteBuffer()
    while let record = generator.appendNext(format == "json" ? .json : .protobuf, to: &value) {
      tally.count(record)
      try publisher.send(key: record.key, value: record.isNull ? nil : value.bytes)
      value.clear()
      pace?.wait(for: UInt64(generator.count))
    }
    return publisher.finish().error
  }

  private func show(_ tally: Tally, elapsed_s: Double) {
    let records = tally.behaviors + tally.duplicates + tally.bad
    var result = CommandResult()
    result.add("records", "records", .count(records))
    result.add("behaviors", "behaviors", .count(tally.behaviors))
    result.add("duplicates", "repeated records", .count(tally.duplicates))
    result.add("bad_records", "bad records", .count(tally.bad))
    result.add("out_of_order", "out of order", .count(tally.outOfOrder))
    result.add("seconds", "seconds", .decimal(elapsed_s))
    result.add("events_per_s", "speed", .rate(Double(records) / elapsed_s, unit: "records/s"))
    if arguments.text("out") == "-" && !arguments.flag("json") { return }
    result.print(asJSON: arguments.flag("json"))
  }
}

/// A file being written in large pieces; `-` is standard output.
private struct OutputFile: ~Copyable {
  var buffer = ByteBuffer(capacity: 1 << 21)
  private let path: String
  private let descriptor: Int32

  init(_ path: String) throws {
    self.path = path
    descriptor = path == "-" ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw SetupError("cannot write \(path): \(String(cString: strerror(errno)))") }
  }

  static func write(_ text: String, to path: String) throws {
    var file = try OutputFile(path)
    file.buffer.append(text)
    try file.close()
  }

  var isFull: Bool { buffer.count >= 1 << 20 }

  mutating func flush() throws {
    guard Terminal.write(buffer.bytes, to: descriptor) else {
      throw SetupError("cannot write \(path): \(String(cString: strerror(errno)))")
    }
    buffer.clear()
  }

  mutating func close() throws {
    try flush()
    if descriptor != STDOUT_FILENO && Glibc.close(descriptor) != 0 {
      throw SetupError("cannot write \(path): \(String(cString: strerror(errno)))")
    }
  }
}
