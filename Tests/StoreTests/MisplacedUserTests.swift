import Bytes
import InterestCodec
import InterestModel
import InterestStore
import Lookup
import TestKit
import Testing

@Suite("Users on wrong partitions")
struct MisplacedUserTests {
  private let fixture = StoreFixture(
    source: .kafka(clusterID: "c", topic: "t", partitions: 4, partitioner: .murmur2))

  private func expected(_ user: String) -> UInt16 {
    Array(user.utf8).withUnsafeBytes { UInt16(murmur2Partition($0, count: 4)) }
  }

  private func refusal(_ store: InterestStore, _ user: String, hasAll: Bool = true) -> LookupError? {
    var lookup = UserLookup(store)
    let bytes = Array(user.utf8)
    do throws(LookupError) {
      try bytes.span.bytes.withUnsafeBytes { (user) throws(LookupError) in
        try lookup.checkPlace(of: user, hasAll: hasAll)
      }
      var output = ByteBuffer()
      try bytes.span.bytes.withUnsafeBytes { (user) throws(LookupError) in
        try lookup.writeJSON(user: user, SequenceQuery(), into: &output)
      }
    } catch { return error }
    return nil
  }

  @Test("are known with the file that has the first of them, from then on and after each start")
  func durable() throws {
    let (placed, misplaced) = ("u1", "u2")
    let wrong = (expected(misplaced) + 1) % 4
    do {
      let store = try fixture.open()
      #expect(!store.generation.hasMisplacedUsers)
      try fixture.fill(store, [Event(user: placed, partition: expected(placed), behavior: .at(1))])
    }
    do {
      let store = try fixture.open()
      #expect(!store.generation.hasMisplacedUsers)
      var positions = DurablePositions()
      positions.hasMisplacedUsers = true
      try fixture.fill(store, [Event(user: misplaced, partition: wrong, behavior: .at(1))], positions: positions)
    }
    let store = try fixture.open()
    #expect(store.generation.hasMisplacedUsers)
    #expect(refusal(store, placed) == nil)
    #expect(refusal(store, "nobody") == nil)
    #expect(refusal(store, "nobody", hasAll: false)?.code == .misplaced)
    #expect(refusal(store, placed, hasAll: false) == nil)
    let error = refusal(store, misplaced)
    #expect(error?.code == .misplaced)
    #expect(error?.message.contains("on partition \(wrong) of topic t") == true)
    #expect(error?.message.contains("on partition \(expected(misplaced))") == true)
  }
}
