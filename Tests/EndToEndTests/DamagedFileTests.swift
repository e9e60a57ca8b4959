import Foundation
import TestKit
import Testing

@Suite("A file of states whose bytes changed", .executable)
struct DamagedFileTests {
  private let folder = TemporaryDirectory()
  private var state: String { folder.file("state") }

  /// The largest file of states.
  private func largestFile() throws -> URL {
    let files = try FileManager.default.contentsOfDirectory(atPath: "\(state)/db").filter { $0.hasSuffix(".sst") }
    let sizes = try files.map { name in
      let url = URL(fileURLWithPath: "\(state)/db/\(name)")
      return (url, try url.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0)
    }
    return try #require(sizes.max { $0.1 < $1.1 }?.0)
  }

  private func flip(_ file: URL, from start: Int, count: Int) throws {
    var bytes = try Data(contentsOf: file)
    for index in start..<start + count { bytes[index] ^= 0x5A }
    try bytes.write(to: file)
  }

  @Test("fails the lookups of its users only, is told by readiness and metrics, and is over when the bytes are back")
  func damaged() throws {
    let data = try DataSet.synthetic(in: folder, events: 100_000).data
    try data.ingest(into: state)
    let lines = try dump(state).textLines
    let expected = Dictionary(
      uniqueKeysWithValues: try lines.map { line in
        let start = try #require(line.range(of: "\"user_id\":\"")).upperBound
        return (String(line[start...].prefix { $0 != "\"" }), line)
      })
    let file = try largestFile()
    // Behind the first blocks, and before the index and the filters.
    try flip(file, from: 100_000, count: 40_000)
    do {
      let server = try Daemon(["serve", "--state", state])
      try server.awaitReady()
      var failed = 0
      for (user, line) in expected {
        let reply = try server.get("/v1/users/\(user)/sequence?groups=100000")
        if reply.status == 200 {
          #expect(reply.body == line + "\n")
        } else {
          failed += 1
          #expect(reply.status == 500)
          #expect(reply.body.contains("ead") && reply.body.contains(state), "\(reply.body)")
        }
      }
      #expect(failed > 0 && failed < expected.count, "\(failed) of \(expected.count)")
      let ready = try server.get("/readyz")
      #expect(ready.status == 200)
      #expect(ready.body.contains("could not be read"), "\(ready.body)")
      #expect(try server.sum("interestd_read_errors_total") == failed)
      try server.stop()
    }
    let outcome = try Interestd.run("dump", "--state", state, expecting: 1)
    #expect(outcome.error.contains(state), "\(outcome.error)")
    try flip(file, from: 100_000, count: 40_000)
    #expect(try dump(state).textLines == lines)
  }
}
