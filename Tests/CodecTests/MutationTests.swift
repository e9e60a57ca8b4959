import InterestCodec
import TestKit
import Testing

@Suite("Mutated events")
struct MutationTests {
  @Test("no mutation of a record crashes, and what is accepted keeps the rules", arguments: EventFormat.allCases)
  func mutations(format: EventFormat) throws {
    var decoder = try TestDecoder(format: format)
    var random = RandomFields(seed: 11)
    var generator = SeededGenerator(seed: 12)
    var accepted = 0
    var bytes: [UInt8] = []
    for round in 0..<50_000 {
      if round % 50 == 0 || bytes.isEmpty { bytes = Self.start(random.next(), &generator) }
      Self.mutate(&bytes, &generator)
      guard case .success(let event) = decoder.decode(bytes) else { continue }
      accepted += 1
      let keepsRules =
        (1...255).contains(event.user.count) && String(validating: event.user, as: UTF8.self) != nil
        && (1...4_102_444_799_999).contains(event.time_ms) && [1, 2, 3, 255].contains(event.type)
        && event.eventID.count <= 255
      #expect(keepsRules)
    }
    #expect(accepted > 0)
  }

  private static func start(_ fields: OwnedFields, _ generator: inout SeededGenerator) -> [UInt8] {
    let forms = WrittenForms(fields)
    let prefix: [UInt8] = [0, 1, 2, 3, 4]
    switch Int.random(in: 0...3, using: &generator) {
    case 0: return forms.protobuf
    case 1: return prefix + [0] + forms.protobuf
    case 2: return prefix + forms.json
    default: return forms.json
    }
  }

  static func mutate(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
    let at = Int.random(in: 0..<bytes.count, using: &generator)
    let telling = Array("{}[]\":,\\u0nte-.\n".utf8) + [0, 0x7f, 0x80, 0xff]
    switch Int.random(in: 0...5, using: &generator) {
    case 0: bytes[at] = .random(in: 0...255, using: &generator)
    case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 2: bytes.remove(at: at)
    case 3: bytes.insert(telling[Int.random(in: 0..<telling.count, using: &generator)], at: at)
    case 4: bytes.removeSubrange(at..<min(bytes.count, at + .random(in: 1...20, using: &generator)))
    default: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + .random(in: 1...20, using: &generator))], at: at)
    }
  }
}
