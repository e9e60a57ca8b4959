import Foundation
import TestKit
import Testing

/// The executable, as a user runs it.
enum Interestd {
  /// What keeps tests apart from the environment they run in.
  private static let environment: [String: String?] = [
    "INTERESTD_STATE__DIRECTORY": nil, "INTERESTD_KAFKA__BROKERS": nil,
  ]

  static func start(
    _ arguments: [String], environment: [String: String] = [:], input: String? = nil, output: String? = nil
  ) throws -> Command {
    try Command(
      Package.executable, arguments,
      environment: Self.environment.merging(environment.mapValues { $0 }) { $1 }, input: input, output: output)
  }

  /// Runs it to its end.
  @discardableResult
  static func run(
    _ arguments: String..., environment: [String: String] = [:], input: String? = nil, output: String? = nil,
    expecting code: Int32 = 0, within seconds: Double = 60, at location: SourceLocation = #_sourceLocation
  ) throws -> Command.Outcome {
    let command = try start(arguments, environment: environment, input: input, output: output)
    let outcome = try command.wait(within: seconds)
    try #require(outcome.code == code, "'\(command.line)': \(outcome)", sourceLocation: location)
    return outcome
  }
}

extension Command.Outcome {
  /// The last line of standard output as one JSON object.
  func json(_ location: SourceLocation = #_sourceLocation) throws -> [String: Any] {
    let last = try #require(lines.last, "\(self)", sourceLocation: location)
    let object = try JSONSerialization.jsonObject(with: Data(last.utf8))
    return try #require(object as? [String: Any], "\(last)", sourceLocation: location)
  }

  func number(_ key: String, _ location: SourceLocation = #_sourceLocation) throws -> Int {
    try #require(try json(location)[key] as? Int, "\(key) in \(text)", sourceLocation: location)
  }
}

/// Behaviors with what is needed to ingest them, and a folder for states.
final class DataSet: CustomTestStringConvertible, Sendable {
  let name: String
  let behaviors: String
  let configuration: String
  let clusterMap: String

  init(_ name: String, in folder: String, behaviors: String = "behaviors.jsonl.gz") {
    self.name = name
    self.behaviors = "\(folder)/\(behaviors)"
    configuration = "\(folder)/behaviors.yaml"
    clusterMap = "\(folder)/groups.csv"
  }

  var testDescription: String { name }

  /// The one that is bundled.
  static let sample = DataSet("sample", in: "\(Package.root)/Ops/sample")

  /// The sample and what is beside the package.
  static let all: [DataSet] =
    [sample]
    + ["movielens_100k", "yoochoose_clicks", "foursquare_nyc", "completejourney"].map {
      DataSet($0, in: "\(Package.shared)/data/\($0)")
    }

  var isThere: Bool { access(behaviors, R_OK) == 0 }

  /// Ingests files into a state; without files, the set's behaviors.
  @discardableResult
  func ingest(
    into state: String, _ files: String..., environment: [String: String] = [:], expecting code: Int32 = 0,
    at location: SourceLocation = #_sourceLocation
  ) throws -> Command.Outcome {
    let command = try Interestd.start(
      ingestion(into: state, files.isEmpty ? [behaviors] : files), environment: environment)
    let outcome = try command.wait(within: 120)
    try #require(outcome.code == code, "'\(command.line)': \(outcome)", sourceLocation: location)
    return outcome
  }

  func ingestion(into state: String, _ files: [String]) -> [String] {
    ["ingest", "--config", configuration, "--cluster-map", clusterMap, "--state", state, "--json"] + files
  }
}

/// A state's dump, whose bytes are compared.
func dump(_ state: String, _ location: SourceLocation = #_sourceLocation) throws -> Data {
  try Interestd.run("dump", "--state", state, at: location).output
}

extension Data {
  /// Lines of a dump, or of dead letters.
  var textLines: [String] { String(decoding: self, as: UTF8.self).split(separator: "\n").map(String.init) }
}

extension Trait where Self == ConditionTrait {
  /// The executable must be there.
  static var executable: Self { .disabled(if: Package.missingExecutable != nil, "\(Package.missingExecutable ?? "")") }

  /// A broker must be there.
  static var kafka: Self { .disabled(if: KafkaBroker.missing != nil, "\(KafkaBroker.missing ?? "")") }
}
