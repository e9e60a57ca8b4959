import InterestStore
import Lookup
import Routing

/// Whether a user is answered here, and who has the others.
extension Lookups {
  /// Lookups are answered for owned partitions whose history is whole. Nil: here.
  func route(
    of user: UnsafeRawBufferPointer, _ opened: Opened, forwardedBy forwarder: String?
  ) throws(LookupError) -> ForwardRoute? {
    guard let board = opened.board else { return nil }
    let backend = opened.backend
    let partitions = backend.store.identity.source.partitions(of: user)
    guard let (partition, status) = board.firstUnserved(in: partitions) else {
      guard partitions.count == 1, let topology = backend.topology, topology.isUsurped(partitions.lowerBound) else {
        return nil
      }
      return try route(partitions.lowerBound, topology, forwardedBy: forwarder)
    }
    if let status {
      throw LookupError(
        .unavailable, "not served: " + (status.message.isEmpty ? status.progress : status.message),
        retryAfter_s: status.state == .lostHistory ? 60 : 1)
    }
    if partitions.count == 1, let topology = backend.topology {
      return try route(partition, topology, forwardedBy: forwarder)
    }
    throw LookupError(
      .unavailable,
      "partition \(partition), which the user may be in, is not served here: with kafka.key: ignore a user is on any "
        + "partition, and one instance has to have them all", retryAfter_s: 1)
  }

  /// The partition is another instance's.
  private func route(
    _ partition: UInt16, _ topology: Topology, forwardedBy forwarder: String?
  ) throws(LookupError) -> ForwardRoute {
    switch topology.current.route(of: partition, forwardedBy: forwarder) {
    case .instance(let address, let socket):
      return ForwardRoute(partition: partition, address: address, socket: socket)
    case .nobody(let reason):
      topology.noteMiss()
      throw LookupError(.unavailable, reason, retryAfter_s: 1)
    }
  }
}
