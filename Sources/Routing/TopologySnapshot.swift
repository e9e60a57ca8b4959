public import Kafka
public import Network

/// Who owns which partition, as the group told it at one moment.
public final class TopologySnapshot: Sendable {
  /// This instance's address, as its own member's client id has it.
  public let instance: String
  /// When it was asked for, of `MonotonicClock`; 0: not yet.
  public let asked_ns: UInt64
  /// Of all members, in no order.
  let members: [GroupDescription.Member]
  private let owners: [Int32: Owner]
  /// Partitions that were answered from here when the group was asked, and that it has given to another instance: this one has missed a
  /// rebalance. Until the group tells something else, it stays so.
  public let usurped: Set<UInt16>

  /// Nothing is known yet.
  public init(instance: String) {
    self.instance = instance
    asked_ns = 0
    members = []
    owners = [:]
    usurped = []
  }

  /// - Parameters:
  ///   - owned: The partitions that were answered from here before the group was asked, and still are.
  ///   - previous: While the group rebalances it does not tell who has what: the members that are still there are taken to have what they had.
  ///   - resolve: An instance's address to where it leads.
  public init(
    _ group: GroupDescription, owned: [UInt16], after previous: TopologySnapshot, asked_ns: UInt64,
    resolve: (String) -> SocketAddress?
  ) {
    instance = previous.instance
    self.asked_ns = asked_ns
    let isSettled = group.state != .preparingRebalance && group.state != .completingRebalance
    var members = group.members
    if !isSettled {
      let there = Set(group.members.map(\.id))
      members = previous.members.filter { there.contains($0.id) }
    }
    self.members = members
    var owners: [Int32: Owner] = [:]
    for member in members where !member.partitions.isEmpty {
      let isAddress = Owner.isAddress(member.clientID)
      let owner = Owner(clientID: member.clientID, socket: isAddress ? resolve(member.clientID) : nil)
      for partition in member.partitions { owners[partition] = owner }
    }
    self.owners = owners
    usurped = Set(
      owned.filter { [instance] partition in
        // What others have applied meanwhile is still not here.
        guard isSettled else { return previous.usurped.contains(partition) }
        guard let address = owners[Int32(partition)]?.address else { return false }
        return address != instance
      })
  }

  /// Nil where nobody has it.
  public func owner(of partition: UInt16) -> Owner? { owners[Int32(partition)] }
}
