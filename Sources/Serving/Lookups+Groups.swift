import Bytes
import InterestCodec
import InterestModel
import Lookup
import Threads

extension Lookups {
  /// Appends what a user has in the groups of given shops: `interest.v1.GetGroupsResponse`, or the same as JSON. Each group is there once,
  /// ascending by (last_ms, group); `query` cuts what the shops have chosen. The shops that the cluster map does not name are in
  /// group 0: one of them asks for what the user did at all such shops.
  public func groups(
    of user: UnsafeRawBufferPointer, shops: borrowing ByteStrings, _ query: SequenceQuery, _ form: AnswerForm,
    forwardedBy forwarder: String? = nil, into output: inout ByteBuffer
  ) throws(LookupError) -> Outcome {
    let started_ns = MonotonicClock.now_ns
    let opened = try open(for: user, query)
    try Self.check(shops)
    if let route = try route(of: user, opened, forwardedBy: forwarder) { return .elsewhere(route) }
    try opened.find(shops)
    let start = output.count
    do throws(LookupError) {
      let isKnown = try writeGroups(user, opened, query, form, into: &output)
      service.lookups.record(MonotonicClock.now_ns - started_ns)
      users.add(isKnown: isKnown)
      return .answered(isKnown: isKnown)
    } catch {
      output.truncate(to: start)
      throw noted(error)
    }
  }

  private static func check(_ shops: borrowing ByteStrings) throws(LookupError) {
    guard (1...LookupLimits.shops).contains(shops.count) else {
      throw LookupError(
        .badRequest, "\(shops.count) shops are asked for, and 1 to \(LookupLimits.shops) may be", parameter: "shops")
    }
    for index in 0..<shops.count where !(1...Behavior.maximumIDLength).contains(shops[index].count) {
      throw LookupError(
        .badRequest, "shop \(index): a shop id has 1 to \(Behavior.maximumIDLength) bytes", parameter: "shops")
    }
  }

  private func writeGroups(
    _ user: UnsafeRawBufferPointer, _ opened: Opened, _ query: SequenceQuery, _ form: AnswerForm,
    into output: inout ByteBuffer
  ) throws(LookupError) -> Bool {
    let hasAll = hasAll(opened.backend)
    let isKnown: Bool
    switch form {
    case .protobuf:
      output.append(GetGroupsResponse.sequenceTag)
      let start = output.count
      isKnown = try opened.writeSequence(user, query, form, hasAll, into: &output)
      GetGroupsResponse.insertLength(at: start, into: &output)
    case .json:
      output.append("{\"sequence\":")
      isKnown = try opened.writeSequence(user, query, form, hasAll, into: &output)
    }
    GetGroupsResponse.append(opened.shopGroups, form == .json, to: &output)
    return isKnown
  }
}

extension Lookups.Opened {
  /// Leaves each shop's group in `shopGroups`, and those, ascending and each once, in `wantedGroups`.
  func find(_ shops: borrowing ByteStrings) throws(LookupError) {
    guard let map = backend.clusterMap?.shops else {
      throw LookupError(
        .noClusterMap,
        "this instance has no cluster map, so that groups of shops are not known: name it with --cluster-map")
    }
    shopGroups.removeAll(keepingCapacity: true)
    for index in 0..<shops.count { shopGroups.append(map.group(of: FeatureID.of(shops[index]))) }
    wantedGroups.removeAll(keepingCapacity: true)
    wantedGroups.append(contentsOf: shopGroups)
    wantedGroups.withUnsafeMutableBufferPointer { groups in
      if let base = groups.baseAddress { introsort(base, groups.count) { $0 < $1 } }
    }
    var count = 0
    for index in wantedGroups.indices where index == 0 || wantedGroups[index] != wantedGroups[count - 1] {
      wantedGroups[count] = wantedGroups[index]
      count += 1
    }
    wantedGroups.removeSubrange(count...)
  }

  fileprivate func writeSequence(
    _ user: UnsafeRawBufferPointer, _ query: SequenceQuery, _ form: AnswerForm, _ hasAll: Bool,
    into output: inout ByteBuffer
  ) throws(LookupError) -> Bool {
    // The array cannot be lent across a call that throws its own type, so that its memory is: nothing else touches it meanwhile.
    let groups = wantedGroups
    let outcome: Result<Bool, LookupError> = groups.withUnsafeBufferPointer { groups in
      do throws(LookupError) {
        return .success(
          try lookup.write(user: user, query, form, of: groups, hasAll: hasAll, into: &output))
      } catch { return .failure(error) }
    }
    return try outcome.get()
  }
}
