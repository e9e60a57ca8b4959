import Bytes
import Glibc
import Network
import TestKit

/// A protocol as small as can be: each line is answered with itself; `big N` with N times `x`; `quit` ends.
final class LineConnection: ConnectionHandler {
  override func receive(_ input: UnsafeRawBufferPointer, _ output: inout ByteBuffer) -> Reception {
    guard let end = input.firstIndex(of: UInt8(ascii: "\n")) else {
      return Reception(consumed: 0, input.isEmpty ? .complete : .partial)
    }
    let line = String(decoding: input[..<end], as: UTF8.self)
    if line == "quit" {
      output.append("bye\n")
      return Reception(consumed: end + 1, .close)
    }
    if line == "who", let identity {
      output.append(identity.names.joined(separator: ",") + "\n")
      return Reception(consumed: end + 1, .complete)
    }
    if line.hasPrefix("big ") {
      let size = Int(line.dropFirst(4)) ?? 0
      output.reserve(size).initializeMemory(as: UInt8.self, repeating: UInt8(ascii: "x"), count: size)
      output.commit(size)
    } else {
      output.append(line)
      output.append("\n")
    }
    return Reception(consumed: end + 1, .complete)
  }

  override func refusePlaintext(_ output: inout ByteBuffer) { output.append("tls only\n") }

  override func requestExpired(_ output: inout ByteBuffer) { output.append("late\n") }
}

final class LineFactory: ConnectionFactory {
  override func makeConnection() -> ConnectionHandler { LineConnection() }
}

extension NetworkServer {
  /// A server of lines on a free loopback port.
  static func lines(loops: Int = 1, _ adjust: (inout NetworkLimits) -> Void = { _ in }) throws -> NetworkServer {
    var limits = NetworkLimits()
    adjust(&limits)
    let listener = try Listener(address: "127.0.0.1:0", allowRemote: false, option: "http.allow_remote") {
      LineFactory()
    }
    return try NetworkServer(loops: loops, limits: limits, listeners: [listener])
  }

  func client(receiveBuffer_bytes: Int32? = nil) throws -> Client {
    try Client(addresses[0], receiveBuffer_bytes: receiveBuffer_bytes)
  }

  /// Tells whether `condition` came to hold.
  func wait(until condition: (NetworkCounters.Values) -> Bool) -> Bool { eventually { condition(counters.values) } }
}

/// `big` is answered with 200,000 times `x`; `late` when another connection says `now`.
final class LateFactory: ConnectionFactory {
  private var waiting: [LateConnection] = []

  override func makeConnection() -> ConnectionHandler { LateConnection(self) }

  private final class LateConnection: ConnectionHandler {
    private unowned let factory: LateFactory  // the loop holds it longer than connections

    init(_ factory: LateFactory) { self.factory = factory }

    override func receive(_ input: UnsafeRawBufferPointer, _ output: inout ByteBuffer) -> Reception {
      guard let end = input.firstIndex(of: UInt8(ascii: "\n")) else {
        return Reception(consumed: 0, input.isEmpty ? .complete : .partial)
      }
      switch String(decoding: input[..<end], as: UTF8.self) {
      case "big":
        for _ in 0..<200_000 { output.append(UInt8(ascii: "x")) }
      case "late":
        factory.waiting.append(self)
        return Reception(consumed: end + 1, .deferred)
      default:
        wake(at_ns: 0)
        output.append("ok\n")
      }
      return Reception(consumed: end + 1, .complete)
    }

    // Not within `receive`, where no reply may be finished.
    override func woken() {
      for connection in factory.waiting {
        connection.reply { output in
          output.append("late\n")
          return true
        }
      }
    }
  }
}
