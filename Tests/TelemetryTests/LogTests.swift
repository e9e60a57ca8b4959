import Bytes
import Glibc
import Telemetry
import Testing

@Suite("Log")
struct LogTests {
  /// What `body` logs at 2026-01-02T03:04:05.678Z.
  private func lines(_ level: Log.Level, _ format: Log.Format, _ body: (Log) -> Void) -> String {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    body(Log(level: level, format: format, descriptor: ends[1], clock_ms: { 1_767_323_045_678 }))
    close(ends[1])
    defer { close(ends[0]) }
    var text: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(ends[0], &piece, piece.count)
      guard count > 0 else { return String(decoding: text, as: UTF8.self) }
      text += piece[..<count]
    }
  }

  @Test("logfmt quotes what is no plain word")
  func logfmt() {
    let address = "127.0.0.1:8080"
    let text = lines(.info, .logfmt) { log in
      log.info("listening", ["address": address, "loops": 2, "tls": false])
      log.error("cannot open the state", ["path": "/a b", "reason": "say \"no\"\n", "empty": "", "equation": "a=b"])
      log.warn("é", ["ratio": 0.25, "bad": Double.nan])
    }
    #expect(
      text == #"""
        time=2026-01-02T03:04:05.678Z level=info message=listening address=127.0.0.1:8080 loops=2 tls=false
        time=2026-01-02T03:04:05.678Z level=error message="cannot open the state" path="/a b" reason="say \"no\"\n" empty="" equation="a=b"
        time=2026-01-02T03:04:05.678Z level=warn message=é ratio=0.25 bad=nan

        """#)
  }

  @Test("JSON lines are JSON")
  func json() {
    let text = lines(.debug, .json) { log in
      log.debug("a\u{1}b\\c", ["count": UInt64.max, "text": "é\t", "bad": Double.infinity])
    }
    #expect(
      text == #"{"time":"2026-01-02T03:04:05.678Z","level":"debug","message":"a\u0001b\\c","#
        + #""count":18446744073709551615,"text":"é\t","bad":"inf"}"# + "\n")
  }

  @Test("what is below the level is neither written nor evaluated", arguments: Log.Level.allCases)
  func levels(_ level: Log.Level) {
    var evaluated = 0
    func message(_ text: String) -> String {
      evaluated += 1
      return text
    }
    let text = lines(level, .logfmt) { log in
      log.error(message("e"))
      log.warn(message("w"))
      log.info(message("i"))
      log.debug(message("d"))
    }
    let expected = level.rawValue + 1
    #expect(evaluated == expected)
    #expect(text.split(separator: "\n").count == expected)
    #expect(text.contains("level=\(level.name) "))
    #expect(Log.Level(name: level.name) == level)
  }

  @Test("a text without end is cut")
  func long() {
    let text = lines(.info, .logfmt) { log in log.info(String(repeating: "x", count: 20_000)) }
    #expect(text.utf8.count < 9_000)
    #expect(text.hasSuffix("xxx...\n"))
  }

  @Test(
    "times are RFC 3339 in UTC",
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
      (1_709_251_199_999, "2024-02-29T23:59:59.999Z"), (4_102_444_799_999, "2099-12-31T23:59:59.999Z"),
      (-1, "1969-12-31T23:59:59.999Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ] as [(Int64, String)])
  func timestamps(time_ms: Int64, text: String) {
    var buffer = ByteBuffer()
    buffer.append(timestamp: time_ms)
    #expect(String(decoding: buffer.bytes, as: UTF8.self) == text)
  }
}
