import DaemonConfig
import TestKit
import Testing

@Suite("Configurations from anywhere")
struct ConfigurationFuzzTests {
  /// A valid value whose printed form reads back to it, or an error that says something in a bounded number of lines.
  private func check(_ bytes: [UInt8]) {
    let configuration: DaemonConfiguration
    do throws(ConfigurationError) {
      configuration = try DaemonConfiguration.parse(bytes: bytes, file: "c.yaml")
    } catch {
      #expect(!error.problems.isEmpty && error.problems.count <= ConfigurationError.maximumProblems)
      #expect(error.problems.allSatisfy { !$0.message.isEmpty && !$0.description.contains("\n") })
      #expect(error.problems.allSatisfy { $0.location.hasPrefix("c.yaml") }, "\(error)")
      return
    }
    #expect(throws: Never.self) {
      try configuration.validate()
      let again = try DaemonConfiguration.parse(yaml: configuration.effectiveYAML, file: "again")
      #expect(again == configuration)
    }
  }

  @Test("random bytes give a value or an error")
  func randomBytes() {
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<700 {
      check((0..<Int.random(in: 0...200, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }
  }

  @Test("random YAML characters give a value or an error")
  func randomSyntax() {
    let letters = Array("{}[]:,-?*&!#|>'\"%@` \n\tab0\\~".utf8)
    var generator = SeededGenerator(seed: 6)
    for _ in 0..<700 {
      let length = Int.random(in: 0...120, using: &generator)
      check((0..<length).map { _ in letters[Int.random(in: 0..<letters.count, using: &generator)] })
    }
  }

  @Test("a valid file with a few bytes changed, lost or doubled gives a value or an error")
  func mutatedExample() {
    let example = Array(DaemonConfiguration.exampleYAML.utf8).split(separator: UInt8(ascii: "\n"))
      .filter { !$0.contains(UInt8(ascii: "#")) }.joined(separator: [UInt8(ascii: "\n")])
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<1000 {
      var bytes = Array(example)
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: 0...127, using: &generator)
        case 1: bytes.remove(at: place)
        default: bytes.insert(contentsOf: bytes[place..<min(place + 20, bytes.count)], at: place)
        }
      }
      check(bytes)
    }
  }

  @Test(
    "a file of the greatest size made to hurt is refused in bounded time",
    arguments: [
      "[", "{", "- ", "? ", "{a: ", "[[],", "&a ", "*a ", "!a ", "\"", "'", "|\n", "a: b\n", "- a\n", "%TAG ! a\n",
      "---\n", "\n",
      ": ", "a", "#", "- - - a\n", "!<a> ", "\"\\u0041", "&a [*a, ", "? a\n: b\n",
    ])
  func hostileSizes(piece: String) {
    let count = DaemonConfiguration.maximumFileBytes / piece.utf8.count
    let clock = ContinuousClock()
    let time = clock.measure { check(Array(String(repeating: piece, count: count).utf8)) }
    // Far beyond what any of these takes; what grows with the square of the size takes minutes.
    #expect(time < .seconds(20))
  }

  @Test("aliases that would stand for gigabytes are refused")
  func billionLaughs() {
    var yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for level in 1..<12 {
      yaml += "a\(level): &a\(level) [\((0..<9).map { _ in "*a\(level - 1)" }.joined(separator: ", "))]\n"
    }
    let error = #expect(throws: ConfigurationError.self) { try DaemonConfiguration.parse(yaml: yaml, file: "c.yaml") }
    #expect(error?.problems.contains { $0.message.hasPrefix("aliases") } == true)
    #expect((error?.omitted ?? 0) > 50)
  }
}
