import InterestStore
import Testing

@testable import Ingest

@Suite("The life of a partition")
struct PartitionLifecycleTests {
  private typealias Event = PartitionLifecycle.Event

  private static let events: [Event] = [
    .given, .opened(hasState: false, isAtEnd: false, isTripped: false),
    .opened(hasState: true, isAtEnd: false, isTripped: false), .opened(hasState: true, isAtEnd: true, isTripped: false),
    .opened(hasState: true, isAtEnd: true, isTripped: true), .reached, .tripped, .gone, .taken, .away, .removed,
  ]

  /// How each state is reached from nothing.
  private static let ways: [(state: PartitionState?, events: [Event])] = [
    (nil, []),
    (.assigned, [.given]),
    (.restoring, [.given, events[1]]),
    (.catchingUp, [.given, events[2]]),
    (.live, [.given, events[3]]),
    (.stopped, [.given, events[4]]),
    (.revoking, [.given, events[3], .taken]),
    (.lost, [.given, .away]),
    (.lostHistory, [.given, .gone]),
  ]

  /// Where each event leads, in the order of `events`; "-": it has no place.
  private static let table: [(state: PartitionState?, row: String)] = [
    (nil, "assigned - - - - - - - - - -"),
    (.assigned, "- restoring catching_up live stopped - - lost_history - lost none"),
    (.restoring, "- - - - - live stopped lost_history revoking lost none"),
    (.catchingUp, "- - - - - live stopped lost_history revoking lost none"),
    (.live, "- - - - - - stopped lost_history revoking lost none"),
    (.stopped, "- - - - - - - lost_history revoking lost none"),
    (.revoking, "- - - - - - - lost_history - lost none"),
    (.lost, "assigned - - - - - - - - lost none"),
    (.lostHistory, "- - - - - - - lost_history - lost none"),
  ]

  private func life(_ events: [Event]) -> PartitionLifecycle {
    var life = PartitionLifecycle()
    for event in events { life.apply(event) }
    return life
  }

  @Test("every event leads from every state where the table says, or changes nothing", arguments: table.indices)
  func transitions(index: Int) throws {
    let (state, row) = Self.table[index]
    let way = try #require(Self.ways.first { $0.state == state })
    #expect(life(way.events).state == state)
    for (event, wanted) in zip(Self.events, row.split(separator: " ")) {
      var life = life(way.events)
      let isTaken = life.apply(event)
      #expect(isTaken == (wanted != "-"), "\(event)")
      let next = wanted == "-" ? state?.rawValue ?? "none" : String(wanted)
      #expect(life.state?.rawValue ?? "none" == next, "\(event)")
    }
  }

  @Test("every state can be reached, and left for good")
  func complete() {
    #expect(Set(Self.ways.compactMap(\.state)) == Set(PartitionState.allCases))
    #expect(Self.table.count == PartitionState.allCases.count + 1)
    for way in Self.ways where way.state != nil { #expect(life(way.events + [.removed]).state == nil) }
  }

  @Test("what is read is served, and what is not served is not read")
  func served() {
    for state in PartitionState.allCases where state.isRead { #expect(state.isServed) }
    #expect(PartitionState.allCases.filter(\.isServed) == [.restoring, .catchingUp, .live, .stopped, .revoking])
  }

  @Test(
    "a board tells all that lookups may be answered from, in whatever state, as what another instance must not have")
  func board() {
    let board = PartitionBoard()
    let statuses = PartitionState.allCases.enumerated().map { PartitionStatus(partition: UInt16($0), state: $1) }
    board.publish(statuses, hasJoined: true)
    #expect(board.served == statuses.filter(\.isAnswered).map(\.partition))
    #expect(board.served.count == 5)
  }
}
