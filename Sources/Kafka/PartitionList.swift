internal import CRdKafka

/// An offset of a partition. As committed: the next record to be read, with a text of the committer's.
public struct PartitionOffset: Equatable, Sendable {
  public let partition: Int32
  public let offset: Int64
  /// At most 4,096 bytes by the brokers' default (`offset.metadata.max.bytes`).
  public let metadata: String

  public init(partition: Int32, offset: Int64, metadata: String = "") {
    self.partition = partition
    self.offset = offset
    self.metadata = metadata
  }
}

/// An owned `rd_kafka_topic_partition_list_t` of one topic.
struct PartitionList: ~Copyable {
  let raw: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

  init(capacity: Int) { raw = rd_kafka_topic_partition_list_new(Int32(capacity)) }

  init(topic: String, _ partitions: [Int32]) {
    self.init(capacity: partitions.count)
    for partition in partitions { rd_kafka_topic_partition_list_add(raw, topic, partition) }
  }

  init(topic: String, _ offsets: [PartitionOffset]) {
    self.init(capacity: offsets.count)
    for offset in offsets {
      guard let element = rd_kafka_topic_partition_list_add(raw, topic, offset.partition) else { continue }
      element.pointee.offset = offset.offset
      if !offset.metadata.isEmpty { Self.set(offset.metadata, of: element) }
    }
  }

  deinit { rd_kafka_topic_partition_list_destroy(raw) }

  /// The list frees metadata with `free`.
  private static func set(_ metadata: String, of element: UnsafeMutablePointer<rd_kafka_topic_partition_t>) {
    var metadata = metadata
    metadata.withUTF8 { bytes in
      guard let copy = rd_kafka_mem_malloc(nil, bytes.count) else { return }
      copy.copyMemory(from: UnsafeRawPointer(bytes.baseAddress.unsafelyUnwrapped), byteCount: bytes.count)
      element.pointee.metadata = copy
      element.pointee.metadata_size = bytes.count
    }
  }

  var elements: UnsafeBufferPointer<rd_kafka_topic_partition_t> { Self.elements(of: raw) }

  static func elements(
    of raw: UnsafePointer<rd_kafka_topic_partition_list_t>
  ) -> UnsafeBufferPointer<rd_kafka_topic_partition_t> {
    .init(start: raw.pointee.elems, count: Int(raw.pointee.cnt))
  }

  /// The first partition's error, if any has one.
  static func check(
    _ elements: UnsafeBufferPointer<rd_kafka_topic_partition_t>, _ operation: @autoclosure () -> String
  ) throws(KafkaError) {
    for element in elements where element.err != RD_KAFKA_RESP_ERR_NO_ERROR {
      throw KafkaError(element.err, "\(operation()), partition \(element.partition)")
    }
  }
}

extension PartitionOffset {
  init(_ element: rd_kafka_topic_partition_t) {
    let metadata = UnsafeRawBufferPointer(start: element.metadata, count: element.metadata_size)
    self.init(
      partition: element.partition, offset: element.offset, metadata: String(decoding: metadata, as: UTF8.self))
  }
}
