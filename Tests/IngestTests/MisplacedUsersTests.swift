import Foundation
import Glibc
import InterestStore
import Telemetry
import TestKit
import Testing

@testable import Ingest

@Suite("Users met on wrong partitions")
struct MisplacedUsersTests {
  @Test("are told of at once, and then once a minute with their number")
  func rate() throws {
    let folder = TemporaryDirectory()
    let file = open(folder.file("log"), O_WRONLY | O_CREAT, 0o644)
    defer { close(file) }
    let log = Log(descriptor: file, clock_ms: { 0 })
    func lines() throws -> [Substring] {
      try String(contentsOfFile: folder.file("log"), encoding: .utf8).split(separator: "\n")
    }
    var users = MisplacedUsers()
    let second: UInt64 = 1_000_000_000
    func report(at time_s: UInt64) { users.report(to: log, partitioner: "murmur2", now_ns: time_s * second) }
    func meet(_ user: String, _ others: Partitioner...) {
      users.count(.init(user: user, seen: 3, expected: 1, others: others))
    }
    report(at: 100)
    #expect(try lines().isEmpty)
    meet("u1", .crc32, .fnv1a)
    report(at: 100)
    #expect(try lines().count == 1)
    #expect(try lines()[0].contains("user=u1 partition=3 expected=1 partitioner=murmur2 count=1"))
    #expect(try lines()[0].contains("set kafka.partitioner to crc32 or fnv1a"))
    meet("u2")
    meet("u3", .fnv1a)
    report(at: 159)
    #expect(try lines().count == 1)
    report(at: 160)
    #expect(try lines().count == 2)
    #expect(try lines()[1].contains("user=u2") && lines()[1].contains("count=2"))
    #expect(try lines()[1].contains("no partitioner known here"))
    report(at: 500)
    #expect(try lines().count == 2)
  }
}
