import Foundation
import InterestModel
import InterestStore
import TestKit
import Testing

@Suite("State directory")
struct DirectoryTests {
  private let fixture = StoreFixture()

  private func refusal(_ open: () throws -> InterestStore) -> StoreError? {
    #expect(throws: StoreError.self) { _ = try open() }
  }

  @Test("a second opener is told who has the state, and that it may try again")
  func locked() throws {
    let store = try fixture.open(holder: "interestd run, http://127.0.0.1:8080")
    let openings = [
      { try fixture.open() }, { try InterestStore.open(serving: fixture.path, holder: "x") },
      { try InterestStore.open(reading: fixture.path) },
    ]
    for open in openings {
      let error = refusal(open)
      #expect(error?.code == .inUse && error?.isRetryable == true)
      #expect(error?.message.contains("pid \(getpid()), interestd run, http://127.0.0.1:8080") == true)
      #expect(error?.message.contains("\n") == false)
    }
    #expect(try store.json("u") == fixture.expected("u", []))
  }

  @Test("the lock holds as long as anyone has a generation of the state")
  func lockLives() throws {
    var generation: Generation? = try fixture.open().generation
    #expect(refusal { try fixture.open() }?.code == .inUse)
    #expect(try generation?.state(of: "u") == nil)
    generation = nil
    _ = try fixture.open()
  }

  @Test("any number look at a state together, and nobody writes it meanwhile")
  func readers() throws {
    try fixture.fill(try fixture.open(holder: "a writer that is gone"), [Event(user: "u", behavior: .at(1))])
    let readers = try (0..<3).map { _ in try InterestStore.open(reading: fixture.path) }
    for reader in readers { #expect(try reader.json("u") == fixture.expected("u", [.at(1)])) }
    let error = refusal { try fixture.open() }
    #expect(error?.code == .inUse)
    #expect(error?.message.contains("gone") == false)
    withExtendedLifetime(readers) {}
  }

  @Test("looking where there is no state makes none")
  func nothing() throws {
    for open in [
      { try InterestStore.open(reading: fixture.path) }, { try InterestStore.open(serving: fixture.path, holder: "x") },
    ] {
      #expect(refusal(open)?.code == .notFound)
      #expect(!FileManager.default.fileExists(atPath: fixture.path))
    }
    #expect(refusal { try InterestStore.open(reading: "") }?.code == .notFound)
  }

  @Test("what a crash left in the staging folder goes at the next opening")
  func staging() throws {
    _ = try fixture.open()
    let left = "\(fixture.path)/staging/flush-1-7.sst"
    try Data("half a file".utf8).write(to: URL(fileURLWithPath: left))
    let letters = "\(fixture.path)/dead-letters.jsonl"
    try Data("{}\n".utf8).write(to: URL(fileURLWithPath: letters))
    _ = try InterestStore.open(reading: fixture.path)
    #expect(FileManager.default.fileExists(atPath: left))
    let store = try fixture.open()
    #expect(!FileManager.default.fileExists(atPath: left))
    #expect(store.directory.deadLetters == letters && FileManager.default.fileExists(atPath: letters))
    try fixture.fill(store, [Event(user: "u", behavior: .at(1))])
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(fixture.path)/staging") == [])
  }

  @Test("a folder that cannot be made, and a staging path that is taken, are errors that name it")
  func cannotMake() throws {
    try Data().write(to: URL(fileURLWithPath: fixture.path))
    #expect(refusal { try fixture.open() }?.code == .storage)
    try FileManager.default.removeItem(atPath: fixture.path)
    _ = try fixture.open()
    let staging = "\(fixture.path)/staging"
    try FileManager.default.removeItem(atPath: staging)
    try FileManager.default.createSymbolicLink(atPath: staging, withDestinationPath: "/nowhere/at/all")
    // The link itself is removed, as any leftover.
    _ = try fixture.open()
  }

  @Test("an identity that cannot be read, or of another format, is refused and kept")
  func unreadableIdentity() throws {
    _ = try fixture.open()
    let identity = URL(fileURLWithPath: "\(fixture.path)/identity.json")
    let text = try String(contentsOf: identity, encoding: .utf8)
    let texts = [
      "", "{", text.replacingOccurrences(of: "\"format\" : 1", with: "\"format\" : 2"),
      text.replacingOccurrences(of: "\"kept_behaviors\" : 4", with: "\"kept_behaviors\" : 0"),
      text.replacingOccurrences(of: "\"payment\"", with: "\"refund\""),
      text.replacingOccurrences(of: "\"code\" : 2", with: "\"code\" : 1"),
    ]
    for changed in texts {
      #expect(changed != text)
      try Data(changed.utf8).write(to: identity)
      for open in [{ try fixture.open() }, { try InterestStore.open(reading: fixture.path) }] {
        let error = refusal(open)
        #expect(error?.code == .damaged)
        #expect(error?.message.contains("identity.json") == true)
      }
      #expect(try String(contentsOf: identity, encoding: .utf8) == changed)
    }
    try Data(text.utf8).write(to: identity)
    _ = try fixture.open()
  }
}
