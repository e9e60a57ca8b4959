import Ingest
import InterestStore
import TestKit
import Testing

@Suite("Behaviors with an event id")
struct DuplicateIngestTests {
  private let world: World

  init() throws { world = try World() }

  /// Behaviors of which some repeat the id of one that came up to `distance` before, with other contents: which of them counts shows.
  private func events(_ count: Int, distance: Int, seed: UInt64) -> [Event] {
    var random = SeededGenerator(seed: seed)
    var events = world.events(count, users: 6, seed: seed)
    for index in events.indices {
      if index > 0 && Int.random(in: 0..<3, using: &random) == 0 {
        let earlier = Int.random(in: max(0, index - distance)..<index, using: &random)
        (events[index].user, events[index].eventID) = (events[earlier].user, events[earlier].eventID)
      } else if Int.random(in: 0..<5, using: &random) > 0 {
        events[index].eventID = "event \(index)"
      }
    }
    return events
  }

  /// Those that count: by hand, all records of a partition being one behind the other.
  private func counted(_ events: [Event], within offsets: Int) -> [Event] {
    events.indices.filter { index in
      let event = events[index]
      return event.eventID.isEmpty
        || !events[max(0, index - offsets)..<index].contains {
          $0.user == event.user && $0.eventID == event.eventID
        }
    }.map { events[$0] }
  }

  @Test("counts once in files, over several runs and inputs, within the window", arguments: [10, 60, 1_000_000])
  func files(offsets: Int) throws {
    let state = try StateFixture()
    let events = events(1200, distance: 120, seed: 5)
    var options = FileIngest.Options()
    options.duplicates = DuplicateLimits(offsets: offsets)
    options.breakerPercent = 100
    var duplicates = 0
    for (number, part) in [events[..<500], events[500..<800], events[800...]].enumerated() {
      let name = ["a.jsonl", "b.binpb", "c.jsonl.gz"][number]
      try state.write(name, part)
      let report = try state.ingest(name, buffer: number == 1 ? 10_000 : 64, options: options)
      duplicates += part.count - Int(report.behaviors)
    }
    let expected = counted(events, within: offsets)
    #expect(duplicates == events.count - expected.count && duplicates > 0)
    #expect(try state.dump() == world.expectedDump(expected))
    // Again, nothing is new.
    #expect(try state.ingest("a.jsonl", "b.binpb", "c.jsonl.gz", options: options).behaviors == 0)
    #expect(try state.dump() == world.expectedDump(expected))
  }

  @Test("a bad record between counts as a place, and its id for nothing")
  func badBetween() throws {
    let state = try StateFixture()
    let first = Event(time_ms: 1000, eventID: "x")
    let bad = Event(type: "no such type", eventID: "y")
    let lines = [first, bad, Event(time_ms: 2000, eventID: "x"), Event(time_ms: 3000, eventID: "y")]
    try state.write("a.jsonl", lines)
    var options = FileIngest.Options()
    options.duplicates = DuplicateLimits(offsets: 1)
    try state.ingest("a.jsonl", options: options)
    #expect(try state.dump() == world.expectedDump([first, lines[2], lines[3]]))
    let other = try StateFixture()
    try other.write("a.jsonl", lines)
    options.duplicates = DuplicateLimits(offsets: 2)
    try other.ingest("a.jsonl", options: options)
    #expect(try other.dump() == world.expectedDump([first, lines[3]]))
  }

  @Test("counts once in a topic, through restarts and whatever was flushed", arguments: [15, 1_000_000])
  func topic(offsets: Int) throws {
    let kafka = try KafkaFixture()
    let events = events(1500, distance: 150, seed: 8)
    var reached = 0
    for (number, part) in [events[..<400], events[400..<900], events[900...]].enumerated() {
      try kafka.produce(part, as: number == 1 ? .protobuf : .json)
      reached += part.count
      let counters = try kafka.run(buffer: number == 0 ? 64 : 10_000) {
        $0.duplicates = DuplicateLimits(offsets: offsets)
      } while: {
        try $0.reach(applied: reached)
      }
      #expect(counters.duplicates + counters.behaviors == UInt64(part.count))
      #expect(counters.duplicates > 0)
    }
    let partitions = Dictionary(grouping: events) { kafka.partition(of: $0.user) }
    let expected = partitions.values.flatMap { counted($0, within: offsets) }
    #expect(try kafka.state.dump() == world.expectedDump(expected))
  }

  @Test("ids that nothing can be a duplicate of any more leave the state")
  func forgotten() throws {
    let state = try StateFixture()
    var options = FileIngest.Options()
    options.duplicates = DuplicateLimits(offsets: 100)
    var sizes: [Int] = []
    for number in 0..<6 {
      let events = (0..<2000).map { Event(time_ms: Int64(1000 + $0), eventID: "\(number) \($0)") }
      try state.write("\(number).jsonl", events)
      try state.ingest("\(number).jsonl", buffer: 1024, options: options)
      var size = 0
      try state.open().store.generation.forEachDuplicateIDs(of: 0) { size += $1.count }
      sizes.append(size)
    }
    #expect(sizes[0] > 100 * 8)
    #expect(sizes[5] < 2 * sizes[0], "\(sizes)")
  }
}
