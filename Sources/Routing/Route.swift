public import Network

/// What becomes of a lookup of a user whose partition is not served here.
public enum Route: Sendable {
  /// It goes to this instance.
  case instance(address: String, SocketAddress)
  /// Nobody can answer it now, for this reason.
  case nobody(String)
}

extension TopologySnapshot {
  /// - Parameter forwarder: The instance that passed the lookup on to this one, if one did: then it goes no further.
  public func route(of partition: UInt16, forwardedBy forwarder: String?) -> Route {
    let what = "partition \(partition), which the user is in,"
    if let forwarder {
      return .nobody("\(what) is not served by \(instance), to which \(forwarder) has forwarded the lookup")
    }
    guard let owner = owner(of: partition) else {
      return .nobody(
        asked_ns == 0
          ? "\(what) is not served here, and who owns it is not known yet"
          : "\(what) has no owner at the moment: the group is rebalancing, or has lost an instance")
    }
    guard let address = owner.address else {
      return .nobody(
        "\(what) is owned by a member of the group whose client id is no instance's address: '\(owner.clientID.prefix(60))'"
      )
    }
    if address == instance {
      return .nobody(
        "\(what) is given to \(instance), which is this instance, and not served yet; if that lasts, another instance has "
          + "the same http.advertise")
    }
    guard let socket = owner.socket else {
      return .nobody("\(what) is owned by \(address), which cannot be resolved here: check http.advertise there")
    }
    return .instance(address: address, socket)
  }
}
