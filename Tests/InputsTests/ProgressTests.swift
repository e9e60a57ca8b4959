import Foundation
import Inputs
import Testing

@Suite("Progress")
struct ProgressTests {
  @Test("a line has the title, a bar, and figures, within the width")
  func line() {
    var line = ProgressLine(
      title: "behaviors.jsonl.gz", used_bytes: 250, size_bytes: 1_000, records: 1_234_567, elapsed_s: 2)
    #expect(
      line.text(width: 100)
        == "behaviors.jsonl.gz [########..........................]  25%  1,234,567 records  617,283/s  ETA 0:06")
    #expect(line.text(width: 70) == "[#####..................]  25%  1,234,567 records  617,283/s  ETA 0:06")
    #expect(line.text(width: 20) == " 25%  1,234,567 reco")
    #expect(line.text(width: 0) == "")
    for width in 0...200 { #expect(line.text(width: width).count <= width) }
    line.title = "/a/very/long/path/that/does/not/fit/behaviors.jsonl.gz"
    #expect(line.text(width: 110).hasPrefix("...it/behaviors.jsonl.gz ["))
  }

  @Test("without a size there is no bar; at the end it is full; nothing is divided by nothing")
  func edges() {
    #expect(
      ProgressLine(title: "-", used_bytes: 3_500_000, size_bytes: nil, records: 10, elapsed_s: 5).text(width: 80)
        == "-  3.3 MiB  10 records  2/s")
    let full = ProgressLine(title: "a", used_bytes: 10, size_bytes: 10, records: 1, elapsed_s: 3_661)
    #expect(full.text(width: 60) == "[###########################] 100%  1 records  0/s  ETA 0:00")
    let grown = ProgressLine(title: "a", used_bytes: 20, size_bytes: 10, records: 0, elapsed_s: 0)
    #expect(grown.text(width: 60).hasSuffix("] 100%  0 records"))
    #expect(
      ProgressLine(title: "a", used_bytes: 0, size_bytes: 0, records: 0, elapsed_s: 0).text(width: 60)
        == "a  0 B  0 records")
  }

  @Test("what was passed over in resuming is no speed")
  func resumed() {
    var line = ProgressLine(title: "a", used_bytes: 600, size_bytes: 1_000, records: 60, elapsed_s: 10)
    line.skipped_bytes = 500
    line.skippedRecords = 50
    #expect(line.text(width: 80).hasSuffix("60 records  1/s  ETA 0:40"))
  }

  @Test("hours are told")
  func hours() {
    #expect(
      ProgressLine(title: "a", used_bytes: 1, size_bytes: 3_662, records: 1, elapsed_s: 1).text(width: 80)
        .hasSuffix("ETA 1:01:01"))
  }

  @Test("it is drawn at most every 100 ms, taken off at the end, and not at all where there is no terminal")
  func drawing() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    defer { close(ends[0]) }
    var bar = ProgressBar(now_ns: 0, descriptor: ends[1], isShown: true)
    for tick in 0..<1_000 {
      bar.update("a.jsonl", used_bytes: UInt64(tick), size_bytes: 1_000, records: 0, now_ns: UInt64(tick) * 1_000_000)
    }
    bar.clear()
    bar.clear()
    var hidden = ProgressBar(now_ns: 0, descriptor: ends[1])
    hidden.update("hidden", used_bytes: 0, size_bytes: 10, records: 0, now_ns: 0)
    hidden.clear()
    close(ends[1])
    let drawn = try #require(try FileHandle(fileDescriptor: ends[0]).readToEnd())
    let text = String(decoding: drawn, as: UTF8.self)
    #expect(text.split(separator: "a.jsonl").count == 11)
    #expect(text.components(separatedBy: "\r\u{1B}[K").count == 12)
    #expect(text.hasSuffix("\r\u{1B}[K"))
    #expect(!text.contains("hidden"))
  }
}
