import InterestModel
import TestKit

/// Good behaviors of all kinds, extreme values among them, from a seed.
struct RandomFields {
  var generator: SeededGenerator
  let types: [String]

  init(seed: UInt64, types: [String] = ["click", "order", "like", "leave"]) {
    generator = SeededGenerator(seed: seed)
    self.types = types
  }

  mutating func next() -> OwnedFields {
    var fields = OwnedFields()
    fields.user = id(atLeast: 1)
    fields.shop = id(atLeast: 1)
    fields.type = Array(pick(types).utf8)
    let times = Behavior.times_ms
    fields.time_ms = pick([times.lowerBound, times.upperBound, .random(in: times, using: &generator)])
    fields.dwell_ms = pick([
      0, 1, .max, .random(in: 0 ... .max, using: &generator), .random(in: 0...60_000, using: &generator),
    ])
    fields.spend_micros = pick([
      0, 1, -1, .min, .max, .random(in: .min ... .max, using: &generator),
      .random(in: 0...50_000_000, using: &generator),
    ])
    fields.eventID = id(atLeast: 0)
    fields.item = id(atLeast: 0)
    return fields
  }

  /// UTF-8 of `atLeast` to 255 bytes: decimals, short words, control characters, quotes, and all planes.
  private mutating func id(atLeast: Int) -> [UInt8] {
    switch Int.random(in: 0...5, using: &generator) {
    case 0: return atLeast == 0 ? [] : Array("0".utf8)
    case 1: return Array(String(UInt64.random(in: 0 ... .max, using: &generator)).utf8)
    case 2: return Array(String(Int.random(in: 0...99_999_999, using: &generator)).utf8)
    case 3: return text(upTo: 255) { .init(UInt8.random(in: 0...127, using: &$0)) }
    case 4:
      return text(upTo: Int.random(in: 1...40, using: &generator)) {
        Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &$0)) ?? "\u{FFFD}"
      }
    default: return text(upTo: 12) { .init(UInt8.random(in: 97...122, using: &$0)) }
    }
  }

  private mutating func text(upTo size: Int, _ scalar: (inout SeededGenerator) -> Unicode.Scalar) -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      let next = Array(String(Character(scalar(&generator))).utf8)
      if bytes.count + next.count > size { return bytes.isEmpty ? Array("a".utf8) : bytes }
      bytes += next
    }
  }

  private mutating func pick<Value>(_ values: [Value]) -> Value {
    values[Int.random(in: 0..<values.count, using: &generator)]
  }
}
