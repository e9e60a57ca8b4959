import Foundation
import Ingest
import InterestStore
import Kafka
import Telemetry
import TestKit
import Testing
import Threads

@Suite("Partitions that the group takes back")
struct KafkaRevocationTests {
  /// A log in a file, and what the board told at each of its lines.
  private final class WatchedLog: @unchecked Sendable {  // `boards` is guarded by `mutex`
    private let folder = TemporaryDirectory()
    private let descriptor: Int32
    private let mutex = Mutex()
    private var boards: [[PartitionStatus]] = []

    init() { descriptor = open(folder.file("log"), O_WRONLY | O_CREAT | O_CLOEXEC, 0o600) }

    deinit { close(descriptor) }

    func log(of running: RunningIngest) -> Log {
      let board = running.ingest.board
      // A log asks for the time once a line, on the thread that writes it.
      return Log(level: .info, descriptor: descriptor) { [self] in
        mutex.withLock { boards.append(board.all) }
        return 0
      }
    }

    /// The first line that contains `text`, and the board at that time.
    func first(_ text: String) throws -> (line: String, board: [PartitionStatus])? {
      let lines = try String(contentsOfFile: folder.file("log"), encoding: .utf8).split(separator: "\n")
      guard let index = lines.firstIndex(where: { $0.contains(text) }) else { return nil }
      return (String(lines[index]), mutex.withLock { boards[index] })
    }
  }

  @Test("are not served any more once they may be another instance's, and those that stay are")
  func notServed() throws {
    let kafka = try KafkaFixture()
    let events = kafka.world.events(500)
    try kafka.produce(events)
    let watched = WatchedLog()
    let running = RunningIngest(try kafka.state.open())
    running.ingest.start(kafka.settings(), running.pipeline, log: watched.log(of: running))
    defer { running.ingest.requestStop() }
    try running.reach(applied: 500)
    let second = try Consumer(topic: kafka.topic, kafka.settings().configuration)
    try second.subscribe()
    let isGivenUp = try eventually {
      second.poll(timeout_ms: 20, { _ in }, event: { _ in })
      return try watched.first("partitions given up") != nil
    }
    try #require(isGivenUp)
    second.abandon()
    running.ingest.requestStop()
    try running.ingest.join()
    let (line, board) = try #require(try watched.first("partitions given up"))
    let given = line.split(separator: "partitions=")[1].filter(\.isNumber).compactMap { UInt16("\($0)") }
    #expect(Set(given).union(board.map(\.partition)) == [0, 1, 2, 3])
    #expect(given.count + board.count == 4, "\(line), and the board has \(board)")
    #expect(board.allSatisfy { $0.isAnswered })
  }
}
