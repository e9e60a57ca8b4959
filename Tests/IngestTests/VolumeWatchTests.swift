import Synchronization
import Testing

@testable import Ingest

@Suite("The volume's room")
struct VolumeWatchTests {
  private static let second_ns: UInt64 = 1_000_000_000

  /// What a watch tells of these amounts, looked at a second apart.
  private func changes(_ free: [UInt64?], minimum_bytes: UInt64 = 800) -> [VolumeWatch.Change] {
    let amounts = Amounts(free)
    var watch = VolumeWatch(path: "/states", minimum_bytes: minimum_bytes) { _ in amounts.next() }
    return free.indices.map { watch.look(now_ns: UInt64($0 + 1) * Self.second_ns) }
  }

  private final class Amounts {
    private var left: ArraySlice<UInt64?>
    init(_ amounts: [UInt64?]) { left = amounts[...] }
    func next() -> UInt64? { left.popFirst() ?? nil }
  }

  @Test("too little is told once, and enough only when it is an eighth more")
  func hysteresis() {
    let changes = changes([900, 799, 500, 899, 900, 850, 799])
    guard changes.count == 7, case .low(let what) = changes[1], case .low = changes[6] else {
      Issue.record("\(changes)")
      return
    }
    #expect(what.contains("/states") && what.contains("state.minimum_free_bytes"))
    #expect([0, 2, 3, 5].allSatisfy { changes[$0] == .same })
    #expect(changes[4] == .enough)
  }

  @Test("where nothing is kept free, or the system cannot tell, nothing changes")
  func off() {
    #expect(changes([0, 0], minimum_bytes: 0) == [.same, .same])
    #expect(changes([nil, nil]) == [.same, .same])
  }

  @Test("the system is asked once a second at most")
  func interval() {
    let amounts = Amounts([900, 1])
    var watch = VolumeWatch(path: "/", minimum_bytes: 800) { _ in amounts.next() }
    #expect(watch.look(now_ns: 1) == .same)
    #expect(watch.look(now_ns: Self.second_ns) == .same)
    #expect(watch.look(now_ns: Self.second_ns + 1) != .same)
  }

  @Test("the root volume has some room")
  func real() throws {
    #expect(try #require(VolumeWatch.free("/")) > 0)
    #expect(VolumeWatch.free("/no/such/path") == nil)
  }
}
