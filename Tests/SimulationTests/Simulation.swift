import InterestModel
import InterestStore
import TestKit

@testable import Ingest

/// Instances of a group on a topic, with everything around the pipeline's values simulated: the log, the group, the stores, and what goes
/// wrong with them. The same seed gives the same run.
///
/// At every crash and at the end each store must hold, of each partition, the fold of exactly the records that its offsets say; at
/// the end all partitions must be read to their ends, or have lost their history just where the offset needed is gone.
final class Simulation {
  /// What happened, so that a run in which nothing did is noticed.
  enum Happening: CaseIterable {
    case record, crash, rebalance, loss, lostHistory, restoredWindow, file, duplicate, erasure, refetch, pause,
      slowFlush, endsLive, endsLost
  }

  /// An instance with its disk. Without a lane it is down.
  struct Instance {
    var store: SimulatedStore
    var lane: SimulatedLane?
    /// Partitions that it holds and cannot read, by what the simulation knows.
    var lost: Set<UInt16> = []
  }

  var random: SeededGenerator
  let settings: SimulatedSettings
  let reference: FaultFreeFold
  var logs: [SimulatedLog]
  var producer: SimulatedProducer
  var instances: [Instance]
  /// Whom the group has given each partition.
  var owners: [Int?]
  /// Members that the group has taken a partition from, and who do not know it yet.
  var unaware: [(instance: Int, partition: UInt16)] = []
  var committed: [UInt16: (offset: Int64, base: Int64?)] = [:]
  var happened: [Happening: Int] = [:]

  init(seed: UInt64, sabotage: SimulatedSettings.Sabotage? = nil) {
    random = SeededGenerator(seed: seed)
    var duplicates = DuplicateLimits()
    duplicates.offsets = random.chance(10) ? 0 : Int.random(in: 1...80, using: &random)
    duplicates.time_ms = Int64.random(in: 0...500, using: &random)
    let buffer = FoldBufferLimits(
      events: Int.random(in: 8...100, using: &random), bytes: Int.random(in: 1000...20_000, using: &random),
      run: Int.random(in: 2...16, using: &random))
    let configuration = TestConfiguration.make(keptBehaviors: Int.random(in: 1...6, using: &random))
    settings = SimulatedSettings(
      configuration: configuration, partitions: Int.random(in: 1...4, using: &random), buffer: buffer,
      duplicates: duplicates, sabotage: sabotage)
    reference = FaultFreeFold(configuration: configuration, duplicates: duplicates)
    logs = Array(repeating: SimulatedLog(), count: settings.partitions)
    owners = Array(repeating: nil, count: settings.partitions)
    producer = SimulatedProducer(configuration, duplicates, users: Int.random(in: 1...6, using: &random))
    let rules = FoldRules(configuration)
    instances = (0..<Int.random(in: 1...3, using: &random)).map { _ in
      Instance(store: SimulatedStore(rules: rules))
    }
  }

  func run() throws {
    let steps = Int.random(in: 100...400, using: &random)
    for step in 0..<steps {
      do { try self.step() } catch { throw SimulationFailure("step \(step): \(error)") }
    }
    do { try settle() } catch { throw SimulationFailure("after \(steps) steps: \(error)") }
  }

