import Bytes
import Threads

/// One call, from its header to its end. It lives on its loop's thread and is used again for others.
public final class GRPCCall {
  enum Phase {
    /// Nobody's.
    case free
    /// Its header is being read.
    case header
    /// Its message is being read.
    case request
    /// Its request is complete; others are before it.
    case waiting
    /// Its service answers, or will later.
    case running, deferred
    /// It stays open, to be told of changes.
    case open
    /// Its end is on its way to the client.
    case ending

    /// Whether the call is the server's to go on with, and not the client's.
    var isServing: Bool {
      switch self {
      case .waiting, .running, .deferred, .open: true
      case .free, .header, .request, .ending: false
      }
    }
  }

  /// The request's message, inflated; good until the service returns.
  public internal(set) var message = UnsafeRawBufferPointer(start: nil, count: 0)
  /// When the client gives up, of `MonotonicClock`; the server's own limit where it has set none.
  public internal(set) var deadline_ns = UInt64.max
  /// The service's own, 0 at first: what a call that is kept open was told last, say.
  public var mark = 0

  var header = RequestHeader()
  var reader = MessageReader()
  private(set) var phase = Phase.free
  var stream: Int32 = 0
  /// Among the connection's calls.
  var index = 0
  unowned(unsafe) var connection: GRPCConnection?  // set by the connection, which takes it away before it goes
  var began_ns: UInt64 = 0
  /// When waiting for what the phase waits for ends.
  var until_ns = UInt64.max
  /// Framed messages, sent up to `sent`.
  private(set) var reply = ByteBuffer(capacity: 16)
  var sent = 0
  var failure: GRPCFailure?
  var isKeptOpen = false
  var deferral: GRPCDeferral?
  /// Nothing was sent yet, so that a failure needs no message before it.
  var hasHeader = false
  /// The data source waits for messages.
  var isStarved = false
  var isCounted = false
  /// The message being read is compressed.
  var isCompressed = false
  /// The one message that the method takes has come.
  var isWhole = false
  /// What the limits of requests and replies hold against it.
  var request_bytes = 0
  var reply_bytes = 0

  /// Memory that a call keeps for the next one.
  private static let kept_bytes = 32 << 10

  init() {}

  /// What is left of the client's time.
  public var left_ms: Int {
    let now_ns = MonotonicClock.now_ns
    return deadline_ns > now_ns ? Int((deadline_ns - now_ns) / 1_000_000) : 0
  }

  /// Writes a message of the reply; what `fill` appends is its bytes. Where it throws, nothing is written.
  public func write<Result, Failure: Error>(
    _ fill: (inout ByteBuffer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let start = reply.count
    reply.reserve(MessageReader.prefix_bytes).initializeMemory(as: UInt8.self, repeating: 0, count: 5)
    reply.commit(MessageReader.prefix_bytes)
    let result: Result
    do throws(Failure) {
      result = try fill(&reply)
    } catch {
      reply.truncate(to: start)
      throw error
    }
    let size = UInt32(clamping: reply.count - start - MessageReader.prefix_bytes)
    reply.written(from: start + 1).storeBytes(of: size.bigEndian, as: UInt32.self)
    return result
  }

  /// Takes back what was written and is not on its way.
  public func withdraw() {
    reply.truncate(to: sent)
    if sent == 0 { reply.shrink(to: Self.kept_bytes) }
  }

  /// Ends the call with this instead of well. `retryAfter_ms` tells the client when to try again.
  public func fail(_ status: GRPCStatus, _ message: String, retryAfter_ms: Int? = nil) {
    failure = GRPCFailure(status: status, message: message, retryAfter_ms: retryAfter_ms)
  }

  /// For an answer that comes later.
  public func deferReply() -> GRPCDeferral {
    let deferral = GRPCDeferral(self)
    self.deferral = deferral
    return deferral
  }

  /// What was written into the call counts after all.
  public func withdrawDeferral() { deferral.take()?.forget() }

  /// After what was written, more may follow, by `GRPCService.update`.
  public func keepOpen() { isKeptOpen = true }

  // MARK: The connection's

  func move(to phase: Phase, _ server: GRPCServer) {
    if phase.isServing != self.phase.isServing { server.callsServed += phase.isServing ? 1 : -1 }
    self.phase = phase
  }

  func begin(stream: Int32, connection: GRPCConnection, now_ns: UInt64) {
    self.stream = stream
    self.connection = connection
    phase = .header
    began_ns = now_ns
  }

  /// Forgets everything.
  func clear() {
    connection = nil
    phase = .free
    header.clear()
    reader.clear()
    reply.clear()
    reply.shrink(to: Self.kept_bytes)
    deadline_ns = .max
    until_ns = .max
    mark = 0
    sent = 0
    failure = nil
    deferral = nil
    isKeptOpen = false
    hasHeader = false
    isStarved = false
    isCounted = false
    isCompressed = false
    isWhole = false
    request_bytes = 0
    reply_bytes = 0
  }

  /// Messages that were sent take no memory.
  func forgetSent() {
    reply.clear()
    sent = 0
  }
}

/// An answer that is owed. Made by `GRPCCall.deferReply`; used on the loop's thread only.
public final class GRPCDeferral {
  private unowned(unsafe) var call: GRPCCall?  // taken away when the call ends, before which its connection holds it
  /// Called, once, where nobody waits for the answer any more: the client has gone, or its deadline has passed.
  public var onCancel: (() -> Void)?

  init(_ call: GRPCCall) { self.call = call }

  /// Ends the call with what `fill` writes. Without effect where it has ended before. Not within `respond`.
  public func answer(_ fill: (GRPCCall) -> Void) {
    onCancel = nil
    guard let call = self.call, let connection = call.connection else { return }
    self.call = nil
    connection.answer(call, fill)
  }

  func cancel() {
    call = nil
    onCancel.take()?()
  }

  /// Without a word to anybody: the call has another answer.
  func forget() {
    call = nil
    onCancel = nil
  }
}
