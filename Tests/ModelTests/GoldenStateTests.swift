import InterestCodec
import InterestModel
import TestKit
import Testing

/// Stored bytes, checked by hand. Whoever has to change one changes the layout, and gives it a new version byte (`StateLayout`):
/// state directories of the old one are out there.
@Suite("Golden states")
struct GoldenStateTests {
  private let folding = Folding(TestConfiguration.make(keptBehaviors: 2))

  private func hexadecimal(_ state: StateBytes) -> String {
    state.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
  }

  @Test("one behavior takes nine bytes")
  func one() {
    let expected = [
      "01 04",  // version, bytes of the directory
      "01 01 00 03",  // newest at 1 ms; group 1, 0 ms before it, a block of 3
      "02 01 08",  // one kept, no statistics; shop 1; type 1
    ]
    #expect(hexadecimal(folding.state([.at(1)])) == expected.joined(separator: " "))
  }

  @Test("columns of two groups, with every optional field")
  func columns() {
    let behaviors: [Behavior] = [
      .at(1000, shop: 300, type: 128, dwell_ms: 200, spend_micros: -3, item: 5, group: 0),
      .at(700, shop: 300, type: 255, group: 0), .at(900, shop: 2, type: 7, spend_micros: 64, group: 300),
    ]
    let expected = [
      "01 09",
      "e8 07 00 00 0f ac 02 64 05",  // newest at 1000; group 0, 0 before it, 15 bytes; group 300, 100 before, 5
      "04 ac 02",  // two kept; the second 300 ms before the first
      "ac 02 ac 02",  // shops 300, 300
      "87 08 f8 0f",  // type 128 with item, spend and dwell; type 255 with none
      "c8 01 05 05",  // dwell 200, spend -3 as zigzag, item 5
      "02 02 3a 80 01",  // one kept; shop 2; type 7 with spend; 64 as zigzag
    ]
    #expect(hexadecimal(folding.state(behaviors)) == expected.joined(separator: " "))
  }

  @Test("statistics come before the columns where more than K behaviors were folded")
  func statistics() {
    let day: Int64 = 86_400_000
    let behaviors: [Behavior] = [
      .at(2 * day + 1, dwell_ms: 3), .at(2 * day, type: 2), .at(day, type: 255, dwell_ms: 4),
      .at(1, type: 128, spend_micros: -1),
    ]
    let expected = [
      "01 07",
      "81 f0 b2 52 01 00 18",  // newest at 172,800,001; group 1, a block of 24
      "05",  // two kept, and statistics
      "01 01 01 01",  // strong, weak, negative, payment
      "07 04 02",  // dwell: sum, maximum, n
      "01 01",  // spend: sum -1 as zigzag, n
      "80 f0 b2 52",  // the first behavior, 172,800,000 before the last
      "07 02 01 01",  // days 0, 1 and 2 back: 2, 1 and 1
      "01 01 01 09 10 03",  // the second kept 1 ms before the first; shops 1, 1; type 1 with dwell, type 2; dwell 3
    ]
    #expect(hexadecimal(folding.state(behaviors)) == expected.joined(separator: " "))
  }

  @Test("an envelope holds the readable state, perhaps none, and then what could not be read")
  func envelope() {
    let one = folding.state([.at(1)])
    #expect(hexadecimal(folding.fold([one, [9, 9]])) == "ff 09 01 04 01 01 00 03 02 01 08 02 09 09")
    #expect(hexadecimal(folding.fold([[9, 9], [8]])) == "ff 00 02 09 09 01 08")
  }

  @Test("golden bytes read as what they were made of")
  func reading() throws {
    let state: StateBytes = [
      0x01, 0x07, 0x81, 0xf0, 0xb2, 0x52, 0x01, 0x00, 0x18, 0x05, 0x01, 0x01, 0x01, 0x01, 0x07, 0x04, 0x02, 0x01, 0x01,
      0x80, 0xf0, 0xb2, 0x52, 0x07, 0x02, 0x01, 0x01, 0x01, 0x01, 0x01, 0x09, 0x10, 0x03,
    ]
    let sequence = try folding.sequence(state)
    let group = try #require(sequence.groups.first)
    #expect([group.strong, group.weak, group.negative, group.payment] == [1, 1, 1, 1])
    #expect(group.dwellSum_ms == 7 && group.spendSum_micros == -1 && group.first_ms == 1)
    #expect(sequence.windows == [2, 4, 4])
    #expect(sequence.behaviors.map(\.type) == [1, 2])
  }
}
