import Foundation
import InterestModel

/// Where a state's behaviors come from. Two sources are never mixed in one state directory.
public enum StateSource: Codable, Equatable, Sendable {
  case files
  case kafka(clusterID: String, topic: String, partitions: Int, partitioner: Partitioner)

  var summary: String {
    switch self {
    case .files: "files"
    case .kafka(let clusterID, let topic, let partitions, let partitioner):
      "Kafka cluster \(clusterID), topic \(topic), \(partitions) partitions, partitioner \(partitioner.rawValue)"
    }
  }
}

/// What a state directory is: starting it with anything else is refused (DESIGN.md section 6).
public struct StateIdentity: Equatable, Sendable {
  public var configuration: StateConfiguration
  /// The cluster map's content hash.
  public var clusterMap: String
  public var source: StateSource

  public init(configuration: StateConfiguration, clusterMap: String, source: StateSource) {
    self.configuration = configuration
    self.clusterMap = clusterMap
    self.source = source
  }

  /// What differs in `wanted` from this identity, in words; empty where the state can go on. More types may be wanted than there
  /// are: no stored code changes its meaning by that.
  func differences(to wanted: StateIdentity) -> [String] {
    var differences: [String] = []
    func compare(_ name: String, _ is_: String, _ wanted: String) {
      if is_ != wanted { differences.append("\(name): the state has \(is_), wanted is \(wanted)") }
    }
    compare("cluster map", clusterMap, wanted.clusterMap)
    compare("source", source.summary, wanted.source.summary)
    compare("state.kept_behaviors", "\(configuration.keptBehaviors)", "\(wanted.configuration.keptBehaviors)")
    compare("state.windows_days", "\(configuration.windows_days)", "\(wanted.configuration.windows_days)")
    for entry in configuration.catalog.entries {
      let other = wanted.configuration.catalog.entry(code: entry.code)
      compare(
        "behavior code \(entry.code)", "\(entry.type) (\(entry.category.name))",
        other.map { "\($0.type) (\($0.category.name))" } ?? "nothing")
    }
    return differences
  }
}

extension StateIdentity: Codable {
  private struct Stored: Codable {
    struct Behavior: Codable {
      var type: String
      var code: UInt8
      var category: String
    }
    var format: Int
    var cluster_map: String
    var source: StateSource
    var kept_behaviors: Int
    var windows_days: [Int]
    var behaviors: [Behavior]
  }

  /// The layout of the directory; another is refused.
  static var format: Int { 1 }

  public init(from decoder: any Decoder) throws {
    let stored = try Stored(from: decoder)
    func refuse(_ what: String) -> DecodingError {
      DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: what))
    }
    guard stored.format == Self.format else {
      throw refuse("format \(stored.format), and this version reads format \(Self.format)")
    }
    let entries = try stored.behaviors.map { behavior in
      guard let category = Category(name: behavior.category) else { throw refuse("category \(behavior.category)") }
      return BehaviorCatalog.Entry(type: behavior.type, code: behavior.code, category: category)
    }
    guard
      (1...StateConfiguration.maximumKeptBehaviors).contains(stored.kept_behaviors),
      stored.windows_days.allSatisfy({ (1...StateConfiguration.countedDays).contains($0) })
    else { throw refuse("kept_behaviors or windows_days out of range") }
    if case .kafka(_, _, let partitions, _) = stored.source, !(1...StoreKey.partitionLimit).contains(partitions) {
      throw refuse("\(partitions) partitions")
    }
    configuration = StateConfiguration(
      catalog: try BehaviorCatalog(entries), keptBehaviors: stored.kept_behaviors, windows_days: stored.windows_days)
    clusterMap = stored.cluster_map
    source = stored.source
  }

  public func encode(to encoder: any Encoder) throws {
    let behaviors = configuration.catalog.entries.map {
      Stored.Behavior(type: $0.type, code: $0.code, category: $0.category.name)
    }
    try Stored(
      format: Self.format, cluster_map: clusterMap, source: source, kept_behaviors: configuration.keptBehaviors,
      windows_days: configuration.windows_days, behaviors: behaviors
    ).encode(to: encoder)
  }
}
