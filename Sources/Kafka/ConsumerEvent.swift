/// What a consumer learns beside records. All are told on the polling thread.
public enum ConsumerEvent: Equatable, Sendable {
  /// The group gives these partitions: the answer is `assign`, with the offsets to read from. All of the member's partitions
  /// under an eager protocol, the added ones under a cooperative one.
  case assigned([Int32])
  /// The group takes these partitions back: the answer is `unassign`, after what was read of them has been made durable.
  case revoked([Int32])
  /// These partitions are another member's already (the session or the poll interval ran out): the answer is `unassign`, and
  /// nothing of them may be committed.
  case lost([Int32])
  /// Everything before `offset` has been delivered; told once each time the end is reached (`enable.partition.eof`).
  case endOfPartition(Int32, offset: Int64)
  /// A partition cannot be read from; `KafkaError.isOffsetOutOfRange` where its log does not hold the wanted offset.
  case partitionFailed(Int32, KafkaError)
  case failed(KafkaError)
  /// The outcome of one `Consumer.commit(_:)`: nil where all of it was committed.
  case committed([PartitionOffset], KafkaError?)
}
