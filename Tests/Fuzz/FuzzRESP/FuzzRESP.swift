import Bytes
import FuzzKit
import Network
import RESP

/// The first byte chooses the limits and whether a password is asked for, up to 7 the sizes of the pieces, the rest is what a client
/// sends: what it is answered does not depend on how it was cut.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var feed = InputFeed(start, count)
  let choice = feed.byte()
  var limits = RESPLimits()
  if choice & 1 == 1 {
    (limits.arguments, limits.argument_bytes, limits.request_bytes, limits.inline_bytes) = (6, 24, 64, 48)
  }
  let hasPassword = choice & 16 != 0
  let pieces = (0..<Int(choice >> 1 & 7)).map { _ in 1 + Int(feed.byte()) }
  let bytes = feed.takeRest()
  let whole = Exchange(limits, hasPassword).send(bytes, inPiecesOf: [])
  let torn = Exchange(limits, hasPassword).send(bytes, inPiecesOf: pieces)
  require(torn == whole, "pieces of \(pieces) are answered \(text(torn)), and all at once \(text(whole))")
  let single = Exchange(limits, hasPassword).send(bytes, inPiecesOf: [1])
  require(single == whole, "single bytes are answered \(text(single)), and all at once \(text(whole))")
  return 0
}

/// A connection without a socket, fed as a network loop does.
private final class Exchange {
  private let connection: ConnectionHandler
  private var pending: [UInt8] = []
  private var output = ByteBuffer()
  private var end = ""

  init(_ limits: RESPLimits, _ hasPassword: Bool) {
    connection = RESPServer(handler: Echo(hasPassword), limits: limits).makeConnection()
  }

  /// All replies, and how the connection stands after them.
  func send(_ bytes: [UInt8], inPiecesOf sizes: [Int]) -> [UInt8] {
    var at = 0
    var turn = 0
    while at < bytes.count && end != "closed" {
      let size = sizes.isEmpty ? bytes.count : sizes[turn % sizes.count]
      feed(bytes[at..<min(at + size, bytes.count)])
      at += size
      turn += 1
    }
    return Array(output.bytes) + Array(end.utf8)
  }

  private func feed(_ bytes: ArraySlice<UInt8>) {
    pending += bytes
    while true {
      let reception = withCopy(pending) { connection.receive($0, &output) }
      require(reception.consumed <= pending.count, "more was consumed than was there")
      let isIdle = reception.consumed == 0
      pending.removeFirst(reception.consumed)
      switch reception.verdict {
      case .close: end = "closed"
      case .partial: end = "partial"
      case .more: continue
      case .deferred: fail("an answer is put off that was given at once")
      case .complete:
        end = ""
        if pending.isEmpty { return }
        require(!isIdle, "complete, and nothing was consumed")
        continue
      }
      return
    }
  }
}

/// Answers with all that it is told, so that a difference in any of it shows. Ages and times are not asked for: they differ.
private final class Echo: RESPHandler {
  private let hasPassword: Bool

  init(_ hasPassword: Bool) { self.hasPassword = hasPassword }

  override var commands: [RESPCommandSpec] {
    // The first of a name answers: these stand before the connection's own.
    [
      RESPCommandSpec("get", arity: -1, keys: (1, -1, 1), verb: 0, group: "string", "All of it."),
      RESPCommandSpec("client", arity: -1, verb: 0, group: "string", "All of it."),
      RESPCommandSpec("time", arity: -1, verb: 0, group: "string", "All of it."),
    ]
  }

  override var initialAccess: RESPAccess { hasPassword ? .none : .admin }

  override func access(
    user: UnsafeRawBufferPointer, password: UnsafeRawBufferPointer, of session: RESPSession
  ) -> RESPAccess? {
    password.elementsEqual("pw".utf8) ? .read : nil
  }

  override func respond(
    to verb: Int, _ command: borrowing RESPCommand, _ session: RESPSession, into reply: inout RESPReply
  ) {
    reply.map(command.count)
    for index in 0..<command.count {
      reply.bulk(command[index])
      if let number = command.integer(index) { reply.integer(number) } else { reply.null() }
    }
  }

  override func info(for access: RESPAccess) -> [RESPInfoSection] { [RESPInfoSection("Server", [("a", "b")])] }
}

/// On one line.
private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self).debugDescription }
