import FuzzKit
import InterestCodec

// libFuzzer calls from one thread only.
nonisolated(unsafe) private let checks = EventChecks(format: .auto)
nonisolated(unsafe) private let plain = (json: EventChecks(format: .json), protobuf: EventChecks(format: .protobuf))

/// Any bytes behind the zero byte of a Confluent prefix: what is made of them is what is made of the value behind the prefix.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  let outcome = checks.check([0] + bytes)
  plain.json.check([0] + bytes)
  plain.protobuf.check([0] + bytes)
  let value = bytes.dropFirst(4)
  if value.isEmpty {
    require(outcome.reason == .malformedPrefix, "a prefix that ends early gives \(outcome)")
  } else if value.first == UInt8(ascii: "{") {
    require(outcome == plain.json.check(Array(value)), "JSON behind a prefix is read otherwise")
  } else if let message = withoutIndexes(Array(value)) {
    // Alone, a message may not be empty nor begin with a zero byte: a field that nobody knows stands before it.
    let expected = plain.protobuf.check([0x78, 0] + message)
    // What is told of a malformed message shows its bytes, and these are others.
    let areMalformed = outcome.reason == .malformedProtobuf && expected.reason == .malformedProtobuf
    require(outcome == expected || areMalformed, "a message behind a prefix is read otherwise: \(outcome)")
  } else {
    require(outcome.reason == .malformedPrefix, "message indexes that do not end give \(outcome)")
  }
  return 0
}

/// Confluent's message indexes: a count and so many indexes as zigzag varints, none negative. Nil where they do not end.
private func withoutIndexes(_ bytes: [UInt8]) -> [UInt8]? {
  var rest = bytes[...]
  guard let count = index(&rest), count <= rest.count else { return nil }
  for _ in 0..<count where index(&rest) == nil { return nil }
  return Array(rest)
}

private func index(_ rest: inout ArraySlice<UInt8>) -> Int? {
  var bits: [Bool] = []
  repeat {
    guard let byte = rest.popFirst() else { return nil }
    // Ten bytes at most, of which the last has one bit.
    if bits.count == 63 && byte > 1 { return nil }
    for bit in 0..<7 { bits.append(byte >> bit & 1 == 1) }
    if byte < 128 { break }
  } while true
  // Zigzag: an odd number is negative.
  if bits[0] { return nil }
  var value = 0
  for (place, bit) in bits.dropFirst().enumerated() where bit { value |= 1 << place }
  return value
}
