import Foundation
import TestKit
import Testing

@Suite("A volume without room", .executable, .kafka)
struct VolumeTests {
  private let folder = TemporaryDirectory()

  private func daemon(_ data: DataSet, _ topic: Topic, _ state: String, _ environment: [String: String]) throws
    -> Daemon
  {
    try Daemon(
      data, topic, state: state,
      environment: environment.merging(["INTERESTD_BUFFER__AGE_MS": "100", "INTERESTD_BUFFER__EVENTS": "2000"]) { $1 })
  }

  @Test("below the room that is kept free nothing is read, lookups go on, and why is told")
  func watermark() throws {
    let data = try DataSet.synthetic(in: folder, events: 20_000).data
    try data.ingest(into: folder.file("whole"))
    let topic = try Topic(partitions: 2)
    try topic.publishAll(of: data, events: 20_000)
    let state = folder.file("state")
    var first = try daemon(data, topic, state, [:])
    try first.awaitApplied(20_000)
    let user = "000000000001"
    let answer = try first.get("/v1/users/\(user)/sequence").body
    try first.stop()
    try topic.publish([(nil, Array(user.utf8), Array(#"{"user_id":"\#(user)","shop_id":"1","type":"click"}"#.utf8))])

    first = try daemon(data, topic, state, ["INTERESTD_STATE__MINIMUM_FREE_BYTES": "1000000000000000"])
    try first.reach("paused") { try first.get("/readyz").body.contains("state.minimum_free_bytes") }
    #expect(try first.get("/readyz").status == 503)
    #expect(try first.metrics("interestd_problem").first { $0.labels.contains("disk") }?.value == 1)
    try first.reach("partitions") { try first.metrics("interestd_partition_applied_offset").count == 2 }
    #expect(try first.sum("interestd_partition_applied_offset") == 20_000)
    try first.stop()

    let next = try daemon(data, topic, state, [:])
    try next.awaitApplied(20_001)
    #expect(try next.get("/v1/users/\(user)/sequence").body == answer)
    try next.stop()
    #expect(try dump(state) == dump(folder.file("whole")))
  }

  /// A volume of its own; needs the right to mount.
  private final class Volume {
    let path: String

    init?(_ path: String, megabytes: Int) throws {
      self.path = path
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      let outcome = try Command("mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", path]).wait()
      if outcome.code != 0 { return nil }
    }

    deinit { _ = try? Command("umount", ["-l", path]).wait() }
  }

  @Test("when it is full the flush is tried again, lookups go on, and with room it goes on by itself")
  func full() throws {
    guard let volume = try Volume(folder.file("volume"), megabytes: 24) else { try Test.cancel("no right to mount") }
    let data = try DataSet.synthetic(in: folder, events: 20_000).data
    try data.ingest(into: folder.file("whole"))
    let topic = try Topic(partitions: 2)
    let daemon = try daemon(data, topic, "\(volume.path)/state", ["INTERESTD_STATE__MINIMUM_FREE_BYTES": "0"])
    try daemon.awaitReady()
    // All that is left.
    let ballast = "\(volume.path)/ballast"
    _ = try Command("dd", ["if=/dev/zero", "of=\(ballast)", "bs=64k"]).wait()
    try topic.publishAll(of: data, events: 20_000)
    try daemon.reach("the full volume told") { try daemon.get("/readyz").body.contains("a flush failed") }
    #expect(try daemon.get("/readyz").body.contains("No space left"))
    #expect(try daemon.get("/v1/users/nobody/sequence").status != 500)
    try FileManager.default.removeItem(atPath: ballast)
    try daemon.awaitApplied(20_000)
    try daemon.stop()
    #expect(try dump("\(volume.path)/state") == dump(folder.file("whole")))
  }
}