  private func step() throws {
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<24: produce()
    case 24..<64: try poll()
    case 64..<72: try withLane { _, lane in try lane.handOver() }
    case 72..<80:
      try withLane { _, lane in
        if try lane.ingestOne() { count(.file) }
      }
    case 80..<83: instances.randomElement(using: &random)?.store.compact(&random)
    case 83..<86: try withLane { index, lane in commit(lane.commits, from: index) }
    case 86..<90: try rebalance()
    case 90..<93: try withLane { index, lane in try open(lane.partitions.waiting, on: index) }
    case 93..<95: try crash()
    case 95: try stop()
    case 96: try replaceDisk()
    case 97: try tellUnaware()
    case 98: truncate()
    case 99: try withLane { _, lane in pause(lane) }
    default: break
    }
    try startSome()
  }

  func count(_ happening: Happening, _ times: Int = 1) { happened[happening, default: 0] += times }

  // MARK: Records

  private func produce() {
    let partition = Int.random(in: 0..<logs.count, using: &random)
    for _ in 0..<Int.random(in: 1...25, using: &random) {
      producer.append(to: &logs[partition], partition: partition, &random)
      count(.record)
    }
  }

  private func poll() throws {
    try withLane { index, lane in
      guard let partition = lane.places.keys.sorted().randomElement(using: &random) else { return }
      try poll(partition, index, lane, limit: Int.random(in: 1...30, using: &random), loses: random.chance(8))
      // librdkafka reads some again.
      if let place = lane.places[partition], random.chance(6) {
        lane.places[partition] = max(logs[Int(partition)].low, place - Int64.random(in: 1...40, using: &random))
      }
    }
  }

  /// - Parameter loses: Whether some records do not arrive, as around rebalances with librdkafka 2.0.2.
  private func poll(
    _ partition: UInt16, _ index: Int, _ lane: SimulatedLane, limit: Int, loses: Bool = false
  ) throws {
    let log = logs[Int(partition)]
    guard let place = lane.places[partition], let applied = lane.status(of: partition)?.applied else { return }
    if place < log.low {
      // What is gone was not needed: the consumer had been set back.
      if applied >= log.low { return lane.places[partition] = log.low }
      lane.lose(partition, log)
      instances[index].lost.insert(partition)
      return count(.lostHistory)
    }
    var records = Array(log.read(from: place, limit: limit))
    let reachesEnd = records.count < limit
    if loses && !records.isEmpty {
      let first = Int.random(in: 0..<records.count, using: &random)
      records.removeSubrange(first..<Int.random(in: first...records.count, using: &random))
    }
    let refetches = lane.refetches
    try lane.take(records, of: partition, log, reachesEnd: reachesEnd)
    count(.refetch, lane.refetches - refetches)
  }

  private func pause(_ lane: SimulatedLane) {
    lane.setPaused(!lane.partitions.isPaused)
    count(.pause)
  }

  /// Retention: mostly of what nobody needs any more.
  private func truncate() {
    let partition = Int.random(in: 0..<logs.count, using: &random)
    let needed = instances.compactMap { $0.store.told[UInt16(partition)]?.applied }.min() ?? 0
    let limit = random.chance(16) ? logs[partition].high : needed
    logs[partition].truncate(before: Int64.random(in: 0...max(limit, 0), using: &random))
  }

  // MARK: The end

  /// Nothing goes wrong any more: everything is read to its end.
  private func settle() throws {
    while !unaware.isEmpty { try tellUnaware() }
    for index in instances.indices where instances[index].lane == nil { try start(index) }
    for partition in owners.indices where owners[partition] == nil { try give(UInt16(partition), to: anyMember()) }
    for index in instances.indices {
      guard let lane = instances[index].lane else { continue }
      lane.setPaused(false)
      try open(lane.partitions.waiting, on: index)
      for partition in lane.places.keys.sorted() {
        while let place = lane.places[partition], place < logs[Int(partition)].high {
          try poll(partition, index, lane, limit: 50)
        }
      }
      try lane.makeDurable()
      commit(lane.commits, from: index)
    }
    try checkEnds()
    for instance in instances { try check(instance.store) }
  }

  private func checkEnds() throws {
    for (partition, owner) in owners.enumerated() {
      guard let owner, let status = instances[owner].lane?.status(of: UInt16(partition)) else {
        throw SimulationFailure("partition \(partition) is nobody's")
      }
      let isLost = instances[owner].lost.contains(UInt16(partition))
      let high = logs[partition].high
      count(isLost ? .endsLost : .endsLive)
      if isLost {
        if status.state != .lostHistory { throw SimulationFailure("partition \(partition) is \(status.state)") }
      } else if status.state != .live || status.applied != high || committed[UInt16(partition)]?.offset != high
        || instances[owner].store.told[UInt16(partition)]?.applied != high
      {
        throw SimulationFailure("partition \(partition) has its end at \(high), and is \(status)")
      }
    }
  }

  /// Whether a store holds what its offsets say, no record more or less.
  func check(_ store: SimulatedStore) throws {
    for partition in UInt16(0)..<UInt16(logs.count) {
      let offsets = store.offsets(of: partition)
      guard offsets == store.told[partition] else {
        throw SimulationFailure("the offsets of partition \(partition) are \(offsets as Any)")
      }
      let range = offsets.map { $0.base..<$0.applied } ?? 0..<0
      let records = logs[Int(partition)].all(in: range)
      if let difference = reference.difference(store.users(of: partition), records) {
        throw SimulationFailure("partition \(partition) at \(range): \(difference)")
      }
      let folded = reference.fold(records)
      count(.duplicate, folded.duplicates)
      count(.erasure, folded.erasures)
    }
  }
}
