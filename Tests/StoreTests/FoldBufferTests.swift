import InterestCodec
import InterestModel
import InterestStore
import TestKit
import Testing

@Suite("Fold buffer")
struct FoldBufferTests {
  private let configuration = TestConfiguration.make(keptBehaviors: 4)
  private let fixture = StoreFixture()

  private func buffer(events: Int = 4096, bytes: Int = 1 << 20, run: Int = 16) -> FoldBuffer {
    FoldBuffer(limits: FoldBufferLimits(events: events, bytes: bytes, run: run), rules: FoldRules(configuration))
  }

  /// What a reader makes of a user: the folded runs and the behaviors behind them.
  private func read(_ buffer: FoldBuffer, _ user: String, partition: UInt16 = 0) -> (state: [UInt8]?, run: Int) {
    var folder = StateFolder(rules: FoldRules(configuration))
    var run = BehaviorRun()
    return withBytes(user) { user in
      let folded = buffer.read(user: user, partition: partition, into: &run).folded.map { Array($0) }
      guard run.count > 0 else { return (folded, 0) }
      let rest = Array(folder.state(of: run.behaviors, run.count))
      guard let folded else { return (rest, run.count) }
      return folded.withUnsafeBytes { folded in
        rest.withUnsafeBytes { rest in
          [folded, rest].withUnsafeBufferPointer { (Array(folder.fold($0)), run.count) }
        }
      }
    }
  }

  @Test("runs of a hot user are folded in place, and read as all of the user's behaviors after every append")
  func hotUser() {
    let buffer = buffer(run: 16)
    var maker = BehaviorMaker(seed: 1, configuration)
    let behaviors = maker.behaviors(300, groups: 5, span_days: 60)
    for count in 1...behaviors.count {
      let isNew = buffer.append(Event(user: "hot", behavior: behaviors[count - 1]))
      #expect(isNew == (count == 1))
      let (state, run) = read(buffer, "hot")
      #expect(state == fixture.state(of: Array(behaviors.prefix(count))))
      #expect(run == count % 16)
    }
    #expect(buffer.count == 300 + 300 / 16)
  }

  @Test("a user is one of a partition: the same id in another is another user")
  func partitions() {
    let buffer = buffer()
    for (time, partition) in [(1, 0), (2, 1), (3, 256), (4, 0)] as [(Int64, UInt16)] {
      buffer.append(Event(user: "u", partition: partition, behavior: .at(time)))
    }
    #expect(read(buffer, "u").state == fixture.state(of: [.at(1), .at(4)]))
    #expect(read(buffer, "u", partition: 1).state == fixture.state(of: [.at(2)]))
    #expect(read(buffer, "u", partition: 256).state == fixture.state(of: [.at(3)]))
    #expect(read(buffer, "u", partition: 2).state == nil)
  }

  @Test("ids that begin alike, and the longest, are told apart")
  func ids() {
    let buffer = buffer()
    let long = String(repeating: "x", count: 254)
    let ids = ["a", "ab", "a\0", "a\0\0", "abcdefgh", "abcdefghi", long, long + "x", long + "y"]
    for (index, id) in ids.enumerated() { #expect(buffer.append(Event(user: id, behavior: .at(Int64(index + 1))))) }
    for (index, id) in ids.enumerated() {
      #expect(!buffer.append(Event(user: id, behavior: .at(100))))
      #expect(read(buffer, id).state == fixture.state(of: [.at(Int64(index + 1)), .at(100)]))
    }
    for id in ["abc", "b", "abcdefg", String(long.dropLast())] { #expect(read(buffer, id).state == nil) }
  }

  @Test("the table of users grows while all stay where they are found")
  func manyUsers() {
    let buffer = buffer(events: 60_000, bytes: 4 << 20)
    for number in 0..<50_000 {
      #expect(
        buffer.append(Event(user: "user \(number)", partition: UInt16(number % 3), behavior: .at(Int64(number + 1)))))
    }
    for number in stride(from: 0, to: 50_000, by: 7) {
      let state = read(buffer, "user \(number)", partition: UInt16(number % 3)).state
      #expect(state == fixture.state(of: [.at(Int64(number + 1))]))
      #expect(read(buffer, "user \(number)", partition: UInt16((number + 1) % 3)).state == nil)
    }
  }

  @Test("a buffer is full before a record may find no room, the marker of a run counted")
  func fullByEvents() {
    for run in [1, 2, 3, 16, 5000] {
      let buffer = buffer(events: 1024, run: run)
      var appended = 0
      while !buffer.isFull {
        appended += 1
        buffer.append(Event(user: "u", behavior: .at(Int64(appended))))
      }
      #expect((1022...1024).contains(buffer.count), "run \(run)")
      #expect(read(buffer, "u").state == fixture.state(of: (1...Int64(appended)).map { .at($0) }), "run \(run)")
    }
  }

  @Test("a buffer is full before a key may find no room")
  func fullByKeys() {
    let buffer = buffer(bytes: 10_000)
    var users = 0
    while !buffer.isFull {
      users += 1
      buffer.append(Event(user: String(repeating: "u", count: 250) + "\(10_000 + users)", behavior: .at(1)))
    }
    // 257 bytes each, and room for one more of the longest.
    #expect(users == (10_000 - 257) / 257 + 1)
  }

  @Test("where a folded run finds no room, the buffer is full, and nothing is lost")
  func fullByRuns() {
    var maker = BehaviorMaker(seed: 2, configuration)
    let behaviors = maker.behaviors(1000, groups: 4, span_days: 60)
    var longest = 0
    for bytes in stride(from: 600, to: 4000, by: 150) {
      let buffer = buffer(bytes: bytes)
      var appended = 0
      while !buffer.isFull && appended < behaviors.count {
        buffer.append(Event(user: "hot", behavior: behaviors[appended]))
        appended += 1
      }
      let (state, run) = read(buffer, "hot")
      #expect(state == fixture.state(of: Array(behaviors.prefix(appended))), "\(bytes) bytes")
      longest = max(longest, run)
    }
    #expect(longest == 16)
  }

  @Test("a user of more behaviors than a run can count, whose folded runs find no room, loses none")
  func beyondRuns() throws {
    fixture.limits.buffer = FoldBufferLimits(events: 200_000, bytes: 3000, run: 64)
    var maker = BehaviorMaker(seed: 5, configuration)
    let behaviors = maker.behaviors(150_000, groups: 4, span_days: 60)
    let store = try fixture.open()
    try fixture.fill(store, behaviors.map { Event(user: "hot", behavior: $0) })
    try #expect(store.generation.state(of: "hot") == fixture.state(of: behaviors))
  }
}
