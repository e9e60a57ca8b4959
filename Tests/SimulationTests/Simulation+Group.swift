import InterestModel
import InterestStore
import Kafka
import TestKit

@testable import Ingest

/// Members that come, go and die, and what the group does then.
extension Simulation {
  /// Some instance that is up.
  func withLane(_ body: (Int, SimulatedLane) throws -> Void) throws {
    let up = instances.indices.filter { instances[$0].lane != nil }
    guard let index = up.randomElement(using: &random), let lane = instances[index].lane else { return }
    try body(index, lane)
  }

  func anyMember() throws -> Int {
    var member: Int?
    try withLane { index, _ in member = index }
    guard let member else { throw SimulationFailure("nobody is up") }
    return member
  }

  func start(_ index: Int) throws {
    instances[index].lane = SimulatedLane(settings, instances[index].store)
    instances[index].lost = []
  }

  /// Instances that are down come back, and partitions that are nobody's are given to somebody.
  func startSome() throws {
    for index in instances.indices where instances[index].lane == nil && random.chance(5) { try start(index) }
    guard instances.contains(where: { $0.lane != nil }) else { return }
    for partition in owners.indices where owners[partition] == nil && random.chance(3) {
      try give(UInt16(partition), to: anyMember())
    }
  }

  func give(_ partition: UInt16, to index: Int) throws {
    // A member learns what it has lost before it is given anything.
    while let place = unaware.firstIndex(where: { $0.instance == index }) { try tell(unaware.remove(at: place)) }
    guard let lane = instances[index].lane else { throw SimulationFailure("instance \(index) is down") }
    owners[Int(partition)] = index
    instances[index].lost.remove(partition)
    try lane.give(partition)
    // The leader answers at once, and what was read before is durable, or not.
    if !random.chance(4) { try open([partition], on: index) }
  }

  func open(_ partitions: [UInt16], on index: Int) throws {
    guard let lane = instances[index].lane else { return }
    for partition in partitions {
      let log = logs[Int(partition)]
      let base = committed[partition]?.base
      try lane.drain()
      let stored = lane.store.told[partition]?.applied
      let needed = stored ?? min(base ?? log.low, log.low)
      let start = try lane.open(partition, log, committedBase: base)
      let isLost = needed < log.low || needed > log.high
      guard start == (isLost ? nil : needed) else {
        throw SimulationFailure("partition \(partition), \(log.low)..<\(log.high), is read from \(start as Any)")
      }
      if isLost {
        instances[index].lost.insert(partition)
        count(.lostHistory)
      } else if stored != nil {
        count(.restoredWindow)
      }
      if let start, random.chance(3) {
        lane.places[partition] = max(log.low, start - Int64.random(in: 1...50, using: &random))
      }
    }
  }

  /// The group believes only the member that it has given a partition.
  func commit(_ offsets: [PartitionOffset], from index: Int) {
    for offset in offsets where owners[Int(offset.partition)] == index {
      committed[UInt16(offset.partition)] = (offset.offset, LanePartitions.base(in: offset.metadata))
    }
  }

  func rebalance() throws {
    guard instances.contains(where: { $0.lane != nil }) else { return }
    let partition = UInt16.random(in: 0..<UInt16(owners.count), using: &random)
    let member = try anyMember()
    count(.rebalance)
    if let owner = owners[Int(partition)], let lane = instances[owner].lane {
      if owner != member && random.chance(3) {
        unaware.append((owner, partition))
      } else {
        let isLost = random.chance(5)
        let commits = try giveUp(partition, lane, isLost: isLost)
        if !isLost { commit(commits, from: owner) }
      }
    }
    try give(partition, to: member)
  }

  /// A member hears that a partition is another's.
  func tellUnaware() throws {
    if let index = unaware.indices.randomElement(using: &random) { try tell(unaware.remove(at: index)) }
  }

  private func tell(_ lost: (instance: Int, partition: UInt16)) throws {
    count(.loss)
    if let lane = instances[lost.instance].lane { _ = try giveUp(lost.partition, lane, isLost: true) }
  }

  private func giveUp(_ partition: UInt16, _ lane: SimulatedLane, isLost: Bool) throws -> [PartitionOffset] {
    let isSlow = random.chance(4)
    if isSlow { count(.slowFlush) }
    return try lane.giveUp(partition, isLost: isLost, isSlow: isSlow)
  }

  /// Ends without a word: what is not in the store is gone.
  func crash() throws {
    try withLane { index, lane in
      leave(index)
      count(.crash)
      try check(lane.store)
    }
  }

  /// Ends as it should.
  func stop() throws {
    try withLane { index, lane in
      try lane.makeDurable()
      commit(lane.commits, from: index)
      leave(index)
    }
  }

  private func leave(_ index: Int) {
    instances[index].lane = nil
    for partition in owners.indices where owners[partition] == index { owners[partition] = nil }
    unaware.removeAll { $0.instance == index }
  }

  /// Comes back with an empty disk, as another instance would.
  func replaceDisk() throws {
    guard random.chance(4) else { return }
    try withLane { index, lane in
      leave(index)
      instances[index].store = SimulatedStore(rules: FoldRules(settings.configuration))
    }
  }
}
