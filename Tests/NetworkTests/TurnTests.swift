import Bytes
import Network
import TestKit
import Testing
import Threads

@Suite("Requests of many connections that have come together")
struct TurnTests {
  @Test("are brought near sixteen at a time, and each is answered with its own", arguments: [1, 16, 40, 200])
  func turns(count: Int) throws {
    let journal = Journal()
    let server = try server(journal)
    let holder = try server.client()
    let clients = try (0..<count).map { _ in try server.client() }
    #expect(server.wait { $0.open == count + 1 })
    try holder.send("hold\n")
    journal.awaitHold()
    for (index, client) in clients.enumerated() { try client.send("line \(index)\n") }
    journal.release()
    for (index, client) in clients.enumerated() {
      #expect(try client.read(asLongAs: "line \(index)\n") == "line \(index)\n")
    }
    #expect(try holder.read(asLongAs: "hold\n") == "hold\n")

    let steps = journal.steps
    #expect(steps.filter { $0.isForeseen }.count == count)
    #expect(steps.filter { !$0.isForeseen }.count == count)
    let runs = steps.split { !$0.isForeseen }
    #expect(runs.allSatisfy { $0.count <= 16 })
    #expect(runs.first?.count == min(count, 16))
    for run in runs {
      let answered = steps[run.endIndex...].prefix(run.count)
      #expect(answered.map(\.line) == run.map(\.line))
    }
  }

  @Test("are answered whatever becomes of other connections of the turn")
  func endings() throws {
    let journal = Journal()
    let server = try server(journal)
    let holder = try server.client()
    let clients = try (0..<48).map { _ in try server.client() }
    #expect(server.wait { $0.open == 49 })
    try holder.send("hold\n")
    journal.awaitHold()
    for (index, client) in clients.enumerated() {
      try client.send("line \(index)\n")
      if index % 3 == 0 { client.reset() }
      if index % 3 == 1 { try client.send("quit\n") }
    }
    journal.release()
    for (index, client) in clients.enumerated() {
      switch index % 3 {
      case 0: continue
      case 1: #expect(try client.readToEnd() == "line \(index)\nbye\n")
      default: #expect(try client.read(asLongAs: "line \(index)\n") == "line \(index)\n")
      }
    }
    // Those that were reset are forgotten.
    #expect(server.wait { $0.open <= 33 })
  }

  private func server(_ journal: Journal) throws -> NetworkServer {
    let listener = try Listener(address: "127.0.0.1:0", allowRemote: false, option: "http.allow_remote") {
      JournalFactory(journal)
    }
    return try NetworkServer(loops: 1, listeners: [listener])
  }
}

/// What a loop does with the lines that it is sent, in order. `hold` keeps it until it is released.
private final class Journal: @unchecked Sendable {  // guarded by `mutex`
  struct Step {
    var line: String
    var isForeseen: Bool
  }

  private let mutex = Mutex()
  private var taken: [Step] = []
  private var isHeld = false
  private var isReleased = false

  var steps: [Step] { mutex.withLock { taken } }

  func note(_ line: String, isForeseen: Bool) {
    mutex.withLock {
      if line.hasPrefix("line") { taken.append(Step(line: line, isForeseen: isForeseen)) }
      guard line == "hold", !isForeseen else { return }
      isHeld = true
      mutex.notifyAll()
      while !isReleased { mutex.wait() }
    }
  }

  func awaitHold() { mutex.withLock { while !isHeld { mutex.wait() } } }

  func release() {
    mutex.withLock {
      isReleased = true
      mutex.notifyAll()
    }
  }
}

private final class JournalFactory: ConnectionFactory {
  private let journal: Journal

  init(_ journal: Journal) { self.journal = journal }

  override func makeConnection() -> ConnectionHandler { JournalConnection(journal) }
}

private final class JournalConnection: ConnectionHandler {
  private let lines = LineConnection()
  private let journal: Journal

  init(_ journal: Journal) { self.journal = journal }

  override func foresee(_ input: UnsafeRawBufferPointer) { note(input, isForeseen: true) }

  override func receive(_ input: UnsafeRawBufferPointer, _ output: inout ByteBuffer) -> Reception {
    note(input, isForeseen: false)
    return lines.receive(input, &output)
  }

  private func note(_ input: UnsafeRawBufferPointer, isForeseen: Bool) {
    guard let end = input.firstIndex(of: UInt8(ascii: "\n")) else { return }
    journal.note(String(decoding: input[..<end], as: UTF8.self), isForeseen: isForeseen)
  }
}
