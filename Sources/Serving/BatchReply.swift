import Bytes
import HTTP
import InterestCodec
import Lookup

/// Another instance's answer to a batch, taken apart: `interest.v1.BatchGetSequencesResponse`, or one line of JSON for each user.
struct BatchReply {
  private let reply: HTTPReply
  private let form: AnswerForm

  init(_ reply: HTTPReply, _ form: AnswerForm) {
    self.reply = reply
    self.form = form
  }

  /// Puts the answers into the slots at `indices`. What is wrong with the reply, or nil.
  func fill(_ batch: Batch, _ indices: [Int]) -> LookupError? {
    let isWhole = form == .json ? fillJSON(batch, indices) : fillProtobuf(batch, indices)
    return isWhole ? nil : LookupError(.badAnswer, "the owner has sent what is no answer to a batch")
  }

  private func fillJSON(_ batch: Batch, _ indices: [Int]) -> Bool {
    let bytes = reply.bodyBytes
    var start = 0
    for index in indices {
      guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) else { return false }
      let line = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
      if let error = LookupError(line: line) {
        batch.fail(index, error)
      } else {
        batch.put(.there(reply, start..<end, isKnown: !BatchFailure.isEmpty(line)), end - start, at: index)
      }
      start = end + 1
    }
    return start == bytes.count
  }

  private func fillProtobuf(_ batch: Batch, _ indices: [Int]) -> Bool {
    let bytes = reply.bodyBytes
    guard let base = bytes.baseAddress else { return indices.isEmpty }
    var reader = ByteReader(base.assumingMemoryBound(to: UInt8.self), count: bytes.count)
    var count = 0
    while !reader.isAtEnd {
      let tag = reader.varint()
      switch tag {
      case 1 << 3 | 2:
        let sequence = reader.bytes(reader.varint())
        guard count < indices.count, let start = sequence.baseAddress else { return false }
        let range = (start - base)..<(start - base + sequence.count)
        batch.put(.there(reply, range, isKnown: true), sequence.count, at: indices[count])
        count += 1
      case 2 << 3 | 2:
        guard let (index, error) = BatchFailure.read(reader.bytes(reader.varint())), index < indices.count else {
          return false
        }
        batch.fail(indices[index], error)
      case 3 << 3 | 2:
        guard takeUnknown(reader.bytes(reader.varint()), batch, indices) else { return false }
      default: reader.skip(protobufTag: tag)
      }
    }
    return !reader.failed && count == indices.count
  }

  /// The positions of users who are not known.
  private func takeUnknown(_ packed: UnsafeRawBufferPointer, _ batch: Batch, _ indices: [Int]) -> Bool {
    guard let base = packed.baseAddress else { return true }
    var positions = ByteReader(base.assumingMemoryBound(to: UInt8.self), count: packed.count)
    while !positions.isAtEnd {
      let position = positions.varint()
      guard position < UInt64(indices.count) else { return false }
      let index = indices[Int(position)]
      if case .there(let reply, let range, _) = batch.slots[index] {
        batch.slots[index] = .there(reply, range, isKnown: false)
      }
    }
    return !positions.failed
  }
}
