import HTTP
import Network
import Routing
import Synchronization

/// What became of a lookup whose user is another instance's.
enum ForwardOutcome: String, CaseIterable {
  /// Its owner's answer was passed on; `refused`: one of 500 and above.
  case answered, refused
  case redirected
  case unreachable
  case timedOut = "timed_out"
  /// Too many were under way.
  case busy
  /// What the owner sent could not be read, or was too long.
  case malformed
  /// The client has gone meanwhile.
  case canceled
}

/// Passes lookups on to the instances that own their users' partitions, once. One per network loop, on its thread only.
final class Forwarder {
  private let client: HTTPClient
  private let counters: ForwardCounters

  /// Names the instance that has forwarded a request: such a one is never forwarded again.
  static let field: StaticString = "X-Interestd-Forwarded"
  /// An owner has so long to answer, unless the request's own time is over before.
  private static let answer_ms = 2000

  init(_ dialer: Dialer, _ counters: ForwardCounters) {
    client = HTTPClient(dialer)
    self.counters = counters
  }

  static func redirect(to address: String, _ request: borrowing HTTPRequest, _ response: inout HTTPResponse) {
    response.fail(.temporaryRedirect, "the user is at \(address)")
    response.setHeader("Location", "http://\(address)" + String(decoding: request.rawTarget, as: UTF8.self))
  }

  /// Defers the reply until the owner's is there, or writes one that says why that cannot be.
  func forward(
    _ request: borrowing HTTPRequest, of partition: UInt16, to address: String, _ socket: SocketAddress,
    _ topology: Topology, _ response: inout HTTPResponse
  ) {
    let deferral = response.deferReply()
    let who = "the owner of partition \(partition), \(address),"
    do throws(HTTPClientFailure) {
      let exchange = try client.get(
        socket, host: address, target: request.rawTarget, fields: [(Self.field, topology.instance)],
        within_ms: Self.answer_ms
      ) { [counters] outcome in
        deferral.answer { response in
          switch outcome {
          case .success(let reply):
            counters.count(reply.status.rawValue < 500 ? .answered : .refused)
            if reply.status == .serviceUnavailable { topology.noteMiss() }
            response.pass(on: reply)
          case .failure(let failure): Self.explain(failure, who, topology, counters, &response)
          }
        }
      }
      deferral.onCancel = { [client, counters] in
        counters.count(.canceled)
        client.cancel(exchange)
      }
    } catch {
      response.withdrawDeferral()
      Self.explain(error, who, topology, counters, &response)
    }
  }

  private static func explain(
    _ failure: HTTPClientFailure, _ who: String, _ topology: Topology, _ counters: ForwardCounters,
    _ response: inout HTTPResponse
  ) {
    topology.noteMiss()
    switch failure {
    case .busy:
      counters.count(.busy)
      response.failUnavailable(retryAfter_s: 1, "\(who) is asked too much at the moment")
    case .unreachable(let reason):
      counters.count(.unreachable)
      response.failUnavailable(retryAfter_s: 1, "\(who) cannot be reached: \(reason)")
    case .timedOut:
      counters.count(.timedOut)
      response.failUnavailable(retryAfter_s: 1, "\(who) has not answered within \(answer_ms) ms")
    case .malformed(let problem):
      counters.count(.malformed)
      response.fail(.badGateway, "\(who) has sent what is no answer of interestd's: \(problem)")
    case .tooLong(let size):
      counters.count(.malformed)
      response.fail(.badGateway, "\(who) has an answer of \(size) bytes, too long to be forwarded: ask there")
    }
  }
}

/// Forwarded lookups by what became of them, of all loops.
final class ForwardCounters: @unchecked Sendable {  // the pointer never changes, and what it leads to is atomic
  private let counters = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: ForwardOutcome.allCases.count)

  init() { for index in ForwardOutcome.allCases.indices { (counters + index).initialize(to: Atomic(0)) } }

  deinit { counters.deallocate() }

  private func index(of outcome: ForwardOutcome) -> Int { ForwardOutcome.allCases.firstIndex(of: outcome) ?? 0 }

  func count(_ outcome: ForwardOutcome) { counters[index(of: outcome)].add(1, ordering: .relaxed) }

  func count(of outcome: ForwardOutcome) -> UInt64 { counters[index(of: outcome)].load(ordering: .relaxed) }
}
