import InterestModel
import InterestStore
import RocksDB
import TestKit
import Testing

/// What lies in RocksDB under which key. A change here is a new `format` of the state's identity.
@Suite("Stored layout")
struct StoredLayoutTests {
  /// Stored operands as they are.
  private final class LastOperand: MergeOperator {
    let name: StaticString = "last"

    func merge(key: UnsafeRawBufferPointer, operands: borrowing MergeOperands) -> UnsafeRawBufferPointer {
      operands[operands.count - 1]
    }
  }

  private func hexadecimal(_ bytes: UnsafeRawBufferPointer) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  @Test("users, offsets, dead letters and inputs lie where they always lay, as the same bytes")
  func golden() throws {
    let fixture = StoreFixture()
    var positions = DurablePositions()
    positions.partitions = [PartitionOffsets(partition: 258, base: 3, applied: 0x0102_0304_0506_0708)]
    positions.inputs = [InputPosition(name: "/a", consumed: 1, hash: (2, 3), records: 4)]
    positions.deadLetters = DeadLetterPosition(bytes: 5, records: 6, file: 7)
    try fixture.fill(
      try fixture.open(), [Event(user: "u", partition: 258, behavior: .at(1))], positions: positions)

    let options = Options(merge: LastOperand())
    let (database, families) = try Database.open(path: "\(fixture.path)/db", mode: .readOnly, options: options)
    let family = try #require(families["generation-1"])
    var entries = database.latest().iterate(family)
    var found: [String] = []
    while try entries.next() { found.append("\(hexadecimal(entries.key)) \(hexadecimal(entries.value))") }
    func number(_ low: String) -> String { low + String(repeating: "0", count: 16 - low.count) }
    #expect(
      found == [
        "0102 01" + number("03") + "0807060504030201",  // version; base, applied
        "010275 010401010003020908",  // 'u': the golden state of one behavior, at shop 9
        "fffe66696c65 01" + ["05", "06", "07"].map(number).joined(),  // 'file': bytes, records, inode
        "ffff2f61 01" + ["01", "02", "03", "04"].map(number).joined(),  // '/a': consumed, hash, records
      ])
  }
}
