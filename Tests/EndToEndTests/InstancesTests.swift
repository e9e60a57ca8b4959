import Foundation
import TestKit
import Testing

/// Any instance of a group answers for every user, on every protocol: real processes, a real broker, real clients.
@Suite(
  "Any instance answers on every protocol", .executable, .kafka,
  .disabled(if: PythonPrograms.missing != nil, "\(PythonPrograms.missing ?? "")"))
struct InstancesTests {
  @Test("each of three tells of every user what one that has all of them tells, byte for byte, alone and in batches")
  func answers() throws {
    let group = try InstanceGroup()
    for name in ["a", "b", "c"] { try group.start(name) }
    try group.settle()
    try group.check("compare")
    for instance in group.instances.values {
      let forwarded = try instance.metrics("interestd_forwarded_lookups_total")
      #expect(forwarded.contains { $0.labels.contains("answered") && $0.value > 200 })
      for outcome in ["malformed", "busy", "refused", "unreachable"] {
        #expect(forwarded.allSatisfy { !$0.labels.contains(outcome) || $0.value == 0 }, "\(forwarded)")
      }
      #expect(try instance.sum("interestd_refused_requests_total") == 0)
    }
    try group.stop()
  }

  @Test("an owner that is silent holds nobody up beyond the time that there is, and no other user at all")
  func silence() throws {
    let group = try InstanceGroup()
    // Its partitions stay its own for as long as this takes.
    for name in ["a", "b", "c"] { try group.start(name, session_ms: 60_000) }
    try group.settle()
    let stopped = try #require(group.instances["c"])
    try stopped.pause()
    defer { stopped.resume() }
    try group.check("silent", "--silent", "c")
    stopped.resume()
    try group.check("compare")
    try group.stop()
  }

  @Test("where too many wait for a silent owner, the next are refused at once, and other users are answered")
  func crowded() throws {
    let group = try InstanceGroup()
    for name in ["a", "b"] {
      try group.start(name, ["INTERESTD_LOOKUP__MAXIMUM_REQUESTS": "3"], session_ms: 60_000)
    }
    try group.settle()
    let stopped = try #require(group.instances["b"])
    try stopped.pause()
    defer { stopped.resume() }
    try group.check("crowded", "--silent", "b")
    let refused = try group.instances["a"]?.sum("interestd_refused_requests_total")
    #expect(refused == 27)
    stopped.resume()
    try group.check("compare")
    try group.stop()
  }

  @Test("while instances join, stop and die under load, each answer is right or says to ask again")
  func rebalances() throws {
    let group = try InstanceGroup(partitions: 12)
    for name in ["a", "b"] { try group.start(name) }
    try group.settle()
    let counts = try group.underLoad(torn: "d") { awaitRight in
      try group.start("c")
      try group.settle()
      for name in ["a", "b", "c"] { try awaitRight(name) }
      try group.remove("c").stop()
      try group.settle()
      // With the state that it had, and a new one.
      for name in ["c", "d"] { try group.start(name) }
      try group.settle()
      try awaitRight("d")
      try group.remove("d").command.kill()
      try group.settle()
    }
    #expect(counts["wrong"] == nil)
    try group.check("compare")
    try group.stop()
  }

  // MARK: Credentials

  private static let (reader, own, stranger) = ("reader-token-0001", "instance-token-01", "stranger-token-01")

  /// Files of tokens in the group's folder, and the environment of an instance whose ports speak TLS and ask for tokens.
  private func secured(_ group: InstanceGroup, _ certificates: Certificates) throws -> [String: String] {
    for (name, text) in [
      ("read-tokens", "\(Self.reader)\n\(Self.own)\n"), ("own-token", "\(Self.own)\n"),
      ("strangers-token", "\(Self.stranger)\n"),
    ] {
      try text.write(toFile: group.folder.file(name), atomically: true, encoding: .utf8)
      chmod(group.folder.file(name), 0o600)
    }
    let pair = try certificates.issue("server")
    return [
      "INTERESTD_TLS__CERTIFICATE": pair.certificate, "INTERESTD_TLS__KEY": pair.key,
      "INTERESTD_AUTH__READ_TOKENS_FILE": group.folder.file("read-tokens"),
      "INTERESTD_FORWARD__CA": certificates.authority, "INTERESTD_FORWARD__TOKEN_FILE": group.folder.file("own-token"),
    ]
  }

  /// By curl, with a token that may read.
  private func get(_ certificates: Certificates, _ daemon: Daemon, _ path: String) throws -> String? {
    let outcome = try Command(
      "curl",
      [
        "-sS", "-f", "-m", "20", "--cacert", certificates.authority, "-H", "Authorization: Bearer \(Self.reader)",
        "https://\(daemon.address)\(path)",
      ]
    ).wait()
    return outcome.code == 0 ? outcome.text : nil
  }

  @Test("by TLS and with tokens that may read no less, and with credentials of an instance's own")
  func credentials() throws {
    let group = try InstanceGroup()
    let certificates = try Certificates()
    let environment = try secured(group, certificates)
    for name in ["a", "b"] { try group.start(name, environment) }
    try group.settle { try get(certificates, $0, $1) }
    try group.check("compare", "--ca", certificates.authority, "--token", Self.reader)
    for instance in group.instances.values {
      #expect(try get(certificates, instance, "/metrics") == nil)
      #expect(!instance.command.error.contains(Self.own) && !instance.command.error.contains(Self.reader))
    }
    try group.stop()
  }

  @Test("an instance whose credentials the others do not take says so at once, and answers for its own users")
  func wrongCredentials() throws {
    for (name, change, why) in [
      ("token", "INTERESTD_FORWARD__TOKEN_FILE", "does not let this instance read"),
      ("authority", "INTERESTD_FORWARD__CA", "cannot be reached: tls: certificate verify failed"),
    ] {
      let group = try InstanceGroup()
      let (certificates, others) = (try Certificates(), try Certificates(name: "others"))
      let right = try secured(group, certificates)
      let wrong = name == "token" ? group.folder.file("strangers-token") : others.authority
      let stranger = try group.start("a", right.merging([change: wrong]) { $1 })
      try group.start("b", right)
      try group.settle { try get(certificates, $0, $1) }
      let all = try String(contentsOfFile: group.folder.file("instances"), encoding: .utf8)
      // Asked alone; the other one is none the worse for it.
      try all.split(separator: "\n").filter { $0.hasPrefix("a ") }.joined(separator: "\n")
        .write(toFile: group.folder.file("instances"), atomically: true, encoding: .utf8)
      try group.check(
        "refused_credentials", "--ca", certificates.authority, "--token", Self.reader, "--why", why)
      try all.split(separator: "\n").filter { $0.hasPrefix("b ") }.joined(separator: "\n")
        .write(toFile: group.folder.file("instances"), atomically: true, encoding: .utf8)
      try group.check("compare", "--ca", certificates.authority, "--token", Self.reader)
      #expect(!stranger.command.error.contains(Self.stranger))
      try group.stop()
    }
  }
}
