import NearestName
import Testing

@Suite("The nearest name")
struct NearestNameTests {
  static let names = ["brokers", "topic", "group", "age_ms", "maximum_connections", "idle_timeout_ms"]

  @Test(
    "slips of the hand and missing words are recognised, other words are not",
    arguments: [
      ("brokrs", "brokers"), ("borkers", "brokers"), ("Topic", "topic"), ("topics", "topic"), ("age", "age_ms"),
      ("max_connections", "maximum_connections"), ("timeout_ms", "idle_timeout_ms"), ("age_s", "age_ms"),
      ("brokers.list", "brokers"), ("", nil), ("x", nil), ("ms", nil), ("xyzzy", nil), ("kafka", nil),
    ] as [(String, String?)])
  func nearest(written: String, expected: String?) {
    #expect(nearestName(to: written, among: Self.names) == expected)
  }

  @Test("the closest wins, the first of equals; nothing is near in an empty list or to an endless name")
  func ties() {
    #expect(nearestName(to: "abcf", among: ["abcd", "abce", "abcff"]) == "abcd")
    #expect(nearestName(to: "abcff", among: ["abcd", "abcf"]) == "abcf")
    #expect(nearestName(to: "a", among: []) == nil)
    let endless = String(repeating: "a", count: 129)
    #expect(nearestName(to: endless, among: [endless]) == nil)
  }
}
