import Kafka
import Network
import Routing
import Testing

@Suite("A topology's snapshot")
struct SnapshotTests {
  private let here = "127.0.0.1:8001"
  private let there = "127.0.0.1:8002"

  private func member(_ id: String, _ clientID: String, _ partitions: Int32...) -> GroupDescription.Member {
    .init(id: id, clientID: clientID, partitions: partitions)
  }

  private func snapshot(
    _ state: GroupDescription.State, _ members: [GroupDescription.Member], owned: [UInt16] = [],
    after previous: TopologySnapshot? = nil
  ) -> TopologySnapshot {
    TopologySnapshot(
      .init(state: state, members: members), owned: owned, after: previous ?? TopologySnapshot(instance: here),
      asked_ns: 5, resolve: { try? SocketAddress(parsing: $0) })
  }

  private func reason(_ route: Route) -> String? {
    if case .nobody(let reason) = route { reason } else { nil }
  }

  @Test("tells each partition's owner, and none where nobody has it")
  func owners() {
    let topology = snapshot(.stable, [member("a", here, 0, 2), member("b", there, 1)])
    #expect((0..<4).map { topology.owner(of: $0)?.address } == [here, there, here, nil])
    #expect(topology.owner(of: 1)?.socket?.description == there)
  }

  @Test("a member that is no instance has its partitions, but no address")
  func foreign() {
    let topology = snapshot(.stable, [member("a", "console-consumer", 0)])
    #expect(topology.owner(of: 0)?.clientID == "console-consumer")
    #expect(topology.owner(of: 0)?.address == nil)
    #expect(reason(topology.route(of: 0, forwardedBy: nil))?.contains("'console-consumer'") == true)
  }

  @Test(
    "while the group rebalances, the members that are still there have what they had",
    arguments: [GroupDescription.State.preparingRebalance, .completingRebalance])
  func rebalancing(state: GroupDescription.State) {
    let before = snapshot(.stable, [member("a", here, 0), member("b", there, 1), member("c", "127.0.0.1:8003", 2)])
    let during = snapshot(state, [member("a", here), member("b", there), member("d", "127.0.0.1:8004")], after: before)
    #expect((0..<3).map { during.owner(of: $0)?.address } == [here, there, nil])
    let still = snapshot(state, [member("b", there)], after: during)
    #expect((0..<3).map { still.owner(of: $0)?.address } == [nil, there, nil])
    let after = snapshot(.stable, [member("a", here, 1), member("b", there, 0, 2)], after: during)
    #expect((0..<3).map { after.owner(of: $0)?.address } == [there, here, there])
  }

  @Test("a group without members has no owners", arguments: [GroupDescription.State.empty, .dead])
  func gone(state: GroupDescription.State) {
    let before = snapshot(.stable, [member("b", there, 1)])
    #expect(snapshot(state, [], after: before).owner(of: 1) == nil)
  }

  @Test("what is read here and given to another instance is usurped until the group tells something else")
  func usurped() {
    let members = [member("a", here, 0), member("b", there, 1, 2), member("c", "console", 3)]
    let topology = snapshot(.stable, members, owned: [0, 1, 3, 4])
    #expect(topology.usurped == [1])
    // While it rebalances it tells nothing, and what the other has applied is not here.
    let during = snapshot(.preparingRebalance, members, owned: [0, 1], after: topology)
    #expect(during.usurped == [1])
    #expect(snapshot(.completingRebalance, members, owned: [0, 1, 2], after: during).usurped == [1])
    #expect(snapshot(.completingRebalance, members, owned: [0], after: during).usurped.isEmpty)
    let back = [member("a", here, 0, 1), member("b", there, 2)]
    #expect(snapshot(.stable, back, owned: [0, 1], after: during).usurped.isEmpty)
  }

  @Test("a lookup goes to the owner, and to nobody where it came from an instance already")
  func routes() {
    let topology = snapshot(.stable, [member("a", here, 0), member("b", there, 1)])
    guard case .instance(let address, let socket) = topology.route(of: 1, forwardedBy: nil) else {
      Issue.record("not to the owner")
      return
    }
    #expect(address == there && socket.description == there)
    let again = reason(topology.route(of: 1, forwardedBy: "127.0.0.1:8009"))
    #expect(again?.contains("partition 1") == true)
    #expect(again?.contains(here) == true && again?.contains("127.0.0.1:8009") == true)
  }

  @Test("where nobody can answer, the reason names the partition and who or what is missing")
  func reasons() {
    let unknown = TopologySnapshot(instance: here).route(of: 7, forwardedBy: nil)
    #expect(reason(unknown)?.contains("partition 7") == true && reason(unknown)?.contains("not known yet") == true)
    let topology = snapshot(.stable, [member("a", here, 0), member("b", "no-such-host.invalid:80", 1)])
    #expect(reason(topology.route(of: 2, forwardedBy: nil))?.contains("no owner") == true)
    #expect(reason(topology.route(of: 0, forwardedBy: nil))?.contains("which is this instance") == true)
    let unresolved = reason(topology.route(of: 1, forwardedBy: nil))
    #expect(unresolved?.contains("no-such-host.invalid:80") == true && unresolved?.contains("http.advertise") == true)
  }
}
