import Bytes
import Foundation
import HTTP
import InterestCodec
import Lookup
import Network
import Routing

/// Lookups that other instances have been asked for. Nobody hears of them any more once canceled.
public final class Forwarding {
  fileprivate(set) var exchanges: [HTTPExchange] = []
  private let client: HTTPClient
  private let counters: ForwardCounters
  private let pass: Admission.Pass?

  /// - Parameter pass: Of the request, where nothing else has it.
  init(_ client: HTTPClient, _ counters: ForwardCounters, _ pass: Admission.Pass? = nil) {
    self.client = client
    self.counters = counters
    self.pass = pass
  }

  public func cancel() {
    for exchange in exchanges where client.cancel(exchange) { counters.count(.canceled) }
    exchanges = []
  }
}

/// The owner's answer.
public struct ForwardedAnswer {
  /// Whether the user is known there.
  public let isKnown: Bool
  let reply: HTTPReply

  /// As `Lookups` would have appended it here; good as long as the answer is kept.
  public var bytes: UnsafeRawBufferPointer {
    let bytes = reply.bodyBytes
    // HTTP ends a JSON body with a line's end.
    return bytes.last == UInt8(ascii: "\n") && !reply.isProtobuf
      ? UnsafeRawBufferPointer(rebasing: bytes.dropLast()) : bytes
  }
}

/// Passes lookups on to the instances that own their users' partitions, once: over the advertised port, by HTTP, whatever protocol they
/// came by. One per `Lookups`, on its loop's thread only.
final class Forwarder {
  let client: HTTPClient
  let counters: ForwardCounters
  private let service: LookupService

  /// Names the instance that has forwarded a request: such a one is never forwarded again.
  static let field: StaticString = "X-Interestd-Forwarded"

  init(_ dialer: Dialer, _ service: LookupService) {
    client = HTTPClient(dialer, security: service.peers)
    self.service = service
    counters = service.forwards
  }

  /// Sends a request; with a body, a message of Protobuf, it is a POST. `completion` is not called within, nor where this throws.
  func ask(
    _ route: ForwardRoute, target: UnsafeRawBufferPointer, body: UnsafeRawBufferPointer? = nil, accept: StaticString,
    within_ms: Int, for forwarding: Forwarding, _ completion: @escaping (Result<HTTPReply, LookupError>) -> Void
  ) throws(LookupError) {
    guard within_ms > 0 else { throw LookupError(.deadline, "the time for the lookup is over") }
    let limit_ms = min(within_ms, Lookups.forwarding_ms)
    var fields: [(StaticString, String)] = [(Self.field, service.instance), ("Accept", accept.description)]
    if body != nil { fields.append(("Content-Type", HTTPResponse.protobuf.description)) }
    do throws(HTTPClientFailure) {
      let exchange = try client.send(
        to: route.socket, host: route.address, target: target, fields: fields, body: body, within_ms: limit_ms
      ) { [self] outcome in
        switch outcome {
        case .success(let reply): completion(take(reply, route))
        case .failure(let failure):
          completion(.failure(explain(failure, route, limit_ms, isDeadline: limit_ms == within_ms)))
        }
      }
      forwarding.exchanges.append(exchange)
    } catch { throw explain(error, route, limit_ms, isDeadline: false) }
  }

  private func take(_ reply: HTTPReply, _ route: ForwardRoute) -> Result<HTTPReply, LookupError> {
    let isStranger = reply.status == .unauthorized || reply.status == .forbidden
    counters.count(reply.status.rawValue < 500 && !isStranger ? .answered : .refused)
    if reply.status == .ok { return .success(reply) }
    // The caller has shown enough here: it is this instance that has not, there.
    if isStranger {
      return .failure(
        LookupError(
          .badAnswer,
          "the owner of partition \(route.partition), \(route.address), does not let this instance read: check "
            + "forward.token_file here and auth there"))
    }
    if reply.status == .serviceUnavailable { service.backend?.topology?.noteMiss() }
    return .failure(LookupError(reply))
  }

  private func explain(
    _ failure: HTTPClientFailure, _ route: ForwardRoute, _ limit_ms: Int, isDeadline: Bool
  ) -> LookupError {
    service.backend?.topology?.noteMiss()
    let who = "the owner of partition \(route.partition), \(route.address),"
    switch failure {
    case .busy:
      counters.count(.busy)
      return LookupError(.busy, "\(who) is asked too much at the moment", retryAfter_s: 1)
    case .unreachable(let reason):
      counters.count(.unreachable)
      return LookupError(.unavailable, "\(who) cannot be reached: \(reason)", retryAfter_s: 1)
    case .timedOut:
      counters.count(.timedOut)
      return LookupError(
        isDeadline ? .deadline : .unavailable, "\(who) has not answered within \(limit_ms) ms", retryAfter_s: 1)
    case .malformed(let problem):
      counters.count(.malformed)
      return LookupError(.badAnswer, "\(who) has sent what is no answer of interestd's: \(problem)")
    case .tooLong(let size):
      counters.count(.malformed)
      return LookupError(.badAnswer, "\(who) has an answer of \(size) bytes, too long to be forwarded: ask there")
    }
  }
}

extension LookupError {
  private struct Body: Decodable {
    struct Detail: Decodable {
      let code: String?
      let parameter: String?
      let message: String
      let retry_after_s: Int?
    }
    let error: Detail
  }

  /// An error as another instance told it.
  init(_ reply: HTTPReply) {
    let body = try? JSONDecoder().decode(Body.self, from: Data(reply.bodyBytes))
    self.init(
      body?.error.code.flatMap { Code(rawValue: $0) } ?? Self.code(of: reply.status),
      body?.error.message ?? "the owner answers \(reply.status.rawValue)", parameter: body?.error.parameter,
      retryAfter_s: reply.retryAfter_s)
  }

  /// As `Batch.writeJSONLines` tells it; nil where the line is a sequence.
  init?(line: UnsafeRawBufferPointer) {
    let start: StaticString = "{\"error\":"
    guard line.starts(with: UnsafeRawBufferPointer(start: start.utf8Start, count: start.utf8CodeUnitCount)) else {
      return nil
    }
    let body = try? JSONDecoder().decode(Body.self, from: Data(line))
    self.init(
      body?.error.code.flatMap { Code(rawValue: $0) } ?? .badAnswer, body?.error.message ?? "the owner cannot tell why",
      parameter: body?.error.parameter, retryAfter_s: body?.error.retry_after_s)
  }

  /// Where it told no code.
  private static func code(of status: HTTPStatus) -> Code {
    switch status {
    case .serviceUnavailable: .unavailable
    case .internalServerError: .storage
    case .badGateway: .badAnswer
    case let other where other.rawValue < 500: .badRequest
    default: .badAnswer
    }
  }
}
