import Bytes
import InterestModel
import InterestStore
import TestKit
import Testing

@Suite("State identity")
struct IdentityTests {
  private let fixture = StoreFixture(
    source: .kafka(clusterID: "cluster", topic: "behaviors", partitions: 8, partitioner: .murmur2))

  private func configuration(
    kept: Int = 4, windows_days: [Int] = [1, 7, 30], _ entries: [BehaviorCatalog.Entry]? = nil
  ) throws -> StateConfiguration {
    StateConfiguration(
      catalog: try entries.map { try BehaviorCatalog($0) } ?? fixture.identity.configuration.catalog,
      keptBehaviors: kept, windows_days: windows_days)
  }

  @Test("each thing in which a state may be another is named with both values")
  func differences() throws {
    _ = try fixture.open()
    let original = fixture.identity
    let entries = original.configuration.catalog.entries
    func changed(_ change: (inout StateIdentity) throws -> Void) rethrows -> String {
      var other = original
      try change(&other)
      fixture.identity = other
      let error = #expect(throws: StoreError.self) { _ = try fixture.open() }
      #expect(error?.code == .different && error?.isRetryable == false)
      return error?.message ?? ""
    }
    var message = try changed { $0.configuration = try configuration(kept: 5) }
    #expect(message.contains("state.kept_behaviors: the state has 4, wanted is 5"))
    message = try changed { $0.configuration = try configuration(windows_days: [1, 8]) }
    #expect(message.contains("[1, 7, 30]") && message.contains("[1, 8]"))
    message = changed { $0.clusterMap = "ffff" }
    #expect(message.contains("cluster map: the state has c1d2, wanted is ffff"))
    message = changed { $0.source = .files }
    #expect(message.contains("topic behaviors, 8 partitions") && message.contains("wanted is files"))
    for source in [
      StateSource.kafka(clusterID: "other", topic: "behaviors", partitions: 8, partitioner: .murmur2),
      .kafka(clusterID: "cluster", topic: "other", partitions: 8, partitioner: .murmur2),
      .kafka(clusterID: "cluster", topic: "behaviors", partitions: 9, partitioner: .murmur2),
      .kafka(clusterID: "cluster", topic: "behaviors", partitions: 8, partitioner: .none),
    ] {
      message = changed { $0.source = source }
      #expect(message.contains("source: "))
    }
    let moved = BehaviorCatalog.Entry(type: entries[0].type, code: entries[0].code, category: .strong)
    message = try changed { $0.configuration = try configuration([moved] + entries.dropFirst()) }
    #expect(message.contains("behavior code 1: the state has click (weak), wanted is click (strong)"))
    let renamed = BehaviorCatalog.Entry(type: "tap", code: entries[0].code, category: entries[0].category)
    message = try changed { $0.configuration = try configuration([renamed] + entries.dropFirst()) }
    #expect(message.contains("wanted is tap (weak)"))
    message = try changed { $0.configuration = try configuration(Array(entries.dropFirst())) }
    #expect(message.contains("wanted is nothing"))
    fixture.identity = original
    _ = try fixture.open()
  }

  @Test("two differences are named in one message")
  func two() throws {
    _ = try fixture.open()
    fixture.identity.clusterMap = "ffff"
    fixture.identity.configuration = try configuration(kept: 5)
    let error = #expect(throws: StoreError.self) { _ = try fixture.open() }
    #expect(error?.message.contains("cluster map") == true && error?.message.contains("kept_behaviors") == true)
  }

  @Test("types may be added, and then belong to the state")
  func added() throws {
    _ = try fixture.open()
    let entries = fixture.identity.configuration.catalog.entries
    let more = BehaviorCatalog.Entry(type: "share", code: 9, category: .strong)
    fixture.identity.configuration = try configuration(entries + [more])
    try fixture.fill(try fixture.open(), [Event(user: "u", partition: 0, behavior: .at(1, type: 9))])
    let reading = try InterestStore.open(reading: fixture.path)
    #expect(reading.identity == fixture.identity)
    #expect(try reading.generation.state(of: "u") == fixture.state(of: [.at(1, type: 9)]))
  }

  @Test("a type that was added cannot be taken away")
  func takenAway() throws {
    let original = fixture.identity
    let more = BehaviorCatalog.Entry(type: "share", code: 9, category: .strong)
    fixture.identity.configuration = try configuration(original.configuration.catalog.entries + [more])
    _ = try fixture.open()
    fixture.identity = original
    let error = #expect(throws: StoreError.self) { _ = try fixture.open() }
    #expect(error?.message.contains("behavior code 9: the state has share (strong), wanted is nothing") == true)
  }

  @Test("a refused opening leaves the state as it was")
  func unchanged() throws {
    let original = fixture.identity
    try fixture.fill(try fixture.open(), [Event(user: "u", behavior: .at(1))])
    fixture.identity.clusterMap = "ffff"
    #expect(throws: StoreError.self) { _ = try fixture.open() }
    fixture.identity = original
    let store = try InterestStore.open(reading: fixture.path)
    #expect(store.identity == original)
    #expect(try store.generation.state(of: "u") == fixture.state(of: [.at(1)]))
  }

  @Test("of a user on a wrong partition it is told which other partitioner puts it there, if one does")
  func misplaced() {
    for number in 0..<100 {
      withBytes("user \(number)") { id in
        for partition: UInt16 in 0..<8 {
          let isCRC = crc32Partition(id, count: 8) == partition
          let isFNV = fnv1aPartition(id, count: 8) == partition
          #expect(
            Partitioner.murmur2.others(placing: id, on: partition, of: 8)
              == (isCRC ? [.crc32] : []) + (isFNV ? [.fnv1a] : []))
          #expect(!Partitioner.crc32.others(placing: id, on: partition, of: 8).contains(.crc32))
        }
      }
    }
  }

  @Test("a user's partition is the producers', 0 for files, and any where keys say nothing")
  func partitions() {
    let ids: [(String, Int)] = [("21", -973_932_308), ("foobar", -790_332_482), ("abc", 479_470_107)]
    for (id, hash) in ids {
      withBytes(id) { id in
        for count in [1, 8, 1000] {
          func partitions(_ partitioner: Partitioner) -> Range<UInt16> {
            StateSource.kafka(clusterID: "c", topic: "t", partitions: count, partitioner: partitioner)
              .partitions(of: id)
          }
          let expected = UInt16((hash & 0x7fff_ffff) % count)
          #expect(partitions(.murmur2) == expected..<expected + 1)
          let crc = UInt16(crc32Partition(id, count: Int32(count)))
          #expect(partitions(.crc32) == crc..<crc + 1)
          let fnv = UInt16(fnv1aPartition(id, count: Int32(count)))
          #expect(partitions(.fnv1a) == fnv..<fnv + 1)
          #expect(partitions(.none) == 0..<UInt16(count))
        }
        #expect(StateSource.files.partitions(of: id) == 0..<1)
      }
    }
  }
}
