import Bytes
import Network
import RESP

/// Feeds a connection without a socket, in the way that a network loop does.
struct RESPDriver: ~Copyable {
  let handler: KeyHandler
  private let connection: ConnectionHandler
  private var pending: [UInt8] = []
  private var output = ByteBuffer()
  private(set) var isClosed = false
  private(set) var isPartial = false
  private(set) var isDeferred = false

  init(handler: KeyHandler = KeyHandler(), limits: RESPLimits = RESPLimits(), counters: RESPCounters = RESPCounters()) {
    self.init(RESPServer(handler: handler, limits: limits, counters: counters).makeConnection(), handler)
  }

  init(_ connection: ConnectionHandler, _ handler: KeyHandler = KeyHandler()) {
    (self.connection, self.handler) = (connection, handler)
  }

  /// What was answered, and how the connection stands: `<end>`, `<partial>` or `<deferred>`.
  var replies: String {
    String(decoding: output.bytes, as: UTF8.self)
      + (isClosed ? "<end>" : isDeferred ? "<deferred>" : isPartial ? "<partial>" : "")
  }

  mutating func clear() { output.clear() }

  mutating func feed(_ bytes: some Collection<UInt8>) {
    pending += bytes
    while !isClosed {
      let reception = pending.withUnsafeBytes { bytes in
        connection.foresee(bytes)
        return connection.receive(bytes, &output)
      }
      pending.removeFirst(reception.consumed)
      (isPartial, isDeferred) = (reception.verdict == .partial, reception.verdict == .deferred)
      switch reception.verdict {
      case .close: isClosed = true
      case .more: continue
      case .partial, .deferred: return
      case .complete: if pending.isEmpty { return }
      }
    }
  }

  mutating func expire() { connection.requestExpired(&output) }

  func end() { connection.ended() }

  /// All replies to `text`, cut before each of `cuts`.
  static func replies(
    to text: String, cutting cuts: [Int] = [], handler: KeyHandler = KeyHandler(), limits: RESPLimits = RESPLimits()
  ) -> String {
    var driver = RESPDriver(handler: handler, limits: limits)
    let bytes = Array(text.utf8)
    var start = 0
    for cut in cuts + [bytes.count] where cut > start {
      driver.feed(bytes[start..<cut])
      start = cut
    }
    return driver.replies
  }
}

/// Answers `get key` with the key, `list a b` with both, `later` when the test says so.
final class KeyHandler: RESPHandler {
  var password: [UInt8]?
  private(set) var deferrals: [RESPDeferral] = []
  private(set) var canceled = 0
  /// Keys, and `.` where they come.
  private(set) var foreseenKeys: [String] = []

  override var product: (name: String, redisVersion: String) { ("test", "1.2.3") }

  override var commands: [RESPCommandSpec] {
    [
      RESPCommandSpec("get", arity: 2, keys: (1, 1, 1), verb: 0, group: "string", "The key."),
      RESPCommandSpec("list", arity: -2, keys: (1, -1, 1), verb: 1, group: "string", "The keys."),
      RESPCommandSpec("later", arity: 1, verb: 2, group: "string", "The reply, later."),
      RESPCommandSpec("written", arity: 2, verb: 3, group: "string", "So many bytes."),
    ]
  }

  override var foreseenCommand: StaticString? { "get" }

  override func foresee(key: UnsafeRawBufferPointer) { foreseenKeys.append(String(decoding: key, as: UTF8.self)) }

  override func foreseen() { foreseenKeys.append(".") }

  override func respond(
    to verb: Int, _ command: borrowing RESPCommand, _ session: RESPSession, into reply: inout RESPReply
  ) {
    switch verb {
    case 0: if command[1].elementsEqual("nobody".utf8) { reply.null() } else { reply.bulk(command[1]) }
    case 1:
      reply.array(command.count - 1)
      for index in 1..<command.count { reply.bulk(command[index]) }
    case 2:
      let deferral = reply.deferReply()
      deferral.onCancel = { [unowned self] in canceled += 1 }
      deferrals.append(deferral)
    default:
      let count = command.integer(1) ?? 0
      do throws(Unwritable) {
        try reply.bulk(expecting: 100) { output throws(Unwritable) in
          for _ in 0..<max(count, 5) { output.append(UInt8(ascii: "x")) }
          if count < 0 { throw Unwritable() }
          output.truncate(to: output.count - max(0, 5 - count))
        }
      } catch { reply.error("ERR", "it\r\nfailed") }
    }
  }

  override func refusalOfWrites(removing: Bool) -> String { "nothing is \(removing ? "removed" : "written") here" }

  override var initialAccess: RESPAccess { password == nil ? .admin : .none }

  override func access(
    user: UnsafeRawBufferPointer, password: UnsafeRawBufferPointer, of session: RESPSession
  ) -> RESPAccess? {
    guard user.elementsEqual("default".utf8) else { return nil }
    guard let expected = self.password else { return .admin }
    return password.elementsEqual(expected) ? .read : nil
  }

  override func info(for access: RESPAccess) -> [RESPInfoSection] {
    [RESPInfoSection("Server", [("redis_version", "7.0.0")]), RESPInfoSection("Stats", [("total", "5")])]
  }
}

private struct Unwritable: Error {}

/// As clients send it: an array of bulk strings.
func command(_ words: String...) -> String {
  "*\(words.count)\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
}

func bulk(_ text: String) -> String { "$\(text.utf8.count)\r\n\(text)\r\n" }
