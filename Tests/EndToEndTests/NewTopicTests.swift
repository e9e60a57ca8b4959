import Kafka
import TestKit
import Testing

@Suite("A topic made a moment before", .kafka)
struct NewTopicTests {
  /// Its partitions' leaders refuse the first batches at times.
  @Test("holds every record that a producer was told is delivered", arguments: 0..<3)
  func holdsAll(worker: Int) throws {
    for _ in 0..<15 {
      let topic = try Topic(partitions: 8)
      let producer = try Producer(KafkaConfiguration([("bootstrap.servers", topic.bootstrap), ("linger.ms", "0")]))
      let reference = try producer.topic(topic.name)
      for partition in 0..<Int32(8) {
        // Batches of their own.
        for size in [500_000, 100, 100, 100, 100, 100] {
          try [UInt8](repeating: 65, count: size).withUnsafeBytes {
            try producer.send(reference, partition: partition, key: nil, value: $0)
          }
          producer.poll()
        }
      }
      try producer.flush(timeout_ms: 30_000)
      #expect(try topic.end()() == 48)
    }
  }
}
