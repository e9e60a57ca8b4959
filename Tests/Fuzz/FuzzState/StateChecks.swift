import Bytes
import FuzzKit
import InterestCodec
import InterestModel

/// What holds of every fold, of bytes that are states and of bytes that are not.
final class StateChecks {
  private let configuration: StateConfiguration
  private var folder: StateFolder
  private let reading: SequenceChecks

  init(kept: Int) {
    configuration = StateConfiguration(catalog: exampleCatalog(), keptBehaviors: kept)
    let rules = FoldRules(configuration)
    folder = StateFolder(rules: rules)
    reading = SequenceChecks(configuration, rules)
  }

  // Stored bytes, whatever they are

  func check(stored states: [[UInt8]], choice: UInt8) {
    for state in states { reading.check(state, isReadable: isReadable(state), choice: choice) }
    guard states.count > 1 else {
      if let state = states.first { require(fold([state]) == state, "a single state is not returned as it is") }
      return
    }
    let folded = fold(states)
    require(fold(states) == folded, "folding twice gives two results")
    reading.check(folded, isReadable: isReadable(folded), choice: choice)
    let others = [
      states.dropFirst().reduce(states[0]) { fold([$0, $1]) },
      states.dropLast().reversed().reduce(states[states.count - 1]) { fold([$1, $0]) },
      fold(states.reversed()), fold([fold(Array(states.dropLast())), states[states.count - 1]]),
    ]
    if states.allSatisfy(isReadable) {
      require(isReadable(folded), "states that can be read are folded to one that cannot")
      for other in others { require(other == folded, "a fold depends on order or grouping") }
    } else {
      require(!isReadable(folded), "damage is lost in a fold")
      let part = readablePart(folded)
      for other in others {
        require(!isReadable(other), "damage is lost in a fold in another order")
        require(readablePart(other) == part, "what can be read depends on order or grouping")
      }
    }
  }

  /// What a fold keeps of the states that it could read: an envelope's first part, after damage that nobody had met is set aside.
  private func readablePart(_ folded: [UInt8]) -> [UInt8] {
    let envelope = fold([folded, [0]])
    require(envelope.first == 255, "an unreadable operand leaves no envelope")
    var (size, shift, at) = (0, 0, 1)
    repeat {
      size |= Int(envelope[at] & 127) << shift
      shift += 7
      at += 1
    } while envelope[at - 1] >= 128
    return Array(envelope[at..<at + size])
  }

  // Behaviors

  /// Behaviors in runs: the fold of the runs' states is the state of all, and every run's order is one order.
  func check(behaviorsFrom feed: inout InputFeed) {
    var runs: [[Behavior]] = [[]]
    while !feed.isEmpty && runs.count < 20 {
      let shape = feed.byte()
      if shape & 1 == 1 && !(runs.last?.isEmpty ?? true) { runs.append([]) }
      runs[runs.count - 1].append(behavior(shape, &feed))
    }
    runs.removeAll(where: \.isEmpty)
    let all = runs.flatMap { $0 }
    guard !all.isEmpty else { return }
    let state = state(all)
    require(isReadable(state), "the state of behaviors cannot be read")
    require(self.state(all.reversed()) == state, "a state depends on the order of behaviors")
    let states = runs.map { self.state($0) }
    if states.count > 1 {
      require(fold(states) == state, "the fold of parts is not the state of all")
      require(
        states.dropFirst().reduce(states[0]) { fold([$1, $0]) } == state, "folding one by one gives another state")
    }
    reading.check(state, isReadable: true, choice: 0)
    reading.check(state, of: all)
  }

  /// Times and shops are few, so that ties are likely; bits of `shape` ask for more of what is rare.
  private func behavior(_ shape: UInt8, _ feed: inout InputFeed) -> Behavior {
    var behavior = Behavior()
    let times = Behavior.times_ms
    if shape & 2 == 0 {
      behavior.time_ms = 1_700_000_000_000 + 21_600_000 * Int64(feed.byte())
    } else {
      let number = feed.number(bytes: 6) % UInt64(times.upperBound)
      behavior.time_ms = times.lowerBound + Int64(number)
    }
    behavior.shop = shape & 4 == 0 ? UInt64(feed.byte()) : feed.number(bytes: 8)
    behavior.group = shape & 8 == 0 ? UInt32(feed.byte() & 3) : UInt32(feed.number(bytes: 4))
    behavior.type = [1, 2, 3, 255][Int(shape >> 4 & 3)]
    if shape & 64 != 0 {
      behavior.dwell_ms = UInt32(feed.number(bytes: 4))
      behavior.item = feed.number(bytes: 2)
    }
    if shape & 128 != 0 { behavior.spend_micros = Int64(bitPattern: feed.number(bytes: 8)) }
    return behavior
  }

  // The folder over arrays

  private func state(_ behaviors: [Behavior]) -> [UInt8] {
    var run = behaviors
    return run.withUnsafeMutableBufferPointer { run in
      guard let start = run.baseAddress else { return [] }
      return Array(folder.state(of: start, run.count))
    }
  }

  private func fold(_ states: [[UInt8]]) -> [UInt8] { withCopies(states) { Array(folder.fold($0)) } }

  private func isReadable(_ state: [UInt8]) -> Bool { withCopy(state) { folder.isReadable($0) } }
}
