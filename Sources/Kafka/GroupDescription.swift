internal import CRdKafka

/// What a consumer group's coordinator knows of it.
public struct GroupDescription: Equatable, Sendable {
  public enum State: String, Sendable {
    /// All members have what the last rebalance gave them; only then do members have partitions here.
    case stable = "Stable"
    /// Members are joining, or wait for their partitions.
    case preparingRebalance = "PreparingRebalance"
    case completingRebalance = "CompletingRebalance"
    /// Without members; there may be committed offsets.
    case empty = "Empty"
    /// Not there.
    case dead = "Dead"
    case unknown = "Unknown"
  }

  public struct Member: Equatable, Sendable {
    /// Made by the coordinator, one per joining.
    public let id: String
    /// The member's `client.id`, whatever it chose.
    public let clientID: String
    /// Of the topic asked for, ascending.
    public let partitions: [Int32]

    public init(id: String, clientID: String, partitions: [Int32]) {
      self.id = id
      self.clientID = clientID
      self.partitions = partitions
    }
  }

  public let state: State
  public let members: [Member]

  public init(state: State, members: [Member]) {
    self.state = state
    self.members = members
  }
}

extension Admin {
  /// Asks a group's coordinator for its members and what they have of `topic`. A group that is not there is `dead`.
  ///
  /// By `rd_kafka_list_groups`, although it is called deprecated: `rd_kafka_DescribeConsumerGroups` ends the whole process by a failed
  /// assertion where a coordinator does not answer in time or changes (confluentinc/librdkafka issues 4605 and 3663). It asks every
  /// broker which groups it coordinates; with a broker that is gone it takes all of `timeout_ms`, and answers nevertheless.
  public func describeGroup(_ group: String, topic: String, timeout_ms: Int32) throws(KafkaError) -> GroupDescription {
    let operation = "describe group '\(group)'"
    var list: UnsafePointer<rd_kafka_group_list>?
    let code = rd_kafka_list_groups(client.handle, group, &list, timeout_ms)
    defer { if let list { rd_kafka_group_list_destroy(list) } }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__PARTIAL, let list else {
      throw KafkaError(code, operation, hint: "check that the brokers are reachable")
    }
    let groups = UnsafeBufferPointer(start: list.pointee.groups, count: Int(list.pointee.group_cnt))
    guard let found = groups.first(where: { $0.err == RD_KAFKA_RESP_ERR_NO_ERROR }) else {
      if let failed = groups.first { throw KafkaError(failed.err, operation) }
      // Where not all brokers have answered, the coordinator may be one of the others.
      if code == RD_KAFKA_RESP_ERR__PARTIAL { throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, operation) }
      return GroupDescription(state: .dead, members: [])
    }
    let members = UnsafeBufferPointer(start: found.members, count: Int(found.member_cnt)).map { member in
      let assignment = UnsafeRawBufferPointer(
        start: member.member_assignment, count: Int(max(member.member_assignment_size, 0)))
      return GroupDescription.Member(
        id: Self.text(member.member_id), clientID: Self.text(member.client_id),
        partitions: MemberAssignment.partitions(of: topic, in: assignment) ?? [])
    }
    return GroupDescription(state: .init(rawValue: Self.text(found.state)) ?? .unknown, members: members)
  }

  private static func text(_ pointer: UnsafeMutablePointer<CChar>?) -> String {
    pointer.map { String(cString: $0) } ?? ""
  }
}

/// A member's assignment as Kafka's consumers write it (ConsumerProtocolAssignment.json, all versions): a version, topics with their
/// partitions, and the assignor's own data; big-endian.
enum MemberAssignment {
  /// The partitions of a topic, ascending; nil where the bytes are something else, as those of a group that is no consumers'.
  static func partitions(of topic: String, in bytes: UnsafeRawBufferPointer) -> [Int32]? {
    if bytes.isEmpty { return [] }  // outside of the stable state
    var reader = BigEndianReader(bytes: bytes)
    guard let version: Int16 = reader.integer(), version >= 0, let topics: Int32 = reader.integer(), topics >= 0 else {
      return nil
    }
    var partitions: [Int32] = []
    for _ in 0..<topics {
      guard let length: Int16 = reader.integer(), let name = reader.bytes(Int(length)),
        let count: Int32 = reader.integer(), count >= 0, Int(count) <= reader.left / 4
      else { return nil }
      let isWanted = name.elementsEqual(topic.utf8)
      for _ in 0..<count {
        guard let partition: Int32 = reader.integer() else { return nil }
        if isWanted { partitions.append(partition) }
      }
    }
    return partitions.sorted()
  }
}

private struct BigEndianReader {
  let bytes: UnsafeRawBufferPointer
  private var at = 0

  init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var left: Int { bytes.count - at }

  mutating func integer<Value: FixedWidthInteger>() -> Value? {
    guard let part = self.bytes(MemoryLayout<Value>.size) else { return nil }
    return Value(bigEndian: part.loadUnaligned(as: Value.self))
  }

  mutating func bytes(_ count: Int) -> UnsafeRawBufferPointer? {
    guard count >= 0, count <= left else { return nil }
    defer { at += count }
    return UnsafeRawBufferPointer(rebasing: bytes[at..<at + count])
  }
}
