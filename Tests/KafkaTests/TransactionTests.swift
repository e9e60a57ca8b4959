import Kafka
import TestKit
import Testing

/// The mock cluster answers to transactions, but lets readers see their records at once and forgets their offsets; what is told here is
/// how often a transaction is tried, and when it is given up. The end-to-end tests show what readers see.
@Suite("Transactions")
struct TransactionTests {
  let cluster: MockCluster

  init() throws {
    cluster = try MockCluster()
    try cluster.createTopic("events", partitions: 2)
  }

  private func transactions(_ id: String = "t") throws -> Transactions {
    try Transactions(cluster.configuration([("linger.ms", "0"), ("retry.backoff.ms", "10")]), id: id)
  }

  private func values() throws -> [String?] {
    try cluster.reader("events").readToEnd([PartitionOffset(partition: 0, offset: 0)]).map(\.value)
  }

  private func send(_ producer: Producer, _ value: StaticString) throws(KafkaError) {
    let bytes = UnsafeRawBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount)
    try producer.send(try producer.topic("events"), partition: 0, key: nil, value: bytes)
  }

  /// Sends a record and an offset, and counts the tries.
  private func send(_ producer: Producer, _ tries: inout Int, _ value: StaticString = "v") throws(KafkaError) {
    tries += 1
    try send(producer, value)
    try producer.flush(timeout_ms: 10_000)
    try producer.sendOffsets(
      [PartitionOffset(partition: 1, offset: 7)], of: "events", group: "g", timeout_ms: 10_000)
  }

  @Test("send their records, one after another")
  func commits() throws {
    let transactions = try transactions()
    var tries = 0
    for value in ["a", "b"] as [StaticString] {
      let isDone = try transactions.run { () throws(KafkaError) in
        false
      } _: { producer throws(KafkaError) in
        try send(producer, &tries, value)
        return true
      }
      #expect(isDone)
    }
    #expect(tries == 2)
    #expect(try values() == ["a", "b"])
  }

  @Test("are aborted where the body says so, and the next is not concerned")
  func aborts() throws {
    let transactions = try transactions()
    var tries = 0
    let isDone = try transactions.run { () throws(KafkaError) in
      false
    } _: { producer throws(KafkaError) in
      try send(producer, "dropped")
      tries += 1
      return false
    }
    #expect(!isDone)
    #expect(
      try transactions.run { () throws(KafkaError) in
        false
      } _: { producer throws(KafkaError) in
        try send(producer, &tries)
        return true
      })
    #expect(tries == 2)
  }

  @Test(
    "are tried again from their beginning where that mends what failed",
    arguments: [
      // INVALID_PRODUCER_ID_MAPPING
      (MockCluster.Request.addOffsetsToTransaction, 49), (.endTransaction, 49),
    ] as [(MockCluster.Request, Int32)])
  func triedAgain(request: MockCluster.Request, code: Int32) throws {
    let transactions = try transactions()
    cluster.pushErrors(request, [code])
    var tries = 0
    let isDone = try transactions.run { () throws(KafkaError) in
      false
    } _: { producer throws(KafkaError) in
      try send(producer, &tries)
      return true
    }
    #expect(isDone)
    #expect(tries == 2)
  }

  @Test("are aborted and given up where a record of theirs is refused for good")
  func refused() throws {
    let transactions = try transactions()
    // INVALID_RECORD
    cluster.pushErrors(.produce, [87])
    var tries = 0
    func run() throws(KafkaError) -> Bool {
      try transactions.run { () throws(KafkaError) in
        false
      } _: { producer throws(KafkaError) in
        try send(producer, &tries)
        return true
      }
    }
    let error = #expect(throws: KafkaError.self) { try run() }
    #expect(error?.name == "INVALID_RECORD")
    #expect(tries == 1)
    // librdkafka finds the sequence broken once more.
    #expect(try run())
    #expect(tries == 3)
  }

  @Test("give up where the brokers do not allow them")
  func notAuthorized() throws {
    // TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    cluster.pushErrors(.initProducerID, [53])
    let error = #expect(throws: KafkaError.self) { try transactions() }
    #expect(error?.isNotAuthorized == true, "\(String(describing: error))")
  }

  @Test("of another process with the same id fence these, which is told and not tried again")
  func fenced() throws {
    let transactions = try transactions()
    // PRODUCER_FENCED
    cluster.pushErrors(.endTransaction, [90])
    var tries = 0
    let error = #expect(throws: KafkaError.self) {
      try transactions.run { () throws(KafkaError) in
        false
      } _: { producer throws(KafkaError) in
        try send(producer, &tries)
        return true
      }
    }
    #expect(tries == 1)
    #expect(error?.isFenced == true)
    #expect(error?.description.contains("another process with the transactional.id t") == true)
  }
}
