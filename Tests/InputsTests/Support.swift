import Bytes
import Foundation
import Inputs
import TestKit

/// A frame, copied out of the reader.
struct Record: Equatable, CustomStringConvertible {
  var text: String
  var offset: UInt64
  var number: UInt64
  var length: UInt64
  var isOversized = false
  var isTerminated = true

  init(_ frame: Frame) {
    text = String(decoding: frame.bytes, as: UTF8.self)
    offset = frame.offset
    number = frame.number
    length = frame.length
    isOversized = frame.isOversized
    isTerminated = frame.isTerminated
  }

  init(_ text: String, at offset: UInt64, _ number: UInt64, isTerminated: Bool = true) {
    self.text = text
    self.offset = offset
    self.number = number
    self.isTerminated = isTerminated
    length = UInt64(text.utf8.count)
  }

  var description: String {
    "\(text.prefix(40))@\(offset)#\(number)+\(length)\(isOversized ? "!" : "")\(isTerminated ? "" : "~")"
  }
}

struct Outcome {
  var records: [Record] = []
  var error: InputError?
  var checkpoint: Checkpoint
}

/// Reads to the end or to the error; touches the bytes behind each frame, which the address sanitizer checks.
func readAll(_ input: Input, limits: RecordLimits = RecordLimits(), from checkpoint: Checkpoint? = nil)
  throws(InputError)
  -> Outcome
{
  var reader = try RecordReader(input, limits: limits, resumingAt: checkpoint)
  var outcome = Outcome(checkpoint: reader.checkpoint())
  do {
    while let frame = try reader.next() {
      outcome.records.append(Record(frame))
      var sum: UInt8 = 0
      if let base = frame.bytes.baseAddress {
        for at in 0..<64 { sum &+= base.load(fromByteOffset: frame.bytes.count + at, as: UInt8.self) }
      }
      withExtendedLifetime(sum) {}
    }
  } catch { outcome.error = error }
  outcome.checkpoint = reader.checkpoint()
  return outcome
}

func contentHash(_ bytes: some Collection<UInt8>) -> [UInt64] {
  var hash = ContentHash()
  Array(bytes).withUnsafeBytes { hash.update($0) }
  return [hash.value.high, hash.value.low]
}

extension Checkpoint {
  var hash: [UInt64] { [high, low] }
}

extension TemporaryDirectory {
  func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> Input {
    try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
    return try Input(file(name))
  }

  func write(_ name: String, _ text: String) throws -> Input { try write(name, text.utf8) }
}

/// A descriptor whose reads give `pieces` one by one, each as it is (at most 64 KiB).
func descriptor(giving pieces: [[UInt8]]) -> Int32 {
  var ends: [Int32] = [0, 0]
  precondition(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
  for piece in pieces where !piece.isEmpty {
    precondition(send(ends[1], piece, piece.count, Int32(MSG_DONTWAIT)) == piece.count)
  }
  close(ends[1])
  return ends[0]
}

/// Length-delimited.
func messages(_ texts: [String]) -> [UInt8] {
  texts.flatMap { text -> [UInt8] in
    var prefix: [UInt8] = []
    var rest = text.utf8.count
    while rest >= 128 {
      prefix.append(UInt8(rest & 127) | 128)
      rest >>= 7
    }
    return prefix + [UInt8(rest)] + text.utf8
  }
}
