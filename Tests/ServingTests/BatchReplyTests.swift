import Bytes
import InterestCodec
import Lookup
import TestKit
import Testing

@testable import HTTP
@testable import Serving

@Suite("Another instance's answer to a batch")
struct BatchReplyTests {
  private let fixture: ServingFixture

  init() throws {
    fixture = try ServingFixture()
    let buffer = try fixture.buffer()
    for user in 0..<20 {
      for group in 0...(user % 3) {
        fixture.append(.at(Int64(1 + user), group: UInt32(group)), of: "u\(user)", to: buffer)
      }
    }
  }

  private func batch(_ users: [String], _ form: AnswerForm) -> Batch {
    var list = ByteStrings()
    for user in users { list.append(user) }
    let job = BatchJob(list, SequenceQuery(), form, forwardedBy: nil, fixture.service)
    for slice in job.slices { job.run(slice, with: fixture.fresh) }
    return Batch(job)
  }

  private func bytes(of batch: Batch, _ form: AnswerForm) -> [UInt8] {
    var output = ByteBuffer()
    if form == .json { batch.writeJSONLines(into: &output) } else { batch.writeProtobuf(into: &output) }
    return Array(output.bytes)
  }

  /// What `bytes` make of a batch of `count` users, at `indices`.
  private func read(
    _ bytes: [UInt8], _ form: AnswerForm, into count: Int, at indices: [Int]
  ) -> (batch: Batch, error: LookupError?) {
    let reply = HTTPReply()
    bytes.withUnsafeBytes { reply.body.append($0) }
    let batch = batch(Array(repeating: "", count: count), form)
    return (batch, BatchReply(reply, form).fill(batch, indices))
  }

  private enum Read: Equatable {
    case answered(Bool, [UInt8])
    case failed(LookupError)

    init(_ answer: BatchAnswer) {
      switch answer {
      case .answered(let isKnown, let bytes): self = .answered(isKnown, Array(bytes))
      case .failed(let error): self = .failed(error)
      }
    }
  }

  /// Known and unknown users, and such as cannot be.
  private func users(_ generator: inout SeededGenerator) -> [String] {
    (0..<Int.random(in: 1...40, using: &generator)).map { _ in
      ["u\(Int.random(in: 0..<20, using: &generator))", "nobody", ""].randomElement(using: &generator) ?? ""
    }
  }

  @Test("is read as it was written, whatever of it is answered, unknown or failed", arguments: AnswerForm.allCases)
  func roundTrip(form: AnswerForm) throws {
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<200 {
      let users = users(&generator)
      let written = batch(users, form)
      let places = Array((0..<users.count + 5).shuffled(using: &generator).prefix(users.count))
      let (read, error) = read(bytes(of: written, form), form, into: users.count + 5, at: places)
      try #require(error == nil)
      for (index, place) in places.enumerated() { try #require(Read(read[place]) == Read(written[index]), "\(users)") }
      for other in 0..<read.count where !places.contains(other) {
        guard case .failed = read[other] else { throw IsElsewhere() }
      }
    }
  }

  @Test("is refused where it is cut short, or has more or fewer answers", arguments: AnswerForm.allCases)
  func cuts(form: AnswerForm) throws {
    let users = ["u1", "nobody", "", "u2"]
    let whole = bytes(of: batch(users, form), form)
    for size in 0..<whole.count {
      let error = read(Array(whole[..<size]), form, into: 4, at: [0, 1, 2, 3]).error
      // The failures and the unknown come behind all sequences, which are whole without them: those are their owner's to send.
      if let error { #expect(error.code == .badAnswer) } else { #expect(form == .protobuf && size > whole.count / 2) }
    }
    for indices in [[], [0], [0, 1, 2], [0, 1, 2, 3, 4]] {
      #expect(read(whole, form, into: 5, at: indices).error?.code == .badAnswer, "\(indices)")
    }
  }

  @Test("harms nobody where its bytes are anything", arguments: AnswerForm.allCases)
  func noise(form: AnswerForm) throws {
    var generator = SeededGenerator(seed: 8)
    for _ in 0..<2000 {
      let users = users(&generator)
      var bytes = bytes(of: batch(users, form), form)
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      let (batch, _) = read(bytes, form, into: users.count, at: Array(users.indices))
      #expect(batch.count == users.count)
      var size = 0
      for index in users.indices {
        guard case .answered(_, let answer) = batch[index] else { continue }
        #expect(answer.count <= bytes.count)
        size += answer.count
      }
      #expect(batch.size == size)
      batch.fail(Array(users.indices), Batch.tooLarge)
      #expect(batch.size == 0)
    }
  }
}
