import Glibc
import Telemetry
import TestKit
import Testing

@Suite("Telemetry from many threads")
struct TelemetryConcurrencyTests {
  @Test("lines stay whole")
  func lines() async throws {
    let directory = TemporaryDirectory()
    let path = directory.file("log")
    let descriptor = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
    #expect(descriptor >= 0)
    defer { close(descriptor) }
    let log = Log(format: .json, descriptor: descriptor, clock_ms: { 0 })
    let text = String(repeating: "x", count: 300)
    await withTaskGroup(of: Void.self) { group in
      for task in 0..<4 {
        group.addTask { for round in 0..<100 { log.info("line", ["task": task, "round": round, "text": text]) } }
      }
    }
    var bytes = [UInt8](repeating: 0, count: 400 * 500)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    let found = String(decoding: bytes[..<max(count, 0)], as: UTF8.self).split(separator: "\n").map(String.init)
    let expected = (0..<4).flatMap { task in
      (0..<100).map { round in
        #"{"time":"1970-01-01T00:00:00.000Z","level":"info","message":"line","task":\#(task),"round":\#(round),"text":"\#(text)"}"#
      }
    }
    #expect(found.sorted() == expected.sorted())
  }

  @Test("no recorded duration is lost")
  func durations() async {
    let histogram = LatencyHistogram()
    await withTaskGroup(of: Void.self) { group in
      for task in 0..<4 {
        group.addTask { for value in 1...5_000 { histogram.record(UInt64(value * 4 + task)) } }
      }
    }
    #expect(histogram.snapshot.count == 20_000)
    #expect(histogram.snapshot.max_ns == 20_003)
    #expect(histogram.snapshot.sum_ns == 4 * 4 * (5_000 * 5_001 / 2) + 5_000 * (0 + 1 + 2 + 3))
  }
}
